"""What octoDNS makes a provider of: from its own configuration file, or from an INI section.

    YAML    `providers:` of octoDNS' configuration, one of them by its name; the only one without
    INI     class, and the arguments, with - or _; digits are numbers but for secrets

`env/NAME` and `env/NAME/default` are filled in by octoDNS' rules.  Reads no file.  Called by the
catalogue and `octodns`.
"""

from __future__ import annotations

from collections.abc import Mapping

import yaml
from octodns.context import ContextDict
from octodns.secret.environ import EnvironSecrets
from octodns.secret.exception import SecretsException

from feddns.errors import DocumentRefused, OperatorNeeded

_SECRET = ("secret", "token", "password", "key", "credential")


def read_config(text: str, where: str, name: str = "") -> tuple[str, dict[str, object]]:
    """Class and arguments of one of the `providers` of octoDNS' own configuration, by its name.

    Raises `DocumentRefused`, and `OperatorNeeded` for a variable that is not set.
    """
    try:
        document = yaml.safe_load(text)
    except yaml.YAMLError as error:
        raise DocumentRefused(f"{where}: no YAML{_line(error)}") from None
    providers = document.get("providers") if isinstance(document, dict) else None
    if not isinstance(providers, dict) or not providers:
        raise DocumentRefused(f"{where}: no `providers`, as octoDNS' configuration has them")
    if not name and len(providers) == 1:
        (name,) = providers
    given = providers.get(name)
    if not isinstance(given, dict) or not isinstance(given.get("class"), str):
        raise DocumentRefused(
            f"{where}: which of {', '.join(map(str, providers))}? {name!r} has no class"
        )
    arguments = {key: value for key, value in given.items() if key != "class"}
    return given["class"], _with_environment(arguments, where)


def _line(error: yaml.YAMLError) -> str:
    """Where it is wrong; what stands there may be a secret, and YAML's own words have it."""
    mark = getattr(error, "problem_mark", None)
    return f", line {mark.line + 1}" if mark is not None else ""


def read_keys(keys: Mapping[str, str], where: str) -> tuple[str, dict[str, object]]:
    """The same from the keys of an INI section: `class`, and the arguments by octoDNS' names."""
    if not keys.get("class"):
        raise DocumentRefused(f"{where}: no class, as in class = octodns_bind.Rfc2136Provider")
    arguments = {
        key.replace("-", "_"): _typed(key, value) for key, value in keys.items() if key != "class"
    }
    return keys["class"], _with_environment(arguments, where)


def _typed(key: str, value: str) -> object:
    """Numbers and truths, but for what may be a secret of digits."""
    if value.lower() in ("true", "false"):
        return value.lower() == "true"
    return int(value) if value.isdigit() and not is_secret(key) else value


def _with_environment(arguments: Mapping[str, object], where: str) -> dict[str, object]:
    """With `env/NAME` and `env/NAME/default` filled in, by octoDNS' rules."""
    source = ContextDict(dict(arguments), context=where)
    try:
        return {
            key: EnvironSecrets("env").fetch(value[4:], source)
            if isinstance(value, str) and value.startswith("env/")
            else value
            for key, value in arguments.items()
        }
    except SecretsException as error:
        raise OperatorNeeded(one_line(error)) from None


def is_secret(key: str) -> bool:
    return any(part in key.lower() for part in _SECRET)


def one_line(error: Exception) -> str:
    """All of an error's lines as one."""
    return " ".join(str(error).split())[:500] or type(error).__name__
