"""``lanes/{providerId}``, which no rule lets anybody but our functions read.

Of two planners that reserve at once, the loser reads again and goes behind the winner. A stretch
names its notification, so that reserving again changes nothing.
"""

from collections.abc import Callable
from datetime import datetime

from shared.domain.delivery.send_schedule import SendSchedule, Stretch
from shared.ports.database import Database, Fields
from shared.stores.change import rewrite
from shared.stores.names import document_name

SEND_SCHEDULES = "lanes"


class SendSchedules:
    """Each provider's schedule."""

    def __init__(self, database: Database) -> None:
        self._database = database

    def change(
        self, provider_id: str, change: Callable[[SendSchedule], SendSchedule]
    ) -> SendSchedule:
        """Read, apply ``change`` (which may run several times), write; raises ``TryAgain``."""
        name = document_name(SEND_SCHEDULES, provider_id)
        what = f"the schedule of provider {provider_id}"
        return rewrite(self._database, name, (schedule_from, schedule_fields), change, what)


def schedule_fields(schedule: SendSchedule) -> Fields:
    """Build the document of a schedule."""
    taken = [
        {"notificationId": it.run_id, "startsAt": it.starts_at, "endsAt": it.ends_at}
        for it in schedule.stretches
    ]
    return {"freeAt": schedule.free_at, "taken": taken}


def schedule_from(fields: Fields) -> SendSchedule:
    """Read a schedule without what was spoilt from outside: a rate is not worth a stop."""
    free_at, taken = fields.get("freeAt"), fields.get("taken")
    stretches = [_stretch(each) for each in (taken if isinstance(taken, list) else [])]
    return SendSchedule(
        free_at if isinstance(free_at, datetime) else None,
        tuple(stretch for stretch in stretches if stretch is not None),
    )


def _stretch(fields: object) -> Stretch | None:
    told = fields if isinstance(fields, dict) else {}
    id, starts_at, ends_at = (told.get(n) for n in ("notificationId", "startsAt", "endsAt"))
    if not (isinstance(starts_at, datetime) and isinstance(ends_at, datetime)):
        return None
    return Stretch(str(id), starts_at, ends_at)
