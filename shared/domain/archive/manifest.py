"""Manifests: what was archived, as a chain that can only grow at its end.

A manifest has a number and is named by it alone, so of two writers one wins and the chain never
forks. It lists objects with their hashes and carries the hash of the manifest before it: to change
one line of one object somebody would have to write every manifest since then anew, and those who
kept a later hash (Firestore, a signing key, a copy elsewhere) would see it.
"""

import hashlib
import json
import re
from collections.abc import Iterable, Sequence
from dataclasses import dataclass, replace
from datetime import UTC, date, datetime
from typing import Any

from shared.domain.archive.objects import SCHEMA, SealedObject
from shared.domain.notifications.history import GENESIS

FOLDER = "kind=manifests/"
_NAME = re.compile(rf"{FOLDER}(?!0{{8}})([0-9]{{8}})\.json")


@dataclass(frozen=True, slots=True)
class Signature:
    """Made by ``key`` of the manifest's hash, as ASCII text; ``value`` in base 64."""

    key: str
    algorithm: str
    value: str


@dataclass(frozen=True, slots=True)
class Head:
    """The end of the chain, as it is kept outside the archive."""

    sequence: int
    hash: str
    day: date
    version: str = ""


@dataclass(frozen=True, slots=True)
class Manifest:
    """One link: everything that was sealed and not yet listed when ``day`` was over."""

    sequence: int
    day: date
    sealed_at: datetime
    previous: str
    objects: tuple[SealedObject, ...]
    hash: str = ""
    signature: Signature | None = None

    @property
    def name(self) -> str:
        """Its name in the archive."""
        return name_of(self.sequence)

    @property
    def head(self) -> Head:
        """The chain's end, if this is its last link."""
        return Head(self.sequence, self.hash, self.day)

    def sealed(self) -> "Manifest":
        """Add its hash, computed over everything but the hash and the signature."""
        return replace(self, hash=hashlib.sha256(_canonical(self._facts())).hexdigest())

    def text(self) -> bytes:
        """Write the manifest as it is stored."""
        facts = {**self._facts(), "hash": self.hash}
        if self.signature:
            it = self.signature
            facts["signature"] = {"key": it.key, "algorithm": it.algorithm, "value": it.value}
        return json.dumps(facts, indent=1, ensure_ascii=True).encode() + b"\n"

    def _facts(self) -> dict[str, Any]:
        return {
            "schema": SCHEMA,
            "sequence": self.sequence,
            "day": self.day.isoformat(),
            "sealedAt": self.sealed_at.astimezone(UTC).isoformat().replace("+00:00", "Z"),
            "previous": self.previous,
            "objects": [
                {"name": it.name, "sha256": it.sha256, "lines": it.lines, "bytes": it.bytes}
                for it in self.objects
            ],
        }


def name_of(sequence: int) -> str:
    """Return the only name that the manifest of this number can have."""
    return f"{FOLDER}{sequence:08d}.json"


def sequence_of(name: str) -> int | None:
    """Read the number in a manifest's name; ``None`` for what is no manifest."""
    match = _NAME.fullmatch(name)
    return int(match[1]) if match else None


def following(
    head: Head | None, day: date, objects: Iterable[SealedObject], at: datetime
) -> Manifest:
    """Make the next link, not signed yet."""
    number, previous = (head.sequence + 1, head.hash) if head else (1, GENESIS)
    return Manifest(number, day, at, previous, tuple(objects)).sealed()


class BadManifest(Exception):
    """A manifest that cannot be one of ours, and why."""


def read(text: bytes) -> Manifest:
    """Read the manifest that was stored; raise ``BadManifest`` for what is none."""
    try:
        facts = json.loads(text, object_pairs_hook=_each_once)
        if facts["schema"] != SCHEMA:
            raise BadManifest(f"it is not of schema {SCHEMA}")
        signed = facts.get("signature")
        manifest = Manifest(
            sequence=int(facts["sequence"]),
            day=date.fromisoformat(facts["day"]),
            sealed_at=datetime.fromisoformat(facts["sealedAt"]),
            previous=str(facts["previous"]),
            objects=tuple(
                SealedObject(str(it["name"]), str(it["sha256"]), int(it["lines"]), int(it["bytes"]))
                for it in facts["objects"]
            ),
            hash=str(facts["hash"]),
            signature=Signature(signed["key"], signed["algorithm"], signed["value"])
            if signed
            else None,
        )
    except (
        ValueError,
        KeyError,
        TypeError,
        AttributeError,
        OverflowError,
        RecursionError,
    ) as wrong:
        raise BadManifest(f"it cannot be read: {type(wrong).__name__}") from None
    if _canonical(facts) != _canonical(json.loads(manifest.text())):
        raise BadManifest("it says more, or something else, than a manifest says")
    return manifest


def _each_once(pairs: Sequence[tuple[str, Any]]) -> dict[str, Any]:
    """Else two readers of one manifest may read two things."""
    facts = dict(pairs)
    if len(facts) != len(pairs):
        raise ValueError("a name is there twice")
    return facts


def forgeries(it: Manifest, sequence: int, previous: str) -> Sequence[str]:
    """List why it cannot be the link of this number after ``previous``; none for a sound one."""
    wrong = []
    if it.sealed().hash != it.hash:
        wrong.append("its content does not have the hash it states")
    if it.sequence != sequence:
        wrong.append(f"it says that it is number {it.sequence}")
    if it.previous != previous:
        wrong.append("it does not follow from the manifest before it")
    return wrong


def _canonical(facts: object) -> bytes:
    return json.dumps(facts, sort_keys=True, ensure_ascii=True, separators=(",", ":")).encode()
