"""YAML text → JSON: fast where the text is plain, exact everywhere.

    exact   PyYAML (libyaml).  The authority: what it says the text means, it means.
    fast    rapidyaml, twenty times as fast; only for text that `is_plain` lets through, where the
            two agree.  None when rapidyaml has doubts too.

They disagree on YAML 1.1 scalars (`yes`, `012`, `1e3`, `1:30`), anchors, tags, merge keys, complex
keys, folded blocks and control characters; text that may hold any of these is not plain.  A word
too many in that list costs time, a word too few would change a meaning.

Two differences to `yaml.safe_load` are wanted: timestamps and keys stay the text they are, as in
the API's JSON; text that nests or repeats without end is refused, for libyaml's binding would
exhaust the stack and aliases the memory.  Of broken text in flow style rapidyaml may make something
where PyYAML refuses it.

Called by `manifests.documents`.
"""

from __future__ import annotations

import base64
import contextlib
import ctypes
import json
import math
import os
import re
from collections.abc import Hashable, Iterator
from typing import Any

import ryml
import yaml

from feddns.errors import DocumentRefused

DEEPEST = 100
_NODES_PER_OCTET = 8
_MOST_FREE_NODES = 100_000

# --- which text is plain -------------------------------------------------------------------------

_PRINTABLE = bytes(range(0x20, 0x7F)) + b"\n"
_COLLECTIONS = ("{", "[")
_NO_START = (b":", b"]", b"}", b",", b"...", b"---")
_ODDITIES = (b"<<", b"\n---", b"...", b" :", b"\n:", b"nan:", b"inf:", b"infinity:")
_FLOW_ODDITIES = (b"[:", b"{:", b":]", b":}", b":,", b"] -", b"} -")
_MARKS = (b"&", b"*", b"!", b"@", b"`", b"%")
_ODD_SCALAR = rb"""(?=[yYnNoOtTfFiI0-9~=.+\]},&*!@`%-])(?: [\]},&*!@`%] | (?:
    (?!(?:true|false|null)[\s,\]}])
    (?i:yes|no|on|off|true|false|null|[-+]?\.?(?:nan|inf|infinity))
  | [~=]
  | [-+]? 0 [0-9xXoObB_] [0-9a-fA-F_.:]*             # 012, 0x1f, 0b1
  | [-+]? [0-9] [0-9.]* _ [0-9_.]*                   # 1_000
  | [-+]? [0-9][0-9_]* (?: :[0-5]?[0-9] )+ (?: \.[0-9_]* )?    # 1:30
  | [-+]? (?: [0-9][0-9_]* \.? [0-9_]* | \.[0-9_]+ ) [eE] [-+]? [0-9]+    # 1e3
  | [-+]? \. [0-9_]*
  | \+ [0-9.]*
) (?= [ ]* (?: [\n,\]}] | \Z | [ ]\# ) ))"""
_ODD_AFTER_COLON = re.compile(rb":[ ][ ]*+" + _ODD_SCALAR, re.VERBOSE)
_ODD_AFTER_DASH = re.compile(rb"-[ ][ ]*+" + _ODD_SCALAR, re.VERBOSE)
_ODD_BELOW_COLON = re.compile(rb":\n[ \n]*+" + _ODD_SCALAR, re.VERBOSE)
_ODD_BELOW_DASH = re.compile(rb"-\n[ \n]*+" + _ODD_SCALAR, re.VERBOSE)
_ODD_ANYWHERE = re.compile(rb"[ \n][ ]*+" + _ODD_SCALAR, re.VERBOSE)
_ODD_IN_FLOW = re.compile(rb"""(?:[\[{,]|":)[ \n]*+(?![\]}])""" + _ODD_SCALAR, re.VERBOSE)
_INDICATOR = re.compile(rb"(?:\n|\A)[ ]*[&*!@`%\]},]")
_COMPLEX_KEY = re.compile(rb"(?:[:?-][ ]+|[\[{,][ ]*|(?:\n|\A)[ ]*)\?[ \n]")
_FOLDED = re.compile(rb"[ \n]>[-+0-9]*[ ]*(?:#[^\n]*)?\n")
_INDENTED_LITERAL = re.compile(rb"[ \n]\|[-+]?[0-9]")


