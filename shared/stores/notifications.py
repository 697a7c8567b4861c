"""``pendingNotifications/{id}``, their history, and the answers kept for repeated requests.

A history entry is created under its number in the same commit as the move that it tells of, so that
no two moves can ever claim the same link of the chain. An entry is never written again: whether a
commit counted whose answer was lost, its entry tells, even when others went on from the move.
"""

from collections.abc import Callable, Iterable, Mapping, Sequence
from concurrent.futures import ThreadPoolExecutor
from contextlib import suppress
from dataclasses import replace
from datetime import UTC, datetime
from functools import partial

from shared.domain.errors import NotFound
from shared.domain.notifications.history import Entry
from shared.domain.notifications.lifecycle import Status
from shared.domain.notifications.notification import Change, Notification, NotificationId
from shared.domain.notifications.queries import Decision, NotificationQuery, Page, QueueQuery
from shared.domain.notifications.replay import Replay
from shared.ports.database import (
    NAME,
    AlreadyThere,
    Create,
    Database,
    Delete,
    Document,
    Fields,
    Query,
    Unmet,
    Update,
    Where,
)
from shared.stores.change import Step, change, changed, settle, write
from shared.stores.codec import difference
from shared.stores.names import can_name, document_name
from shared.stores.notification_codec import (
    DECISION,
    HISTORY,
    NOTIFICATIONS,
    entry_fields,
    entry_from,
    notification_fields,
    notification_from,
)
from shared.stores.notification_lists import (
    Position,
    Row,
    decisions,
    fill,
    fill_queue,
    statuses,
)
from shared.stores.replay_codec import REPLAYS, answer_field, replay_fields, replay_from

PAGE = 500
_EVER = datetime(1970, 1, 1, tzinfo=UTC)
_WHAT = "the notification"


class Notifications:
    """Notifications with their history, and kept answers."""

    def __init__(self, database: Database) -> None:
        self._database = database

    # ---- one notification --------------------------------------------------------------------

    def create(self, change: Change, replay: Replay | None = None) -> None:
        """Create notification, first history entry and replay record in one write, or none of them.

        Raises ``AlreadyThere`` when the id or the replay key exists.
        """
        notification, entries = change.notification, _links(change)
        writes = [
            Create(notification_name(notification.id), notification_fields(notification)),
            *entries,
        ]
        if replay:
            writes.append(Create(document_name(REPLAYS, replay.key), replay_fields(replay)))
        try:
            settle(self._database, writes, "the new notification", proof=_first(entries))
        except Unmet:
            raise AlreadyThere(notification.id) from None

    def get(self, id: NotificationId) -> Notification:
        """Return a notification; raises ``NotFound``, and ``Defect`` for a document that cannot be
        one.
        """
        return _read(self._database.get(notification_name(id)))

    def statuses(self, ids: Iterable[NotificationId]) -> Mapping[NotificationId, Status]:
        """Return the status by id, in one request; ids that are missing or cannot be read are
        omitted.
        """
        names = [notification_name(id) for id in ids if can_name(id)]
        return statuses(self._database.get_many(names, ["status"]).documents.values())

    def change(self, id: NotificationId, change: Callable[[Notification], Change]) -> Notification:
        """Read, apply ``change``, write with its history entry, as one transaction.

        ``change`` may run several times: keep it pure. What it raises is passed on and nothing is
        written. Raises ``NotFound``, and ``TryAgain`` when contention does not end.
        """

        def decide(document: Document | None) -> Step[Notification]:
            before = _read(document)
            wanted = change(before)
            if wanted == Change(before, None):  # every needless write would be a needless event
                return Step(before)
            stored = document.fields if document else {}
            fields = difference(stored, notification_fields(wanted.notification))
            entries = _links(wanted)
            return Step(wanted.notification, fields, entries, proof=_first(entries))

        notification, version = changed(self._database, notification_name(id), decide, _WHAT)
        return replace(notification, version=version)

    def delete(self, id: NotificationId, check: Callable[[Notification], None]) -> None:
        """Delete the notification (drafts only) unless ``check`` raises, as one transaction."""

        def decide(document: Document | None) -> Step[None]:
            before = _read(document)
            check(before)
            numbers = range(1, before.head.count + 1)
            entries = tuple(Delete(_link(id, number)) for number in numbers)
            return Step(None, also=entries, deletes=True)

        change(self._database, notification_name(id), decide, _WHAT)

    def history(self, id: NotificationId) -> Sequence[Entry]:
        """Return the chain of history entries, in order."""
        links = self._database.query(Query(HISTORY, order=(NAME,), below=notification_name(id)))
        return [entry_from(id, link.id, link.fields) for link in links]

    # ---- lists -------------------------------------------------------------------------------

    def of_provider(self, query: NotificationQuery) -> Page[Notification]:
        """List a provider's notifications, newest first.

        A notification that cannot be read is left out. A search may end a page early, even empty;
        it goes on with ``next_token``. Raises ``InvalidInput`` for a malformed token.
        """
        owned = _owned(query.provider_id)
        where = (*owned, _in(query.status)) if query.status else owned
        newest_first = Query(NOTIFICATIONS, where, order=("-createdAt", f"-{NAME}"))
        return fill(query, partial(self._rows_after, newest_first))

    def queue(self, query: QueueQuery) -> Page[Notification]:
        """List the moderation queue, the notification that was submitted first in front.

        A notification that cannot be read is left out. A search may end a page early, even empty;
        it goes on with ``next_token``. Raises ``InvalidInput`` for a malformed token.
        """
        owned = _owned(query.provider_id) if query.provider_id else ()
        return fill_queue(query, partial(self._waiting_after, (_in(Status.PENDING), *owned)))

    def decided(self, since: datetime, limit: int) -> Sequence[Decision]:
        """List moderators' decisions since then, the latest first."""
        where = (Where("moderatedAt", ">=", since),)
        latest = Query(NOTIFICATIONS, where, ("-moderatedAt",), limit=limit, select=DECISION)
        return decisions(self._database.query(latest))

    def unexported(self, now: datetime, limit: int) -> Sequence[NotificationId]:
        """List the notifications that ended and whose ``export_at`` has passed."""
        return [NotificationId(id) for id in due(self._database, "exportAt", now, limit)]

    def put_off_export(self, id: NotificationId, until: datetime) -> None:
        """Move ``export_at`` of a notification that cannot be read; no-op when the notification is
        gone.
        """
        put_off(self._database, id, {"exportAt": until})

    # ---- numbers -----------------------------------------------------------------------------

    def counts_by_status(self, provider_id: str) -> Mapping[Status, int]:
        """Count the provider's notifications in each status, all at the same time."""
        count = partial(self._count_in, provider_id)
        with ThreadPoolExecutor(max_workers=len(Status)) as threads:
            return dict(zip(Status, threads.map(count, Status), strict=True))

    def count_auto_approved(self, provider_id: str) -> int:
        """Count the provider's notifications that ended as approved without being moderated."""
        return self._count_in(provider_id, Status.APPROVED, Where("autoApproved", "==", True))

    def count_pending(self, provider_id: str) -> int:
        """Count the provider's notifications that wait for a moderator, by aggregation."""
        return self._count_in(provider_id, Status.PENDING)

    def count_drafts(self, provider_id: str) -> int:
        """Count the provider's drafts, by aggregation."""
        return self._count_in(provider_id, Status.DRAFT)

    # ---- kept answers ------------------------------------------------------------------------

    def replay(self, key: str) -> Replay | None:
        """Return the answer kept under ``key``, if any."""
        document = self._database.get(document_name(REPLAYS, key))
        return replay_from(key, document.fields) if document else None

    def keep_answer(self, key: str, answer: Mapping[str, object]) -> None:
        """Complete the replay record ``key``; raises ``NotFound``."""
        kept = Update(document_name(REPLAYS, key), answer_field(answer))
        try:
            write(self._database, [kept], "the kept answer")
        except Unmet:
            raise NotFound("there is no such replay record") from None

    # ---- queries -----------------------------------------------------------------------------

    def _rows_after(self, ordered: Query, place: Position | None, limit: int) -> Sequence[Row]:
        """Read the rows behind a place in an order by time and name."""
        after = (place.at, notification_name(place.id)) if place else ()
        time = ordered.order[0].removeprefix("-")
        documents = self._database.query(replace(ordered, after=after, limit=limit))
        return [Row(it, it.fields.get(time)) for it in documents]

    def _waiting_after(
        self, where: tuple[Where, ...], place: Position | None, limit: int
    ) -> Sequence[Row]:
        """Read rows by submission; and among them, by creation, those of an older version, which
        wrote no more.

        Only a field that is there can be ordered by. So the second query goes through what was
        created in the stretch of time that the first one covers, and leaves out whatever has both.
        """
        by_submission = _by("submittedAt", *where)
        submitted = self._rows_after(by_submission, place, limit)
        whole = len(submitted) < limit
        covered = () if whole else (Where("createdAt", "<=", submitted[-1].at),)
        created = self._rows_after(_by("createdAt", *where, *covered), place, 0)
        older = [it for it in created if not _was_submitted(it.document.fields)]
        ordered = sorted((*submitted, *older), key=lambda row: (row.at, row.document.id))
        return ordered if whole else ordered[: ordered.index(submitted[-1]) + 1]

    def _count_in(self, provider_id: str, status: Status, *where: Where) -> int:
        selected = Query(NOTIFICATIONS, (*_owned(provider_id), _in(status), *where))
        return self._database.count(selected).number


