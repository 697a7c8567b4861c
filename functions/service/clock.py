"""The minute tick of Cloud Scheduler: what got stuck is set going again, and who waits is named.

Sweeping comes first, and nothing about reminders can keep it from happening.
"""

import functions_framework
from flask import Request

from functions.http.errors import service_door
from functions.http.logs import log, trace_of
from functions.service.chat import in_moderator_chat
from shared.domain.errors import Defect
from shared.flow.chat.posts import look_after
from shared.flow.delivery.sweep import sweep
from shared.flow.moderation.remind import remind
from shared.wiring import Parts, parts


@functions_framework.http
@service_door("tick", "scheduler")
def tick(request: Request) -> None:
    """Find what has waited too long for an event or a task that was lost."""
    p = parts()
    swept = sweep(needs=p)
    if swept.runs or swept.parts or swept.batches:
        log(
            "WARNING",
            f"swept {swept.runs} notifications, {swept.parts} parts, {swept.batches} batches",
            trace=trace_of(request),
        )
    if p.settings.archive:
        try:
            _queue_for_the_archive(p, trace_of(request))
        except Defect as defect:  # keeps no moderator from being reminded
            log("ERROR", f"tick: defect: {defect}", trace=trace_of(request), error=defect)
    if not in_moderator_chat(lambda moderator_chat: look_after(moderator_chat=moderator_chat)):
        remind(needs=p)


def _queue_for_the_archive(p: Parts, trace: str) -> None:
    from shared.flow.archive.daily_manifest import queue_manifest
    from shared.flow.archive.export import queue_exports

    queued = queue_exports(needs=p)
    if queued.unreadable:
        log(
            "ERROR",
            f"tick: defect: {queued.unreadable} of {queued.due} notifications that ended cannot be "
            "read and are not archived; the log names them. Mend their documents: it is tried "
            "again every hour",
            trace=trace,
        )
    queue_manifest(needs=p)