def is_plain(text: bytes) -> bool:
    """Whether both parsers are known to read the text alike.

    Cheap looks for octets decide whether a costly one is needed at all.
    """
    if text.translate(None, _PRINTABLE) or text.startswith(_NO_START):
        return False
    if any(oddity in text for oddity in _ODDITIES):
        return False
    if b">" in text and _FOLDED.search(text):
        return False
    if b"|" in text and (text[-1:] != b"\n" or _INDENTED_LITERAL.search(text)):
        return False
    if b"?" in text and _COMPLEX_KEY.search(text):
        return False
    has_flow = text.count(b"{") + text.count(b"}") != 2 * text.count(b"{}")
    has_flow = has_flow or text.count(b"[") + text.count(b"]") != 2 * text.count(b"[]")
    if has_flow and any(oddity in text for oddity in _FLOW_ODDITIES):
        return False
    has_marks = has_flow or b"," in text or any(mark in text for mark in _MARKS)
    if has_marks and _INDICATOR.search(text):
        return False
    return not _holds_odd_scalar(text, has_flow)


def _holds_odd_scalar(text: bytes, has_flow: bool) -> bool:
    """Whether an unquoted scalar may stand somewhere that YAML 1.1 and JSON read differently.

    Each search starts at a literal: that is what makes it fast, so the general one is for the few
    texts where a value may stand far behind its colon.
    """
    if _ODD_AFTER_COLON.search(text) or _ODD_AFTER_DASH.search(text):
        return True
    if b"#" in text or b" \n" in text:
        if _ODD_ANYWHERE.search(text):
            return True
    elif _ODD_BELOW_COLON.search(text) or _ODD_BELOW_DASH.search(text):
        return True
    return has_flow and _ODD_IN_FLOW.search(text) is not None


# --- fast ----------------------------------------------------------------------------------------


def fast(text: bytes) -> str | None:
    """The one document in `text` as JSON; None when it takes `exact` to know.

    The JSON may be broken where the YAML was odd: the caller decodes it and falls back.
    """
    if _mute is None or not is_plain(text):
        return None
    with _mute():
        try:
            tree = ryml.parse_in_arena(text)
            written = ryml.emit_json(tree)
        except (ryml.ExceptionBasic, ryml.ExceptionParse, ryml.ExceptionVisit):
            return None
    return written if isinstance(written, str) and written[:1] in _COLLECTIONS else None


def _find_mute() -> Any:
    """A context in which C code's `stderr` leads nowhere; None where there is no such.

    rapidyaml prints each parse error to C's `stderr`, and no switch of its Python binding turns
    that off.  For the length of the call the variable points to another stream; the GIL is held
    throughout, so nobody else meets it, and file descriptor 2 is never touched.  Only glibc
    promises a variable that may be written.
    """
    try:
        if not (os.confstr("CS_GNU_LIBC_VERSION") or "").startswith("glibc"):
            return None
        library = ctypes.CDLL(None)
        variable = ctypes.c_void_p.in_dll(library, "stderr")
        library.fopen.restype = ctypes.c_void_p
        nowhere = library.fopen(b"/dev/null", b"we")
    except (ValueError, OSError, AttributeError):
        return None
    if not nowhere:
        return None

    @contextlib.contextmanager
    def mute() -> Iterator[None]:
        before = variable.value
        variable.value = nowhere
        try:
            yield
        finally:
            variable.value = before

    return mute


_mute = _find_mute()


# --- exact ---------------------------------------------------------------------------------------


class _Loader(yaml.CSafeLoader):
    """PyYAML's own, with timestamps, `=` and all keys as the text they are."""

    def construct_mapping(self, node: Any, deep: bool = False) -> dict[Hashable, Any]:
        self.flatten_mapping(node)
        return {
            self._key(key): self.construct_object(value, deep=True) for key, value in node.value
        }

    def _key(self, node: Any) -> str:
        if isinstance(node, yaml.ScalarNode):
            return str(node.value)
        raise yaml.MarkedYAMLError(None, None, "a key that is no text", node.start_mark)


