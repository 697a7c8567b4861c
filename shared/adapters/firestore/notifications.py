"""``pendingNotifications`` in Firestore: every move is one conditional write with its entry.

A move reads the notification and commits a batch on the condition that it is unchanged, instead
of using the SDK's transactions: those take locks, here as in the emulator, and racing ones wait
for seconds where a failed condition tells at once. A history entry is created under its number,
so that no two moves can ever claim the same link of the chain.
"""

from collections.abc import Callable, Iterable, Mapping, Sequence
from concurrent.futures import ThreadPoolExecutor
from contextlib import suppress
from dataclasses import replace
from datetime import UTC, datetime
from functools import partial

from google.cloud.firestore import (
    Client,
    CollectionReference,
    DocumentReference,
    FieldFilter,
    Query,
)

from shared.adapters.documents.listing import Position, Row, decisions, fill, fill_queue, statuses
from shared.adapters.documents.notification import (
    DECISION,
    HISTORY,
    NOTIFICATIONS,
    PLAN_DOMAINS,
    REPLAYS,
    answer_field,
    changes_nothing,
    entry_fields,
    entry_from,
    is_planned_on,
    notification_fields,
    notification_from,
    replay_fields,
    replay_from,
)
from shared.adapters.firestore.calls import (
    NotDone,
    Refused,
    Snapshot,
    Unclear,
    as_update,
    commit,
    commit_once,
    count,
    data_of,
    fetch,
    fetch_all,
    if_still,
    reference,
    select,
    version_of,
)
from shared.domain.errors import NotFound
from shared.domain.notifications.history import Entry
from shared.domain.notifications.lifecycle import Status
from shared.domain.notifications.notification import Change, Notification, NotificationId
from shared.ports import AlreadyThere, Decision, NotificationQuery, Page, QueueQuery, Replay
from shared.stores.change import Turns
from shared.stores.codec import difference, present
from shared.stores.names import can_name

_EVER = datetime(1970, 1, 1, tzinfo=UTC)
PAGE = 500
_IS_DRAFT = FieldFilter("status", "==", str(Status.DRAFT))
_IS_PENDING = FieldFilter("status", "==", str(Status.PENDING))


