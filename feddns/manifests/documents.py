"""The bytes of one manifest file → the Kubernetes objects in it, as JSON, with their lines.

    case  content                                     how it is read
    1     first octet `{` or `[`                      JSON, one document after another; else YAML
    2     YAML, a long `items:` in block style        in chunks that end between two items
          (what `kubectl get -o yaml` prints)
    3     any other YAML                              document by document, cut at `---`
    4     YAML with `%` directives or `...`           PyYAML takes over for the rest of the file

    document            gives
    a List, *List       its items, nested Lists too; items of a typed list get its kind
    empty, null         nothing
    a sequence          its items
    no mapping, no kind DocumentRefused: half a file must not pass for a whole one

`read` yields a list of documents at a time, so that a caller that also answers questions can do
something else between; a list is a few milliseconds of work.  When it raises, what it yielded
before is void.

Pure, but for the library's stderr (see `yamltext`).  Called by `manifests.objects`.
"""

from __future__ import annotations

import json
import re
from collections.abc import Generator, Iterator
from typing import NamedTuple

import msgspec

from feddns.errors import DocumentRefused
from feddns.kube.resources import Head
from feddns.manifests import yamltext

CHUNK = 1 << 16
LONGEST_FRAME = 1 << 16
DEEPEST_LIST = 16

_UTF16_BOMS = (b"\xff\xfe", b"\xfe\xff")
_UTF8_BOM = b"\xef\xbb\xbf"
_SPACE = re.compile(r"[ \t\r\n]*")
_SEPARATOR = re.compile(rb"\n---(?=[ \t\r\n]|\Z)")
_ITEMS = re.compile(rb"(?:\n|\A)items:[ ]*\n(?=([ ]*)-[ ])")
_LEAD = re.compile(rb"(?:---(?:[ ]+#[^\n]*|[ ]*)\n|[ ]*(?:#[^\n]*)?\n)*")
_STREAM_MARK = re.compile(rb"(?:\n|\A)(?:%|\.\.\.(?:[ \t\r\n]|\Z))")


class Document(NamedTuple):
    """One object.  `line` counts from 1 and is where it starts, as near as the format tells."""

    raw: bytes | msgspec.Raw
    line: int
    head: Head


class _Shape(msgspec.Struct, rename="camel", gc=False):
    """Just enough to tell a list from an object."""

    api_version: str = ""
    kind: str = ""
    items: msgspec.Raw = msgspec.field(default_factory=msgspec.Raw)


_LIST = Head("v1", "List")
_read_shape = msgspec.json.Decoder(_Shape).decode
_read_array = msgspec.json.Decoder(list[msgspec.Raw]).decode


def read(content: bytes) -> Iterator[list[Document]]:
    """The documents of a file, in its order.  Raises `DocumentRefused`."""
    if content.startswith(_UTF16_BOMS):
        content = _from_utf16(content)
    content = content.removeprefix(_UTF8_BOM)
    if b"\r\n" in content[:CHUNK]:
        content = content.replace(b"\r\n", b"\n")
    first = content[:CHUNK].lstrip()[:1]
    if first in (b"{", b"["):
        yield from _read_json(content)
    else:
        yield from _read_yaml(content)


def _from_utf16(content: bytes) -> bytes:
    try:
        return content.decode("utf-16").encode()
    except UnicodeError as error:
        raise DocumentRefused(f"{error}; write UTF-8") from error


# --- lists ---------------------------------------------------------------------------------------


def _flatten(
    raw: bytes | msgspec.Raw, line: int, frame: Head | None = None, depth: int = 0
) -> Iterator[Document]:
    """The objects in one JSON value; `frame` is the head of the list it lies in."""
    if depth > DEEPEST_LIST:
        raise DocumentRefused(f"Lists in Lists, deeper than {DEEPEST_LIST}; flatten them", line)
    try:
        shape = _read_shape(raw)
    except msgspec.ValidationError:
        yield from _flatten_other(raw, line, frame, depth)
        return
    except (msgspec.DecodeError, UnicodeError) as error:
        raise DocumentRefused(str(error), line) from error
    if shape.kind.endswith("List") and memoryview(shape.items).nbytes:
        inner = Head(shape.api_version, shape.kind)
        for item in _items_of(shape.items, line):
            yield from _flatten(item, line, inner, depth + 1)
        return
    if not shape.kind and frame is None:
        raise DocumentRefused("it has no kind; write apiVersion and kind", line)
    yield Document(raw, line, _head_of(shape, frame))


def _flatten_other(
    raw: bytes | msgspec.Raw, line: int, frame: Head | None, depth: int
) -> Iterator[Document]:
    """What is no mapping, or one whose kind is no text."""
    first = _first(raw)
    if first == b"[":
        for item in _items_of(raw, line):
            yield from _flatten(item, line, frame or _LIST, depth + 1)
    elif first == b"n":
        return
    elif frame is None:
        raise DocumentRefused("it is no Kubernetes object; write apiVersion, kind, …", line)
    else:
        yield Document(raw, line, Head())