_Loader.yaml_implicit_resolvers = {
    first: [
        (tag, pattern)
        for tag, pattern in resolvers
        if tag not in ("tag:yaml.org,2002:timestamp", "tag:yaml.org,2002:value")
    ]
    for first, resolvers in yaml.CSafeLoader.yaml_implicit_resolvers.items()
}


def exact(text: bytes, line: int = 1) -> list[tuple[bytes, int]]:
    """Every document of the text as JSON, and the line where it starts.

    `line` is that of the text's first line.  Raises `DocumentRefused`.
    """
    try:
        _check_depth(text, line)
        loader = _Loader(text)
        try:
            return list(_load(loader, len(text), line))
        finally:
            loader.dispose()
    except yaml.YAMLError as error:
        raise _refusal(error, text, line) from error
    except (ValueError, OverflowError, RecursionError) as error:
        raise DocumentRefused(f"{error}; write it as a quoted string", line) from error


def _load(loader: Any, size: int, line: int) -> Iterator[tuple[bytes, int]]:
    while loader.check_node():
        node = loader.get_node()
        start = line + node.start_mark.line
        value = loader.construct_document(node)
        nodes = _Budget(size * _NODES_PER_OCTET + _MOST_FREE_NODES, start)
        yield json.dumps(_to_json(value, nodes, 0), separators=(",", ":")).encode(), start


def _check_depth(text: bytes, line: int) -> None:
    """Refuse what nests too deep, before PyYAML's recursion meets it."""
    depth = 0
    for event in yaml.parse(text, Loader=yaml.CSafeLoader):
        if isinstance(event, yaml.CollectionStartEvent):
            depth += 1
            if depth > DEEPEST:
                at = line + (event.start_mark.line if event.start_mark else 0)
                raise DocumentRefused(f"nests deeper than {DEEPEST} levels; flatten it", at)
        elif isinstance(event, yaml.CollectionEndEvent):
            depth -= 1


class _Budget:
    """How many values a document may still have: aliases can multiply a few lines to gigabytes."""

    def __init__(self, nodes: int, line: int) -> None:
        self.left = nodes
        self.line = line

    def take(self) -> None:
        self.left -= 1
        if self.left < 0:
            raise DocumentRefused("its aliases repeat too much; write it out", self.line)


def _to_json(value: object, nodes: _Budget, depth: int) -> object:
    """The value in JSON's types: bytes are base64, a set is a list, no number is endless."""
    nodes.take()
    if depth > DEEPEST:
        raise DocumentRefused("an alias leads back into itself; write it out", nodes.line)
    if isinstance(value, str) or value is None or isinstance(value, bool | int):
        return value
    if isinstance(value, dict):
        return {key: _to_json(item, nodes, depth + 1) for key, item in value.items()}
    if isinstance(value, list | tuple | set):
        return [_to_json(item, nodes, depth + 1) for item in value]
    if isinstance(value, float):
        return value if math.isfinite(value) else str(value)
    if isinstance(value, bytes):
        return base64.b64encode(value).decode("ascii")
    return str(value)


def _refusal(error: yaml.YAMLError, text: bytes, line: int) -> DocumentRefused:
    mark = getattr(error, "problem_mark", None) or getattr(error, "context_mark", None)
    if mark is not None:
        problem = getattr(error, "problem", None) or getattr(error, "context", None) or "not YAML"
        last = text.rstrip().count(b"\n")  # the end of the text may be a line further down
        return DocumentRefused(f"{problem} (column {mark.column + 1})", line + min(mark.line, last))
    position = getattr(error, "position", None)
    if isinstance(position, int):
        reason = f"{getattr(error, 'reason', 'not text')} at octet {position}; write UTF-8"
        return DocumentRefused(reason, line + text.count(b"\n", 0, position))
    return DocumentRefused(str(error).replace("\n", " "), line)
