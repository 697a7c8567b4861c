"""The chain of manifests, walked from its first link to where Firestore says that it ends."""

from collections.abc import Iterable, Iterator
from dataclasses import dataclass, field

from shared.domain.archive import Sealed
from shared.domain.archive_life import Discrepancy
from shared.domain.archive_manifest import (
    BadManifest,
    Head,
    Manifest,
    forgeries,
    name_of,
    read,
)
from shared.domain.history import GENESIS
from shared.ports import Archive, Signer

FORGED = "forgedManifest"


@dataclass(slots=True)
class Chain:
    """``listed`` is what its manifests list, once it was walked."""

    archive: Archive
    head: Head | None
    signer: Signer | None = None
    listed: dict[str, Sealed] = field(default_factory=dict)
    manifests: int = 0

    def walk(self, numbers: Iterable[int]) -> Iterator[Discrepancy]:
        """Every link there is or should be; ``numbers`` are those in the archive."""
        known = self.head.sequence if self.head else 0
        previous: str | None = GENESIS
        end = ""
        for number in range(1, max([known, *numbers]) + 1):
            where = name_of(number)
            text = self.archive.get(where)
            if text is None:
                yield Discrepancy("missing", where, "this manifest is not in the archive")
                previous = None
                continue
            self.manifests += 1
            try:
                manifest = read(text)
            except BadManifest as bad:
                yield Discrepancy(FORGED, where, str(bad))
                previous = None
                continue
            for reason in self._reasons(manifest, number, previous):
                yield Discrepancy(FORGED, where, reason)
            previous = manifest.hash
            if number == known:
                end = manifest.hash
            if number > known:
                told = "Firestore does not know it. Run `fanfare archive seal`, which checks it."
                yield Discrepancy(FORGED, where, told)
                continue
            yield from self._take(manifest)
        if self.head is not None and end != self.head.hash:
            told = "the chain does not end where Firestore says that it ends"
            yield Discrepancy(FORGED, name_of(known), told)

    def _reasons(self, it: Manifest, number: int, previous: str | None) -> Iterator[str]:
        """After a link that is lost nobody can say what should follow."""
        yield from forgeries(it, number, it.previous if previous is None else previous)
        if self.signer and not (
            it.signature and self.signer.verifies(it.hash.encode(), it.signature)
        ):
            yield "it is not signed by our key"

    def _take(self, manifest: Manifest) -> Iterator[Discrepancy]:
        for it in manifest.objects:
            if it.name in self.listed:
                told = f"manifest {manifest.sequence} lists it once more"
                yield Discrepancy("twice", it.name, told)
            self.listed[it.name] = it
