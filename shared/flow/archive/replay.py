"""A notification's whole life, read from the archive alone: for when nothing else is left."""

from collections.abc import Iterator
from hashlib import sha256

from shared.domain.archive.life import Discrepancy, Life
from shared.domain.archive.objects import Kind, Place, Unreadable, opened, place_of
from shared.domain.errors import NotFound
from shared.domain.notifications.notification import NotificationId
from shared.flow.archive.verify_notification import NO_OBJECT
from shared.ports import Archive


def replay(id: NotificationId, archive: Archive, life: Life) -> Iterator[Discrepancy]:
    """Fill ``life`` from the archive alone; yields the contradictions and altered objects found.
    Raises ``NotFound``.
    """
    places = (place_of(name) for name in archive.names(f"kind={Kind.NOTIFICATIONS}/"))
    records = [it for it in places if it and it.notification_id == id]
    if not records:
        raise NotFound(f"the archive has no notification {id}")
    found = records[0]
    if len(records) > 1:
        told = f"there are {len(records)} records of it: `fanfare archive verify` says which counts"
        yield Discrepancy("twice", id, told)
    for kind in Kind:
        folder = Place(kind, found.provider_id, found.day, id, 0).folder()
        for name in archive.names(folder):
            place = place_of(name)
            if place is None or place.notification_id != id:
                continue
            if (packed := archive.get(name)) is None:
                yield Discrepancy("altered", name, NO_OBJECT)
                continue
            try:
                content = opened(packed)
            except Unreadable as broken:
                yield Discrepancy("altered", name, f"it cannot be read: {broken}")
                continue
            if place.name(sha256(content).hexdigest()) != name:
                yield Discrepancy("altered", name, "its lines do not have the hash in its name")
            for number, wrong in life.add(place, content):
                yield Discrepancy("altered", f"{name} line {number}", wrong)
    for code, sentence in life.contradictions():
        yield Discrepancy(code, id, sentence)
