"""Conversion of a provider's binding package to the schema it was generated from.

The packages ``cdktn-provider-…`` are generated from ``terraform providers schema``: their
TypeScript names every argument, its type, its nesting, and whether it must, may or cannot be set.
Only these facts are kept, never a description, and only of the types that our ``*.tf`` files use.

    python -m infra.offline.convert PACKAGE.whl [PACKAGE.whl …]
"""

import base64
import gzip
import io
import json
import re
import sys
import tarfile
import zipfile
from collections.abc import Iterable, Iterator
from pathlib import Path
from typing import Any

INFRA = Path(__file__).resolve().parent.parent
SCHEMAS = Path(__file__).resolve().parent / "schemas"
Json = dict[str, Any]

_SECTION = re.compile(r"^export (interface|function|class) (\w+)", re.MULTILINE)
_SETTABLE = re.compile(
    r"^ +(?P<name>[a-z]\w*): \{\s+value: (?P<value>.+?),\s+isBlock: (?P<block>true|false),"
    r'\s+type: "(?P<kind>\w+)",\s+storageClassType: "(?P<storage>\w+)"',
    re.MULTILINE,
)
_MEMBER = re.compile(
    r"^  // (?P<name>[a-z]\w*) - computed: (?P<computed>true|false), "
    r"optional: (?P<optional>true|false), required: (?P<required>true|false)$",
    re.MULTILINE,
)
_NESTED = re.compile(r"\b([a-z]\w*?)ToHclTerraform")
_CONSTRUCTED = re.compile(r'new (?:\w+\.)?(\w+)\(this, "\w+"(?:, (true|false))?\)')
_PLAIN = re.compile(r"get(String|Number|Boolean)(List|Map)?Attribute\(")
_COMMENT = re.compile(r"/\*\*(.*?)\*/\s+readonly \w+\??:", re.DOTALL)
_ALLOWED = re.compile(r'Possible values: (\["[^\]]*"\])')
_SOURCE_MAP = re.compile(r"sourceMappingURL=data:application/json;base64,(\S+)")
_WORDS = {"String": "string", "Number": "number", "Boolean": "bool", "Any": "dynamic"}


class Module:
    """TypeScript of one resource, data source or provider."""

    def __init__(self, text: str) -> None:
        starts = list(_SECTION.finditer(text))
        ends = [s.start() for s in starts[1:]] + [len(text)]
        self._sections = {
            (s[1], s[2]): text[s.start() : end] for s, end in zip(starts, ends, strict=True)
        }
        self.main, self.kind, self.type = "", "", ""
        for (word, name), code in self._sections.items():
            base = re.match(r"export class \w+ extends cdktn\.Terraform(\w+)", code)
            if word == "class" and base:
                self.main, self.kind = name, base[1]
                found = re.search(r'tfResourceType = "(?:data\.)?(\w+)"', code)
                self.type = found[1] if found else name

    def schema(self) -> Json:
        """Convert the module to a schema's block."""
        return self._block(self.main, f"{self.main}Config", self._class(self.main))

    def _class(self, name: str) -> str:
        return self._sections.get(("class", name), "")

    def _block(self, struct: str, documented: str, code: str) -> Json:
        settable = self._settable(struct, code)
        values = self._allowed(documented)
        members = dict(_members(code))
        arguments, blocks = {}, {}
        for name in dict.fromkeys([*settable, *members]):
            given, member = settable.get(name), members.get(name)
            flags = {"optional": True} if member is None else member[0]
            if given and given["block"] == "true":
                blocks[name] = self._nested(given, flags)
                continue
            body = "" if member is None else member[1]
            arguments[name] = {"type": self._type(given, body), **flags}
            if name in values:
                arguments[name]["values"] = values[name]
        return {"arguments": arguments, "blocks": blocks}

    def _settable(self, struct: str, code: str) -> dict[str, dict[str, str]]:
        text = self._sections.get(("function", f"{_lower(struct)}ToHclTerraform"))
        text = code.partition("synthesizeHclAttributes()")[2] if text is None else text
        return {found["name"]: found.groupdict() for found in _SETTABLE.finditer(text)}

    def _nested(self, attribute: dict[str, str], flags: Json) -> Json:
        struct = _upper(_NESTED.findall(attribute["value"])[0])
        nesting = "single" if attribute["kind"] == "struct" else attribute["kind"]
        many = "listMapperHcl" in attribute["value"]
        return {
            "nesting": nesting,
            "least": int(bool(flags.get("required"))),
            "most": 0 if many or nesting == "single" else 1,
            **self._block(struct, struct, self._class(f"{struct}OutputReference")),
        }

    def _allowed(self, interface: str) -> dict[str, list[str]]:
        found = {}
        for comment in _COMMENT.finditer(self._sections.get(("interface", interface), "")):
            name = re.search(r"#(\w+) \w+#", comment[1])
            flat = re.sub(r"\n\s*\* ?", " ", comment[1])
            if name and (allowed := _ALLOWED.search(flat)):
                found[name[1]] = json.loads(allowed[1])
        return found

    def _type(self, attribute: dict[str, str] | None, body: str) -> Any:
        own = body.partition("public set ")[0].partition("Input() {")[0]
        if attribute is None:
            return self._computed_type(own)
        collection = "set" if attribute["kind"] == "set" or "Fn.tolist(" in own else "list"
        nested = [n for n in _NESTED.findall(attribute["value"]) if n not in _HELPERS]
        if nested:
            return _wrapped(attribute["kind"], self._object(_upper(nested[0])), collection)
        return _stored(attribute["storage"], collection)

    def _computed_type(self, code: str) -> Any:
        collection = "set" if "Fn.tolist(" in code else "list"
        if plain := _PLAIN.search(code):
            word = _WORDS[plain[1]]
            return _wrapped({"List": "list", "Map": "map"}.get(plain[2], "one"), word, collection)
        if "getListAttribute(" in code:
            return [collection, "string"]
        if made := _CONSTRUCTED.search(code):
            return self._constructed(made[1], made[2] == "true")
        return "dynamic"

    def _constructed(self, name: str, is_set: bool) -> Any:
        if simple := re.fullmatch(r"(String|Number|Boolean|Any)(Map|List|MapList)", name):
            word, shape = _WORDS[simple[1]], simple[2]
            return ["list", ["map", word]] if shape == "MapList" else [shape.lower(), word]
        struct = re.sub(r"(OutputReference|List|Map)$", "", name)
        kind = {"List": "set" if is_set else "list", "Map": "map"}
        shape = next((kind[end] for end in kind if name == struct + end), "one")
        return _wrapped(shape, self._object(struct), shape)

    def _object(self, struct: str) -> Any:
        code = self._class(f"{struct}OutputReference")
        settable, members = self._settable(struct, ""), dict(_members(code))
        names = dict.fromkeys([*settable, *members])
        bodies = {name: members[name][1] if name in members else "" for name in names}
        return ["object", {n: self._type(settable.get(n), bodies[n]) for n in names}]