def due(database: Database, field: str, now: datetime, limit: int) -> Sequence[str]:
    """List the ids of the notifications in which this moment has passed, the earliest first."""
    where = (Where(field, "<=", now),)
    asked = Query(NOTIFICATIONS, where, order=(field,), limit=limit, select=(NAME,))
    return [it.id for it in database.query(asked)]


def put_off(database: Database, id: str, fields: Fields) -> None:
    """Move a moment of a notification that cannot be read; no-op when the notification is gone."""
    with suppress(Unmet):
        write(database, [Update(notification_name(id), fields)], "what is put off")


def notification_name(id: str) -> str:
    """Form the name of a notification's document."""
    return document_name(NOTIFICATIONS, id)


def _link(id: NotificationId, number: int) -> str:
    """Form the name of an entry: zero-padded, so that the order of names is that of the chain."""
    return document_name(NOTIFICATIONS, id, HISTORY, f"{number:06d}")


def _links(change: Change) -> tuple[Create, ...]:
    id = change.notification.id
    return tuple(Create(_link(id, it.number), entry_fields(it)) for it in change.entries)


def _first(entries: tuple[Create, ...]) -> Create | None:
    return entries[0] if entries else None


def _read(document: Document | None) -> Notification:
    if document is None:
        raise NotFound("there is no such notification")
    return notification_from(document.id, document.fields, document.version)


def _owned(provider_id: str) -> tuple[Where, ...]:
    return (Where("providerId", "==", provider_id),)


def _in(status: Status) -> Where:
    return Where("status", "==", str(status))


def _by(time: str, *where: Where) -> Query:
    """Order by a time, the earliest first, what has one."""
    return Query(NOTIFICATIONS, (*where, Where(time, ">=", _EVER)), order=(time, NAME))


def _was_submitted(fields: Fields) -> bool:
    return isinstance(fields.get("submittedAt"), datetime)