class FirestoreNotifications:
    """Notifications, their history, and the answers kept for repeated requests."""

    def __init__(self, client: Client) -> None:
        self._client = client

    def create(self, change: Change, replay: Replay | None = None) -> None:
        notification = change.notification
        batch = self._client.batch()
        batch.create(self._reference(notification.id), present(notification_fields(notification)))
        for entry in change.entries:
            batch.create(self._link(notification.id, entry), _stored(entry))
        if replay:
            batch.create(
                reference(self._client, REPLAYS, replay.key), present(replay_fields(replay))
            )
        try:
            commit(batch, "the new notification")
        except Refused as refused:
            if not (refused.perhaps_ours and self._stands(change)):
                raise AlreadyThere(notification.id) from None

    def get(self, id: NotificationId) -> Notification:
        return _read(self._existing(id))

    def statuses(self, ids: Iterable[NotificationId]) -> Mapping[NotificationId, Status]:
        places = [self._reference(id) for id in ids if can_name(id)]
        found = fetch_all(self._client, places, ["status"]) if places else []
        return statuses((it.id, data_of(it)) for it in found if it.exists)

    def change(self, id: NotificationId, change: Callable[[Notification], Change]) -> Notification:
        turns = Turns("the notification")
        perhaps: Change | None = None
        while True:
            turns.take()
            snapshot = self._existing(id)
            before = _read(snapshot)
            if perhaps and self._stands(perhaps, before):
                return perhaps.notification
            wanted = change(before)
            if changes_nothing(before, wanted):
                return before
            try:
                return self._write(snapshot, wanted)
            except (Refused, NotDone):
                continue
            except Unclear:
                perhaps = wanted

    def delete(self, id: NotificationId, check: Callable[[Notification], None]) -> None:
        turns, unclear = Turns("the notification"), False
        while True:
            turns.take()
            try:
                snapshot = self._existing(id)
            except NotFound:
                if unclear:
                    return
                raise
            before = _read(snapshot)
            check(before)
            batch = self._client.batch()
            batch.delete(snapshot.reference, if_still(before.version))
            for number in range(1, before.history_count + 1):
                batch.delete(self._history(id).document(_name(number)))
            try:
                commit_once(batch)
            except (Refused, NotDone):
                continue
            except Unclear:
                unclear = True
            else:
                return

    def of_provider(self, wish: NotificationQuery) -> Page[Notification]:
        query = self._where("providerId", "==", wish.provider_id)
        if wish.status:
            query = query.where(filter=FieldFilter("status", "==", str(wish.status)))
        newest_first = query.order_by("createdAt", Query.DESCENDING).order_by(
            "__name__", Query.DESCENDING
        )

        return fill(wish, partial(_rows_after, newest_first, "createdAt"))

    def counts_by_status(self, provider_id: str) -> Mapping[Status, int]:
        owned = self._where("providerId", "==", provider_id)

        def in_status(status: Status) -> int:
            return count(owned.where(filter=FieldFilter("status", "==", str(status))))

        with ThreadPoolExecutor(max_workers=len(Status)) as at_once:
            return dict(zip(Status, at_once.map(in_status, Status), strict=True))

    def count_auto_approved(self, provider_id: str) -> int:
        ended = self._where("providerId", "==", provider_id).where(
            filter=FieldFilter("status", "==", str(Status.APPROVED))
        )
        return count(ended.where(filter=FieldFilter("autoApproved", "==", True)))

    def count_pending(self, provider_id: str) -> int:
        owned = self._where("providerId", "==", provider_id)
        return count(owned.where(filter=_IS_PENDING))

    def count_drafts(self, provider_id: str) -> int:
        owned = self._where("providerId", "==", provider_id)
        return count(owned.where(filter=_IS_DRAFT))

    def queue(self, waiting: QueueQuery) -> Page[Notification]:
        query = self._client.collection(NOTIFICATIONS).where(filter=_IS_PENDING)
        if waiting.provider_id:
            query = query.where(filter=FieldFilter("providerId", "==", waiting.provider_id))
        return fill_queue(waiting, partial(_waiting_after, query))

    def decided(self, since: datetime, limit: int) -> Sequence[Decision]:
        moderated = self._where("moderatedAt", ">=", since)
        latest = moderated.order_by("moderatedAt", Query.DESCENDING).limit(limit)
        return decisions((each.id, data_of(each)) for each in select(latest.select(DECISION)))

    def sending_on(self, domain: str) -> Sequence[NotificationId]:
        """Plans are not indexed by domain: few are sent at a time, and fewer domains are lost."""
        sending = self._where("status", "==", str(Status.SENDING)).order_by("__name__")
        page, found = sending.select([PLAN_DOMAINS]).limit(PAGE), list[Snapshot]()
        while snapshots := select(page):
            found += snapshots
            page = page.start_after({"__name__": snapshots[-1].reference})
        return [NotificationId(it.id) for it in found if is_planned_on(domain, data_of(it))]

    def overdue(self, now: datetime, limit: int) -> Sequence[NotificationId]:
        due = self._where("wakeAt", "<=", now).order_by("wakeAt").limit(limit)
        return [NotificationId(snapshot.id) for snapshot in select(due.select([]))]

    def unexported(self, now: datetime, limit: int) -> Sequence[NotificationId]:
        due = self._where("exportAt", "<=", now).order_by("exportAt").limit(limit)
        return [NotificationId(snapshot.id) for snapshot in select(due.select([]))]

    def put_off_export(self, id: NotificationId, until: datetime) -> None:
        self._put_off(id, {"exportAt": until})

    def put_off_wake(self, id: NotificationId, until: datetime) -> None:
        self._put_off(id, {"wakeAt": until})

    def _put_off(self, id: NotificationId, fields: Mapping[str, datetime]) -> None:
        batch = self._client.batch()
        batch.update(self._reference(id), dict(fields))
        with suppress(Refused):
            commit(batch, "what is put off")

    def history(self, id: NotificationId) -> Sequence[Entry]:
        links = select(self._history(id).order_by("__name__"))
        return [entry_from(id, link.id, data_of(link)) for link in links]

    def replay(self, key: str) -> Replay | None:
        snapshot = fetch(reference(self._client, REPLAYS, key))
        return replay_from(key, data_of(snapshot)) if snapshot.exists else None

    def keep_answer(self, key: str, answer: Mapping[str, object]) -> None:
        batch = self._client.batch()
        batch.update(reference(self._client, REPLAYS, key), answer_field(answer))
        try:
            commit(batch, "the kept answer")
        except Refused:
            raise NotFound("there is no such replay record") from None

    def _write(self, snapshot: Snapshot, change: Change) -> Notification:
        notification = change.notification
        fields = difference(data_of(snapshot), notification_fields(notification))
        batch = self._client.batch()
        batch.update(snapshot.reference, as_update(fields), if_still(version_of(snapshot)))
        for entry in change.entries:
            batch.create(self._link(notification.id, entry), _stored(entry))
        return replace(notification, version=commit_once(batch))

    def _stands(self, change: Change, now: Notification | None = None) -> bool:
        """Whether a write with a lost answer counted: its entry is in the chain.

        Without an entry it is told from the state, where writing the same again would not matter.
        """
        if change.entry is None:
            return now == replace(change.notification, version=now.version if now else "")
        link = fetch(self._link(change.notification.id, change.entry))
        return data_of(link).get("hash") == change.entry.hash

    def _existing(self, id: NotificationId) -> Snapshot:
        snapshot = fetch(self._reference(id))
        if not snapshot.exists:
            raise NotFound("there is no such notification")
        return snapshot

    def _reference(self, id: NotificationId) -> DocumentReference:
        return reference(self._client, NOTIFICATIONS, id)

    def _history(self, id: NotificationId) -> CollectionReference:
        return self._client.collection(NOTIFICATIONS, id, HISTORY)

    def _link(self, id: NotificationId, entry: Entry) -> DocumentReference:
        return self._history(id).document(_name(entry.number))

    def _where(self, field: str, operator: str, value: object) -> Query:
        matching = FieldFilter(field, operator, value)
        return self._client.collection(NOTIFICATIONS).where(filter=matching)


