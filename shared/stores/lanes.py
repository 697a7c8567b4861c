"""``lanes/{providerId}``, which no rule lets anybody but our functions read.

Of two planners that reserve at once, the loser reads again and goes behind the winner. A stretch
names its notification, so that reserving again changes nothing.
"""

from collections.abc import Callable
from datetime import datetime

from shared.domain.delivery.lane import Lane, Stretch
from shared.ports.database import Database, Fields
from shared.stores.change import rewrite
from shared.stores.names import document_name

LANES = "lanes"


class Lanes:
    """Each provider's lane."""

    def __init__(self, database: Database) -> None:
        self._database = database

    def change(self, provider_id: str, change: Callable[[Lane], Lane]) -> Lane:
        """Read, apply ``change`` (which may run several times), write; raises ``TryAgain``."""
        name = document_name(LANES, provider_id)
        what = f"the lane of provider {provider_id}"
        return rewrite(self._database, name, (lane_from, lane_fields), change, what)


def lane_fields(lane: Lane) -> Fields:
    """Build the document of a lane."""
    taken = [
        {"notificationId": it.notification_id, "startsAt": it.starts_at, "endsAt": it.ends_at}
        for it in lane.taken
    ]
    return {"freeAt": lane.free_at, "taken": taken}


def lane_from(fields: Fields) -> Lane:
    """Read a lane; what was spoilt from outside is left out of it: a rate is not worth a stop."""
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