_HELPERS = {"string", "number", "boolean", "any", "hashMapper", "listMapper"}


def _members(code: str) -> Iterator[tuple[str, tuple[Json, str]]]:
    found = list(_MEMBER.finditer(code))
    ends = [m.start() for m in found[1:]] + [len(code)] * bool(found)
    for member, end in zip(found, ends, strict=True):
        words = ("computed", "optional", "required")
        flags = {word: True for word in words if member[word] == "true"}
        yield member["name"], (flags, code[member.end() : end])


def _stored(storage: str, collection: str) -> Any:
    parts = re.findall(r"string|number|boolean|any|List|Map", storage)
    told: Any = _WORDS[parts[0].capitalize()]
    for n, shape in enumerate(parts[1:]):
        told = [collection if shape == "List" and n == len(parts) - 2 else shape.lower(), told]
    return told


def _wrapped(kind: str, inner: Any, collection: str) -> Any:
    if kind in {"one", "struct", "simple"}:
        return inner
    return ["map", inner] if kind == "map" else [collection, inner]


def _upper(name: str) -> str:
    return name[:1].upper() + name[1:]


def _lower(name: str) -> str:
    return name[:1].lower() + name[1:]


def used_types(infra: Path = INFRA) -> dict[str, set[str]]:
    """List the types of resources and data sources in our files."""
    text = "\n".join(path.read_text() for path in sorted(infra.rglob("*.tf")))
    return {
        "Resource": set(re.findall(r'^resource "(\w+)"', text, re.MULTILINE)),
        "DataSource": set(re.findall(r'^data "(\w+)"', text, re.MULTILINE)),
    }


def modules(wheel: Path) -> tuple[Json, Iterable[Module]]:
    """Read the provider's name and version, and all its modules."""
    archive = zipfile.ZipFile(wheel)
    inner = next(name for name in archive.namelist() if name.endswith(".jsii.tgz"))
    sources: dict[str, list[str]] = {}
    who: Json = {}
    with tarfile.open(fileobj=io.BytesIO(archive.read(inner))) as package:
        for member in package:
            path, file = Path(member.name), package.extractfile(member)
            if file and path.suffix == ".js" and len(path.parts) > 3 and path.parts[1] == "lib":
                if mapped := _SOURCE_MAP.search(file.read().decode()):
                    held = json.loads(base64.b64decode(mapped[1]))["sourcesContent"]
                    sources.setdefault(path.parts[2], []).append(held[0])
            elif file and member.name == "package/package.json":
                who = json.load(file)["cdktf"]["provider"]
    return who, (Module("\n".join(texts)) for _, texts in sorted(sources.items()))


def convert(wheel: Path, used: dict[str, set[str]]) -> Json:
    """Convert the types of this provider that are used."""
    who, found = modules(wheel)
    out: Json = {"source": who["name"], "version": who["version"]}
    parts: dict[str, Json] = {"Resource": {}, "DataSource": {}}
    for module in found:
        if module.kind == "Provider":
            out["provider"] = module.schema()
            out["provider"]["arguments"].pop("alias", None)
        elif module.type in used.get(module.kind, ()):
            parts[module.kind][module.type] = module.schema()
    return out | {"resources": parts["Resource"], "data": parts["DataSource"]}


def main(wheels: list[str]) -> None:
    """Write ``schemas/`` anew."""
    if not wheels or wheels[0].startswith("-"):
        sys.exit("usage: python -m infra.offline.convert PACKAGE.whl [PACKAGE.whl …]")
    for wheel in wheels:
        schema = convert(Path(wheel), used_types())
        name = schema["source"].rpartition("/")[2]
        target = SCHEMAS / f"{name}.json.gz"
        target.parent.mkdir(exist_ok=True)
        text = json.dumps(schema, sort_keys=True, separators=(",", ":"))
        target.write_bytes(gzip.compress(text.encode(), mtime=0))
        print(f"{target.name}: {name} {schema['version']}, {len(schema['resources'])} resources")


if __name__ == "__main__":
    main(sys.argv[1:])
