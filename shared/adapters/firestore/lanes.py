"""Providers' lanes: in Firestore for all instances, in memory for one process.

The lane is written on the condition that it still is what was read; the loser of a race reads again
and goes behind the winner.
"""

import threading
from collections.abc import Callable
from datetime import datetime

from shared.adapters.firestore.contended import put_if_still
from shared.adapters.firestore.rest import FirestoreRest
from shared.adapters.firestore.rest_values import Raw, decode_fields, encode, moment
from shared.domain.delivery.lane import Lane, Stretch
from shared.domain.errors import TryAgain

COLLECTION = "lanes"
ROUNDS = 8


class MemoryLanes:
    """For one process."""

    def __init__(self) -> None:
        self._lock = threading.Lock()
        self.lanes: dict[str, Lane] = {}

    def change(self, provider_id: str, change: Callable[[Lane], Lane]) -> Lane:
        with self._lock:
            changed = self.lanes[provider_id] = change(self.lanes.get(provider_id, Lane()))
            return changed


class FirestoreLanes:
    """``lanes/{providerId}``, which no rule lets anybody but our functions read."""

    def __init__(self, rest: FirestoreRest) -> None:
        self._rest = rest

    def change(self, provider_id: str, change: Callable[[Lane], Lane]) -> Lane:
        name = self._rest.name(COLLECTION, provider_id)
        for _ in range(ROUNDS):
            document = self._rest.get(name)
            lane = _lane(document)
            changed = change(lane)
            if changed == lane or self._put(name, document, changed):
                return changed
        raise TryAgain(f"many notifications of provider {provider_id} are being planned at once")

    def _put(self, name: str, document: Raw | None, lane: Lane) -> bool:
        taken = [
            {"notificationId": s.notification_id, "startsAt": s.starts_at, "endsAt": s.ends_at}
            for s in lane.taken
        ]
        fields = {"freeAt": encode(lane.free_at), "taken": encode(taken)}
        return put_if_still(self._rest, name, document, fields)


def _lane(document: Raw | None) -> Lane:
    """An empty one, too, for what somebody else's hand has spoilt: a rate is not worth a stop."""
    fields = decode_fields(document or {}, moment)
    free_at, taken = fields.get("freeAt"), fields.get("taken")
    stretches = [_stretch(each) for each in (taken if isinstance(taken, list) else [])]
    return Lane(
        free_at if isinstance(free_at, datetime) else None,
        tuple(stretch for stretch in stretches if stretch is not None),
    )


def _stretch(fields: object) -> Stretch | None:
    told = fields if isinstance(fields, dict) else {}
    id, starts_at, ends_at = (told.get(n) for n in ("notificationId", "startsAt", "endsAt"))
    if not (isinstance(starts_at, datetime) and isinstance(ends_at, datetime)):
        return None
    return Stretch(str(id), starts_at, ends_at)
