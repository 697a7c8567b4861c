"""The daily manifest: the objects that were archived, as the next link of a chain.

The archive itself decides who writes a link: there is one name for each number, and an object that
exists is not written again. A writer that finds the number taken goes on from the manifest that
took it, if that manifest is the project's own: signed by our key or, without a key, announced in
Firestore before it was put.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass, replace
from datetime import UTC, date, datetime, time, timedelta
from typing import TYPE_CHECKING, Protocol

from shared.domain.archive.manifest import (
    BadManifest,
    Head,
    Manifest,
    following,
    forgeries,
    name_of,
    read,
)
from shared.domain.archive.objects import place_of
from shared.domain.errors import LostLease, TryAgain
from shared.domain.notifications.history import GENESIS
from shared.domain.notifications.notification import NotificationId
from shared.flow.delivery.queues import manifest_task
from shared.ports import Archive, ArchiveFault, Clock, Put, Signer, Tasks

if TYPE_CHECKING:
    from shared.stores.exports import Exports

MOST_LISTED = 500
"""Notifications in one manifest; a day with more of them has more manifests."""

AFTER_MIDNIGHT = timedelta(minutes=10)


class Needs(Protocol):
    """Parts of the container that these verbs use."""

    @property
    def clock(self) -> Clock: ...
    @property
    def exports(self) -> Exports: ...
    @property
    def tasks(self) -> Tasks: ...


def queue_manifest(*, needs: Needs) -> bool:
    """Enqueue a task for yesterday's manifest, unless all of yesterday is listed; one task an hour
    until it is. Returns whether a task was enqueued.

    Exports after an early manifest (``fanfare archive seal``) are no less worth a link.
    """
    now = needs.clock.now() - AFTER_MIDNIGHT
    yesterday = now.astimezone(UTC).date() - timedelta(days=1)
    head = needs.exports.head()
    closed = head is not None and head.day >= yesterday
    if closed and not needs.exports.unlisted(_end_of(yesterday), 1):
        return False
    needs.tasks.enqueue([manifest_task(yesterday, f"{now:%Y%m%d%H}")])
    return True


@dataclass(frozen=True, slots=True)
class ManifestWriter:
    """Writer of manifests, with the stores, clock and signer that it needs."""

    exports: Exports
    archive: Archive
    clock: Clock
    signer: Signer | None = None

    def close_day(self, day: date) -> Sequence[Manifest]:
        """Write the manifests for the exports sealed until the end of ``day``, and return them.

        Every day gets at least one manifest, be it empty: that nothing happened is worth a word,
        too.
        """
        return self._written(day, min(_end_of(day), self.clock.now()))

    def _written(self, day: date, until: datetime) -> Sequence[Manifest]:
        written: list[Manifest] = []
        try:
            head = self._caught_up()
            while True:
                waiting = self.exports.unlisted(until, MOST_LISTED)
                if not waiting and head is not None and head.day >= day:
                    return written
                objects = (it for export in waiting for it in export.objects)
                last = max(day, head.day) if head else day
                manifest = self._signed(following(head, last, objects, self.clock.now()))
                self.exports.announce(manifest.sequence, manifest.hash)
                if self.archive.put_new(manifest.name, manifest.text()) is Put.WRITTEN:
                    written.append(manifest)
                    head = self._noted(manifest, head)
                    continue
                before, head = head, self._caught_up()
                if head == before:
                    raise TryAgain(f"{manifest.name} was there a moment ago, and is not any more")
        except LostLease:
            raise TryAgain("somebody else writes the manifest right now") from None

    def _caught_up(self) -> Head | None:
        """Return the head, after taking in manifests whose writer did not live to note them."""
        head = self.exports.head()
        while (text := self.archive.get(name_of(head.sequence + 1 if head else 1))) is not None:
            head = self._noted(self._ours(text, head), head)
        return head

    def _ours(self, text: bytes, head: Head | None) -> Manifest:
        number, previous = (head.sequence + 1, head.hash) if head else (1, GENESIS)
        try:
            manifest = read(text)
            wrong = [*forgeries(manifest, number, previous), *self._strange(manifest)]
        except BadManifest as bad:
            wrong = [str(bad)]
        else:
            if self.signer and not (manifest.signature and self._signs(manifest)):
                wrong.append("it is not signed by our key")
        if wrong:
            raise ArchiveFault(
                "forgedManifest",
                f"{name_of(number)} is not ours: {'; '.join(wrong)}",
                "Find out who wrote it, and run `fanfare archive verify`; until it is moved out of "
                "the archive no manifest is written, and nothing is lost meanwhile.",
            )
        return manifest

    def _strange(self, manifest: Manifest) -> Iterator[str]:
        """Yield reasons not to believe a manifest. Anybody can compute hashes: without a key only a
        manifest that was announced is believed.
        """
        if manifest.day > self.clock.now().astimezone(UTC).date():
            yield "its day is yet to come"
        if not self.signer and not self.exports.announced(manifest.sequence, manifest.hash):
            yield "we did not announce it"

    def _signs(self, manifest: Manifest) -> bool:
        signer, signature = self.signer, manifest.signature
        return bool(signer and signature and signer.verifies(manifest.hash.encode(), signature))

    def _signed(self, manifest: Manifest) -> Manifest:
        if self.signer is None:
            return manifest
        return replace(manifest, signature=self.signer.sign(manifest.hash.encode()))

    def _noted(self, manifest: Manifest, head: Head | None) -> Head:
        """Note the exports as listed, then advance the head and return it: a writer that dies in
        between does both again.
        """
        self.exports.listed(_owners(manifest), manifest.sequence)
        return self.exports.advance(manifest.head, head.version if head else "")


def _end_of(day: date) -> datetime:
    return datetime.combine(day + timedelta(days=1), time(), UTC)


def _owners(manifest: Manifest) -> Sequence[NotificationId]:
    places = (place_of(it.name) for it in manifest.objects)
    return list(dict.fromkeys(place.notification_id for place in places if place))