def _first(raw: bytes | msgspec.Raw) -> bytes:
    return bytes(memoryview(raw)[:64]).lstrip()[:1]


def _items_of(raw: bytes | msgspec.Raw, line: int) -> list[msgspec.Raw]:
    if _first(raw) == b"n":
        return []
    try:
        return _read_array(raw)
    except (msgspec.DecodeError, UnicodeError) as error:
        raise DocumentRefused(f"items: {error}; write a list", line) from error


def _head_of(shape: _Shape, frame: Head | None) -> Head:
    """The object's own head; an item of a `ServiceList` may leave it to the list."""
    if not shape.kind and frame is not None and frame.kind != "List":
        return Head(frame.api_version, frame.kind.removesuffix("List"))
    return Head(shape.api_version, shape.kind)


# --- JSON ----------------------------------------------------------------------------------------


def _read_json(content: bytes) -> Iterator[list[Document]]:
    """JSON documents one after another; what is no JSON may still be YAML in flow style."""
    try:
        msgspec.json.decode(content, type=msgspec.Raw)
        whole = [(content, 1)]
    except (msgspec.DecodeError, UnicodeError):
        try:
            whole = _concatenated(content)
        except (ValueError, RecursionError) as error:
            yield from _json_as_yaml(content, error)
            return
    for raw, line in whole:
        yield from _in_slices(_flatten(raw, line))


def _in_slices(documents: Iterator[Document], size: int = 100) -> Iterator[list[Document]]:
    piece: list[Document] = []
    for document in documents:
        piece.append(document)
        if len(piece) == size:
            yield piece
            piece = []
    yield piece


def _concatenated(content: bytes) -> list[tuple[bytes, int]]:
    """Each JSON document and its line.  Raises `ValueError` when it is not all JSON."""
    decoder = json.JSONDecoder()
    text = content.decode()
    found = []
    position, line = _SPACE.match(text, 0).end(), 1  # type: ignore[union-attr]
    line += text.count("\n", 0, position)
    while position < len(text):
        _, end = decoder.raw_decode(text, position)
        found.append((text[position:end].encode(), line))
        following = _SPACE.match(text, end).end()  # type: ignore[union-attr]
        line += text.count("\n", position, following)
        position = following
    return found


def _json_as_yaml(content: bytes, error: Exception) -> Iterator[list[Document]]:
    """Flow style; when that fails too, the fault in the JSON is the one to tell."""
    try:
        yield from _read_yaml(content)
    except DocumentRefused as refusal:
        if isinstance(error, json.JSONDecodeError):
            reason = f"{error.msg} (column {error.colno})"
            raise DocumentRefused(reason, error.lineno) from refusal
        raise


# --- YAML ----------------------------------------------------------------------------------------


def _read_yaml(content: bytes) -> Iterator[list[Document]]:
    position, line = 0, 1
    while position < len(content):
        start = position
        frame = _list_frame(content, start)
        if frame is not None:
            position = yield from _read_list(content, start, line, frame)
        else:
            position = _end_of_document(content, start)
            if _STREAM_MARK.search(content, start, position) is not None:
                yield from _read_exactly(content[start:], line, 0)
                return
            yield list(_read_document(content[start:position], line))
        line += content.count(b"\n", start, position)


def _end_of_document(content: bytes, start: int, after: int = 0) -> int:
    """Where the next `---` line begins; a document has its own `---` at its head."""
    position = max(start, after - 1)
    while (position := content.find(b"\n---", position)) >= 0:
        if _SEPARATOR.match(content, position):
            return position + 1
        position += 1
    return len(content)


def _read_document(text: bytes, line: int) -> Iterator[Document]:
    lead = _LEAD.match(text)
    begins = lead.end() if lead else 0
    body = text[begins:]
    if not body:
        return
    at = line + text.count(b"\n", 0, begins)
    written = yamltext.fast(body)
    raw = _checked(written) if written is not None else None
    found = [(raw, at)] if raw is not None else yamltext.exact(text, line)
    for document, start in found:
        yield from _flatten(document, start)


def _checked(written: str) -> bytes | None:
    """The JSON, if it is such."""
    raw = written.encode("utf-8", "surrogatepass")
    try:
        msgspec.json.decode(raw)
    except (msgspec.DecodeError, UnicodeError, RecursionError):
        return None
    return raw


def _read_exactly(text: bytes, line: int, skip: int) -> Iterator[list[Document]]:
    documents = [
        document for raw, start in yamltext.exact(text, line) for document in _flatten(raw, start)
    ]
    yield documents[skip:]


# --- YAML: a long list ---------------------------------------------------------------------------


class _Frame(NamedTuple):
    """Where the `items:` line and the items of a long list begin, and how the items start."""

    head_end: int
    items_start: int
    indent: bytes


