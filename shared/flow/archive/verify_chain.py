"""The chain of manifests, walked from its first link to where Firestore says that it ends."""

from bisect import bisect_right
from collections import Counter
from collections.abc import Generator, Iterable, Iterator
from dataclasses import dataclass, field

from shared.domain.archive.life import Discrepancy
from shared.domain.archive.manifest import BadManifest, Head, Manifest, forgeries, name_of, read
from shared.domain.archive.objects import SealedObject
from shared.domain.notifications.history import GENESIS
from shared.ports import Archive, Signer

FORGED = "forgedManifest"


@dataclass(slots=True)
class Chain:
    """Chain of manifests; ``listed`` has the objects that they list, once the chain was walked."""

    archive: Archive
    head: Head | None
    signer: Signer | None = None
    listed: dict[str, SealedObject] = field(default_factory=dict)
    manifests: int = 0
    signed: Counter[str] = field(default_factory=Counter)
    """Number of manifests whose signature was verified, by key."""
    unchecked: int = 0
    """Signatures that were not checked, for want of a key."""

    def walk(self, numbers: Iterable[int]) -> Iterator[Discrepancy]:
        """Check every link there is or should be, and yield the discrepancies; ``numbers`` are
        those of the manifests in the archive.
        """
        known = self.head.sequence if self.head else 0
        present = sorted(numbers)
        last = max([known, *present[-1:]])
        previous: str | None = GENESIS
        number, end = 1, ""
        while number <= last:
            text = self.archive.get(name_of(number))
            if text is None:
                then = bisect_right(present, number)
                following = present[then] if then < len(present) else last + 1
                yield _missing(number, following - number)
                previous, number = None, following
                continue
            manifest = yield from self._link(text, number, previous)
            previous = manifest.hash if manifest else None
            if manifest and number == known:
                end = manifest.hash
            if manifest and number > known:
                sentence = (
                    "Firestore does not know it. Run `fanfare archive seal`, which checks it."
                )
                yield Discrepancy(FORGED, name_of(number), sentence)
            elif manifest:
                yield from self._take(manifest)
            number += 1
        if self.head is not None and end != self.head.hash:
            sentence = "the chain does not end where Firestore says that it ends"
            yield Discrepancy(FORGED, name_of(known), sentence)

    def signatures(self) -> str:
        """Say in a sentence which signatures were checked."""
        if self.signer is None:
            carried = f"; {self.unchecked:,} manifests carry one" if self.unchecked else ""
            return f"none checked, no key configured (FANFARE_ARCHIVE_KMS_KEY){carried}"
        sentences = [f"{n:,} manifests signed by {key} verified" for key, n in self.signed.items()]
        return ", ".join(sentences) or "no manifest is signed by our key"

    def _link(
        self, text: bytes, number: int, previous: str | None
    ) -> Generator[Discrepancy, None, Manifest | None]:
        where = name_of(number)
        self.manifests += 1
        try:
            manifest = read(text)
        except BadManifest as bad:
            yield Discrepancy(FORGED, where, str(bad))
            return None
        for reason in self._reasons(manifest, number, previous):
            yield Discrepancy(FORGED, where, reason)
        return manifest

    def _reasons(self, it: Manifest, number: int, previous: str | None) -> Iterator[str]:
        """Yield reasons why a manifest is forged. After a lost link, where ``previous`` is
        ``None``, nobody can say what should follow.
        """
        yield from forgeries(it, number, it.previous if previous is None else previous)
        if self.signer is None:
            self.unchecked += it.signature is not None
        elif it.signature and self.signer.verifies(it.hash.encode(), it.signature):
            self.signed[it.signature.key] += 1
        else:
            yield "it is not signed by our key"

    def _take(self, manifest: Manifest) -> Iterator[Discrepancy]:
        for it in manifest.objects:
            if it.name in self.listed:
                sentence = f"manifest {manifest.sequence} lists it once more"
                yield Discrepancy("twice", it.name, sentence)
            self.listed[it.name] = it


def _missing(number: int, how_many: int) -> Discrepancy:
    """Describe missing manifests in one sentence, however many there are: a number is easily
    forged, and there are many numbers.
    """
    sentence = "this manifest is not in the archive"
    if how_many > 1:
        sentence = f"this manifest and the {how_many - 1:,} after it are not in the archive"
    return Discrepancy("missing", name_of(number), sentence)
