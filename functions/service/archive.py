"""The archive's own handler: export a notification that ended, or close a day with its manifest.

A task of Cloud Tasks like the others, and apart from them: what it loads (boto3 for S3) no other
function loads, and no notification waits for it.
"""

from datetime import date, timedelta

import functions_framework
from flask import Request

from functions.http.bodies import RequestModel, body
from functions.http.errors import service_door
from functions.http.logs import log, trace_of
from shared.domain.errors import Malformed, Refusal
from shared.domain.notifications.notification import NotificationId
from shared.flow.archive.daily_manifest import ManifestWriter
from shared.flow.archive.export import Exporter
from shared.wiring import parts


class ExportTask(RequestModel):
    """A notification to be exported, or a day to be closed."""

    notification_id: str | None = None
    day: date | None = None


@functions_framework.http
@service_door("export-events", "tasks")
def export_events(request: Request) -> None:
    """Seal what ended in objects, and what was sealed in a link of the chain."""
    task, p = body(request, ExportTask), parts()
    archive = p.archive
    if archive is None:
        raise Refusal("FANFARE_ARCHIVE is not set: nothing is archived", code="archiveOff")
    if task.notification_id:
        exporter = Exporter(p.notifications, p.runs, p.ledger, p.exports, archive, p.tasks, p.clock)
        until = p.clock.now() + timedelta(seconds=p.settings.handler_seconds)
        exporter.export(NotificationId(task.notification_id), until)
    elif task.day:
        for written in ManifestWriter(p.exports, archive, p.clock, p.signer).close_day(task.day):
            message = f"manifest {written.sequence} lists {len(written.objects)} objects"
            log("INFO", message, trace=trace_of(request))
    else:
        raise Malformed("the task names neither a notification nor a day")