def _list_frame(content: bytes, start: int) -> _Frame | None:
    """The frame of the document at `start` if it is a list longer than a chunk."""
    if len(content) - start <= CHUNK:
        return None
    # No further than this document: there may be thousands behind it.
    end = _end_of_document(content, start)
    if end - start <= CHUNK:
        return None
    items = _ITEMS.search(content, start, min(end, start + LONGEST_FRAME))
    if items is None:
        return None
    if _STREAM_MARK.search(content, start, items.start()):
        return None
    head_end = items.start() + (content[items.start()] == 0x0A)
    return _Frame(head_end, items.end(), items[1])


def _read_list(
    content: bytes, start: int, line: int, frame: _Frame
) -> Generator[list[Document], None, int]:
    """The items of the list at `start`; returns where its document ends.

    The lines of one indentation that begin with a dash are where items start: everything in an
    item is indented further.  Only a quoted text may have such a line; then the cut text does not
    parse, and the whole document is read exactly.
    """
    begin = b"\n" + frame.indent + b"- "
    outside = re.compile(rb"\n(?!%b(?: |-[ ])|[ ]*(?:#[^\n]*)?(?:\n|\Z))" % frame.indent)
    position, yielded = frame.items_start, 0
    at = line + content.count(b"\n", start, position)
    while True:
        limit, last = _end_of_chunk(content, position, begin, outside)
        chunk = content[position:limit]
        try:
            documents = _read_items(chunk, at, begin)
        except DocumentRefused:
            end = _end_of_document(content, start)
            yield from _read_exactly(content[start:end], line, yielded)
            return end
        yield documents
        yielded += len(documents)
        if last:
            break
        at += chunk.count(b"\n")
        position = limit
    return _check_frame(content, start, line, frame, limit)


def _end_of_chunk(
    content: bytes, start: int, begin: bytes, outside: re.Pattern[bytes]
) -> tuple[int, bool]:
    """Where the chunk of items at `start` ends, and whether the list ends there."""
    size = CHUNK
    while start + size < len(content):
        following = content.find(begin, start + size, start + 2 * size)
        limit = following + 1 if following >= 0 else content.rfind(b"\n", start, start + size) + 1
        end = outside.search(content, start, limit)
        if end is not None:
            return end.start() + 1, True
        if following >= 0:
            return limit, False
        size *= 2
    end = outside.search(content, start)
    return (len(content), True) if end is None else (end.start() + 1, True)


def _read_items(chunk: bytes, line: int, begin: bytes) -> list[Document]:
    """The objects of whole items: all at once, or one by one if there is anything odd."""
    starts = _starts(chunk, begin)
    written = yamltext.fast(chunk)
    raws = None
    if written is not None:
        try:
            raws = _read_array(written)
        except (msgspec.DecodeError, UnicodeError):
            raws = None
    if raws is None or len(raws) != len(starts):
        return _read_each(chunk, line, starts)
    documents: list[Document] = []
    previous = 0
    for raw, begins in zip(raws, starts, strict=True):
        line += chunk.count(b"\n", previous, begins)
        previous = begins
        documents.extend(_flatten(raw, line, _LIST))
    return documents


def _starts(chunk: bytes, begin: bytes) -> list[int]:
    starts, position = [0], chunk.find(begin)
    while position >= 0:
        starts.append(position + 1)
        position = chunk.find(begin, position + 1)
    return starts


def _read_each(chunk: bytes, line: int, starts: list[int]) -> list[Document]:
    documents: list[Document] = []
    for begins, ends in zip(starts, [*starts[1:], len(chunk)], strict=True):
        text = chunk[begins:ends]
        written = yamltext.fast(text)
        raw = _checked(written) if written is not None else None
        if raw is None:
            ((raw, _),) = yamltext.exact(text, line)
        (item,) = _read_array(raw)
        documents.extend(_flatten(item, line, _LIST))
        line += text.count(b"\n")
    return documents


def _check_frame(content: bytes, start: int, line: int, frame: _Frame, tail: int) -> int:
    """Read what stands around the items; it must make a list.  Returns the document's end.

    Raises `DocumentRefused` also for a list whose end is missing: `kubectl` writes `kind: List`
    behind the items, so half of its output is not taken for the whole.
    """
    end = _end_of_document(content, start, tail)
    if end - tail > LONGEST_FRAME:
        raise DocumentRefused("more text behind the items than a List has", line)
    around = content[start : frame.head_end] + b"items: []\n" + content[tail:end]
    if _STREAM_MARK.search(content, tail, end):
        raise DocumentRefused("a '%' or '...' line behind a long List; take it out", line)
    for raw, _ in yamltext.exact(around, line):
        shape = _read_shape(raw)
        if not shape.kind.endswith("List"):
            reason = f"it has items and kind {shape.kind!r}, which is no List; is its end missing?"
            raise DocumentRefused(reason, line)
    return end
