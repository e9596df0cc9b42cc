"""How a kube-apiserver writes the fields of its objects: which it leaves out when they are empty.

The published schemas do not say it; the tags of its Go structs do (Go's module cache has them after
tools/peers.sh).

    field                             is written as
    pointer, not set                  nothing
    slice or map, omitempty, empty    nothing
    string, number, bool, omitempty   nothing when zero
    the same without omitempty        "" 0 false null
    struct, unless omitzero           {…}, with its own fields as above; a Time without value: null

`read(schemas)` gives, for each definition that has a struct: `omit`, the fields that are left out
when zero; `emit`, the fields that are there also when nobody set them, with what they are then (a
struct as {}); `go`, the name and type of each field in errors of Go's JSON decoder.
"""

from __future__ import annotations

import re
from pathlib import Path
from typing import Any, NamedTuple

MODULES = Path.home() / "go/pkg/mod/k8s.io"
PACKAGES = {
    "io.k8s.api.": "api@{version}",
    "io.k8s.apimachinery.pkg.": "apimachinery@{version}/pkg",
    "io.k8s.apiextensions-apiserver.pkg.": "apiextensions-apiserver@{version}/pkg",
}
_FIELD = re.compile(r'^\s+(?:(\w+)\s+)?(\S+)\s+`json:"([^"]*)"')
_TYPE = re.compile(r"^type (\w+) (=\s*)?(.+?)\s*(\{)?$")
_IMPORT = re.compile(r'^\s+(?:(\w+)\s+)?"(k8s\.io/[^"]+)"')
_LEAVES = {"string": "", "bool": False, "float64": 0} | dict.fromkeys(
    ("int", "int32", "int64", "uint8", "byte"), 0
)
_SPECIAL = {"Time": None, "MicroTime": None, "IntOrString": 0, "Quantity": "0",
            "RawExtension": None, "FieldsV1": None, "JSON": None, "Duration": "0s"}  # fmt: skip


class Field(NamedTuple):
    name: str
    type: str
    options: tuple[str, ...]


class Package:
    """The types of one Go package: structs with fields, and what other names stand for."""

    def __init__(self, folder: Path) -> None:
        self.name = folder.name
        self.structs: dict[str, list[Field]] = {}
        self.names: dict[str, str] = {}
        self.imports: dict[str, str] = {}
        for file in sorted(folder.glob("*.go")):
            if not file.name.startswith(("zz_", "generated")) and "_test" not in file.name:
                self._read(file.read_text())

    def _read(self, text: str) -> None:
        struct = ""
        for line in text.splitlines():
            if struct and line.startswith("}"):
                struct = ""
            elif struct and (field := _FIELD.match(line)):
                name, *options = field[3].split(",")
                self.structs[struct].append(Field(name, field[2], tuple(options)))
            elif declared := _TYPE.match(line):
                if declared[3] == "struct" and declared[4]:
                    struct = declared[1]
                    self.structs[struct] = []
                else:
                    self.names[declared[1]] = declared[3]
            elif imported := _IMPORT.match(line):
                self.imports[imported[1] or imported[2].rsplit("/", 1)[1]] = imported[2]


class Reader:
    def __init__(self, version: str) -> None:
        self._version = version
        self._packages: dict[Path, Package] = {}

    def package(self, path: str) -> Package:
        """The package of an import path, or of a schema's name up to its last dot."""
        if path.startswith("k8s.io/"):
            module, _, rest = path.removeprefix("k8s.io/").partition("/")
            folder = MODULES / f"{module}@{self._version}" / rest
        else:
            root = next(root for root in PACKAGES if path.startswith(root))
            rest = path.removeprefix(root).replace(".", "/")
            folder = MODULES / PACKAGES[root].format(version=self._version) / rest
        if folder not in self._packages:
            self._packages[folder] = Package(folder)
        return self._packages[folder]

    def fields(self, package: Package, struct: str) -> list[tuple[Package, Field]]:
        """Those of a struct, with those of the structs that stand in it without a name."""
        found = []
        for field in package.structs.get(struct, ()):
            if "inline" in field.options:
                home, name = self.home(package, field.type.lstrip("*"))
                found += self.fields(home, name)
            elif field.name != "-":
                found.append((package, field))
        return found

    def home(self, package: Package, type: str) -> tuple[Package, str]:
        alias, _, name = type.rpartition(".")
        return (self.package(package.imports[alias]) if alias else package), name

    def zero(self, package: Package, type: str) -> tuple[str, Any]:
        """pointer, leaf, many (slices and maps) or struct; and what it is when nobody set it."""
        if type.startswith("*"):
            return "pointer", None
        if type.startswith(("[]", "map[")):
            return "many", None
        if type in _LEAVES:
            return "leaf", _LEAVES[type]
        name = type.rpartition(".")[2]
        if name in _SPECIAL:
            return "struct", _SPECIAL[name]
        home, name = self.home(package, type)
        if name in home.structs:
            return "struct", {}
        return self.zero(home, home.names[name])


def read(schemas: dict[str, Any], version: str) -> dict[str, Any]:
    """What the structs say, by the name of the schema.  FileNotFoundError without sources."""
    if not (MODULES / f"api@{version}").exists():
        raise FileNotFoundError(MODULES / f"api@{version}")
    reader = Reader(version)
    made = {}
    for name in schemas:
        path, _, struct = name.rpartition(".")
        if path.startswith(tuple(PACKAGES)) and "extensions.v1beta1" not in path:
            package = reader.package(path)
            if struct in package.structs:
                made[name] = _struct(reader, package, struct)
    return made


def _struct(reader: Reader, package: Package, struct: str) -> dict[str, Any]:
    omit, emit, go = [], {}, {}
    for home, field in reader.fields(package, struct):
        shape, zero = reader.zero(home, field.type)
        go[field.name] = _go_type(home, field.type)
        left_out = "omitempty" in field.options
        if shape == "struct":
            if "omitzero" not in field.options:
                emit[field.name] = zero
            elif zero is not None:
                omit.append(field.name)
        elif left_out and shape != "pointer":
            omit.append(field.name)
        elif not left_out:
            emit[field.name] = zero
    parts = {"omit": sorted(omit), "emit": emit, "go": go}
    return {key: part for key, part in parts.items() if part}


def _go_type(home: Package, type: str) -> str:
    """As Go prints it: own types with the name of their package, the package's name its last part.

    A pointer is named by what it points to; `metav1.Time` is `v1.Time`.
    """

    def named(found: re.Match[str]) -> str:
        alias, name = found[1], found[2]
        if alias:
            path = home.imports[alias.removesuffix(".")]
            return f"{path.rsplit('/', 1)[1]}.{name}"
        name = {"byte": "uint8"}.get(name, name)
        return name if name in _LEAVES or name == "map" else f"{home.name}.{name}"

    return re.sub(r"(\w+\.)?(\w+)", named, type.removeprefix("*"))
