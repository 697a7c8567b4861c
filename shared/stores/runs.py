"""Runs: where each is kept, and how it is changed together with its notification.

A notification that is sent once is stored together with its only run, in one document under the id
that both have; parts and batches lie below it, by ``run_names``. Nothing else knows of that.
"""

from collections.abc import Callable, Iterable, Sequence
from dataclasses import replace
from datetime import datetime

from shared.domain.delivery.run import Run, RunChange, RunId
from shared.domain.errors import NotFound
from shared.domain.notifications.lifecycle import Status
from shared.domain.notifications.notification import Change, Notification, NotificationId
from shared.domain.notifications.queries import NotificationQuery
from shared.ports.database import NAME, Database, Document, Query, Where
from shared.stores.notification_codec import NOTIFICATIONS
from shared.stores.notifications import Notifications, due, put_off
from shared.stores.run_codec import PLAN_DOMAINS, is_planned_on

PAGE = 500


class Runs:
    """Each run, in the document of its notification."""

    def __init__(self, database: Database) -> None:
        self._database = database
        self._notifications = Notifications(database)

    def get(self, id: RunId) -> Run:
        """Return a run; raises ``NotFound``, and ``Defect`` for a document that cannot be one."""
        return _both(self._notifications.get(NotificationId(id)))[1]

    def with_notification(self, id: RunId) -> tuple[Notification, Run | None]:
        """Return what it is a run of, with the run if it has begun; raises as ``get`` does."""
        it = self._notifications.get(NotificationId(id))
        return it, it.run

    def change(self, id: RunId, fn: Callable[[Run], RunChange]) -> Run:
        """Read, apply ``fn``, write with what that means for the notification, as one transaction.

        ``fn`` may run several times: keep it pure. What it raises is passed on and nothing is
        written. Raises ``NotFound``, and ``TryAgain`` when contention does not end.
        """
        return self.review(id, lambda it: it.follow(fn(_both(it)[1])))[1]

    def review(self, id: RunId, fn: Callable[[Notification], Change]) -> tuple[Notification, Run]:
        """Change what it is a run of, as ``Notifications.change`` does; return both."""
        return _both(self._notifications.change(NotificationId(id), fn))

    def sending(self, ids: Iterable[RunId]) -> set[RunId]:
        """Tell which of these are being sent, in one request."""
        statuses = self._notifications.statuses(map(NotificationId, ids))
        return {id for id, status in statuses.items() if status is Status.SENDING}

    def sending_on(self, domain: str) -> Sequence[RunId]:
        """List the runs that are being sent and whose plan has the domain.

        Plans are not indexed by domain: few are sent at a time, and fewer domains are lost.
        """
        where, select = (Where("status", "==", str(Status.SENDING)),), (PLAN_DOMAINS,)
        sending = Query(NOTIFICATIONS, where, order=(NAME,), limit=PAGE, select=select)
        page, found = sending, list[Document]()
        while documents := self._database.query(page):
            found += documents
            page = replace(sending, after=(documents[-1].name,))
        return [it.id for it in found if is_planned_on(domain, it.fields)]

    def completed_of(self, provider_id: str, most: int) -> Sequence[Run]:
        """List a provider's completed runs, of the notification that was created last first.

        One that cannot be read is left out.
        """
        asked = NotificationQuery(provider_id, Status.APPROVED, page_size=most)
        found = self._notifications.of_provider(asked).items
        return [it.run for it in found if it.run]

    def overdue(self, now: datetime, limit: int) -> Sequence[RunId]:
        """List the runs whose ``wake_at`` has passed."""
        return due(self._database, "wakeAt", now, limit)

    def put_off(self, id: RunId, until: datetime) -> None:
        """Move ``wake_at`` of a run that cannot be read; no-op when the run is gone."""
        put_off(self._database, id, {"wakeAt": until})


def _both(it: Notification) -> tuple[Notification, Run]:
    if it.run is None:
        raise NotFound("there is no such run")
    return it, it.run
