"""Exec plugins of a kubeconfig: programs that print a credential (client-go's ExecCredential).

    the plugin                                        raises
    of another version than v1 and v1beta1            `OperatorNeeded`
    cannot be run                                     `OperatorNeeded`, with its install hint
    takes more than a minute, fails, prints no JSON   `ApiTrouble`: it is run again later

I/O.  Called by `kube.credentials`.
"""

from __future__ import annotations

import asyncio
import json
import os
from asyncio.subprocess import DEVNULL, PIPE
from typing import Any

import msgspec

from feddns.errors import ApiTrouble, OperatorNeeded

SECONDS = 60.0
_VERSIONS = ("client.authentication.k8s.io/v1", "client.authentication.k8s.io/v1beta1")


class Variable(msgspec.Struct):
    """One of the environment."""

    name: str
    value: str = ""


class Plugin(msgspec.Struct, rename="camel"):
    """`users[].user.exec` of a kubeconfig."""

    command: str
    api_version: str = ""
    args: list[str] | None = None
    env: list[Variable] | None = None
    install_hint: str | None = None
    provide_cluster_info: bool = False


class Granted(msgspec.Struct, rename="camel"):
    """What it prints as `status`."""

    token: str = ""
    client_certificate_data: str = ""
    client_key_data: str = ""
    expiration_timestamp: str = ""


class _Credential(msgspec.Struct):
    status: Granted


async def run(plugin: Plugin, cluster: dict[str, Any]) -> Granted:
    """What the plugin grants; `cluster` is told to it when it wants to know."""
    if plugin.api_version not in _VERSIONS:
        raise OperatorNeeded(
            f"exec plugin {plugin.command}: apiVersion {plugin.api_version!r} is none of "
            f"{', '.join(_VERSIONS)}; update it"
        )
    process = await _start(plugin, cluster)
    try:
        printed, said = await asyncio.wait_for(process.communicate(), SECONDS)
    except TimeoutError:
        raise ApiTrouble(f"exec plugin {plugin.command} took {SECONDS:.0f} s") from None
    finally:
        if process.returncode is None:
            process.kill()
            await process.wait()
    if process.returncode:
        words = " ".join(said.decode("utf-8", "replace").split())[-300:]
        raise ApiTrouble(f"exec plugin {plugin.command} ended with {process.returncode}: {words}")
    try:
        return msgspec.json.decode(printed, type=_Credential).status
    except (msgspec.DecodeError, UnicodeError) as error:
        raise ApiTrouble(
            f"exec plugin {plugin.command} printed no ExecCredential ({error})"
        ) from error


async def _start(plugin: Plugin, cluster: dict[str, Any]) -> asyncio.subprocess.Process:
    environment = dict(os.environ)
    environment.update((item.name, item.value) for item in plugin.env or ())
    spec: dict[str, Any] = {"interactive": False}
    if plugin.provide_cluster_info:
        spec["cluster"] = cluster
    asked = {"apiVersion": plugin.api_version, "kind": "ExecCredential", "spec": spec}
    environment["KUBERNETES_EXEC_INFO"] = json.dumps(asked)
    command = (plugin.command, *(plugin.args or ()))
    try:
        return await asyncio.create_subprocess_exec(
            *command, env=environment, stdin=DEVNULL, stdout=PIPE, stderr=PIPE
        )
    except OSError as error:
        hint = (plugin.install_hint or "install it").strip()
        raise OperatorNeeded(
            f"exec plugin {plugin.command} cannot be run ({error.strerror}); {hint}"
        ) from error