def _rows_after(
    query: Query, time: str, place: Position | None, limit: int | None
) -> Sequence[Row]:
    page = query.limit(limit) if limit else query
    if place:
        page = page.start_after({time: place.at, "__name__": place.id})
    return [_row(snapshot, time) for snapshot in select(page)]


def _waiting_after(pending: Query, place: Position | None, limit: int) -> Sequence[Row]:
    """By submission; and among them, by creation, those of an older version, which wrote no more.

    Only a field that is there can be ordered by. So the second query goes through what was created
    in the stretch of time that the first one covers, and leaves out whatever has both.
    """
    by_submission = pending.where(filter=FieldFilter("submittedAt", ">=", _EVER))
    by_submission = by_submission.order_by("submittedAt").order_by("__name__")
    submitted = _rows_after(by_submission, "submittedAt", place, limit)
    by_creation = pending.where(filter=FieldFilter("createdAt", ">=", _EVER))
    if len(submitted) == limit:
        by_creation = by_creation.where(filter=FieldFilter("createdAt", "<=", submitted[-1].at))
    by_creation = by_creation.order_by("createdAt").order_by("__name__")
    created = _rows_after(by_creation, "createdAt", place, None)
    older = [row for row in created if not isinstance(row.document.get("submittedAt"), datetime)]
    ordered = sorted((*submitted, *older), key=lambda row: (row.at, row.id))
    return ordered[: ordered.index(submitted[-1]) + 1] if len(submitted) == limit else ordered


def _name(number: int) -> str:
    """Zero-padded, so that the order of names is the order of the chain."""
    return f"{number:06d}"


def _stored(entry: Entry) -> dict[str, object]:
    return present(entry_fields(entry))


def _read(snapshot: Snapshot) -> Notification:
    return notification_from(snapshot.id, data_of(snapshot), version_of(snapshot))


def _row(snapshot: Snapshot, time: str) -> Row:
    document = data_of(snapshot)
    return Row(snapshot.id, document, version_of(snapshot), document.get(time))
