"""The records of moderation in Firestore: the policy, the moderators, and used-up limits.

Whoever takes a place in a limit's window is written down by name, so that a request that is
repeated, or a commit whose answer was lost, takes its place once.
"""

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import Any
from uuid import uuid4

from google.cloud.firestore import Client, DocumentReference, FieldFilter

from shared.adapters.documents.provider import PLATFORM
from shared.adapters.documents.review import (
    MODERATION,
    MODERATORS,
    REMINDER,
    REMOVED,
    USAGE,
    lease_fields,
    leases_from,
    moderator_fields,
    moderator_from,
    policy_fields,
    policy_from,
    reminder_from,
    takers_from,
    usage_fields,
)
from shared.adapters.firestore.calls import (
    NotDone,
    Refused,
    Snapshot,
    Unclear,
    commit,
    commit_once,
    data_of,
    fetch,
    if_still,
    reference,
    select,
    version_of,
)
from shared.adapters.firestore.together import Together
from shared.domain.notifications.review import ReviewPolicy
from shared.domain.providers.places import (
    Lease,
    Leases,
    Taker,
    Takers,
    Turn,
    begun,
    ended,
    with_place,
    without,
)
from shared.ports import Moderator
from shared.stores.change import Turns
from shared.stores.codec import present

Fields = dict[str, Any]


class FirestoreReviewPolicies:
    """``platform/moderation``, and when moderators were last reminded."""

    def __init__(self, client: Client) -> None:
        self._client = client

    def get(self) -> ReviewPolicy:
        return policy_from(data_of(fetch(reference(self._client, PLATFORM, MODERATION))))

    def put(self, policy: ReviewPolicy) -> None:
        place = reference(self._client, PLATFORM, MODERATION)
        _set(self._client, place, policy_fields(policy), "the policy")

    def take_reminder(self, now: datetime, not_since: datetime) -> bool:
        mine: Fields = {"at": now, "by": uuid4().hex}
        taken = False

        def wanted(snapshot: Snapshot) -> Fields | None:
            nonlocal taken
            stored = data_of(snapshot)
            last, is_mine = reminder_from(stored), stored.get("by") == mine["by"]
            taken = is_mine or last is None or last <= not_since
            return mine if taken and not is_mine else None

        place = reference(self._client, PLATFORM, REMINDER)
        _rewrite(self._client, place, "the reminder", wanted)
        return taken


class FirestoreModerators:
    """``moderators/{uid}``."""

    def __init__(self, client: Client) -> None:
        self._client = client

    def get(self, uid: str) -> Moderator | None:
        snapshot = fetch(reference(self._client, MODERATORS, uid))
        known = snapshot.exists and data_of(snapshot) != REMOVED
        return moderator_from(uid, data_of(snapshot)) if known else None

    def by_telegram(self, user_id: int) -> Moderator | None:
        known = self._client.collection(MODERATORS).where(
            filter=FieldFilter("telegramUserId", "==", user_id)
        )
        found = select(known.order_by("__name__").limit(1))
        return moderator_from(found[0].id, data_of(found[0])) if found else None

    def put(self, moderator: Moderator) -> None:
        place = reference(self._client, MODERATORS, moderator.uid)
        _set(self._client, place, moderator_fields(moderator), "the moderator")

    def delete(self, uid: str) -> None:
        _set(self._client, reference(self._client, MODERATORS, uid), REMOVED, "the moderator")

    def was_removed(self, uid: str) -> bool:
        snapshot = fetch(reference(self._client, MODERATORS, uid))
        return snapshot.exists and data_of(snapshot) == REMOVED


class FirestoreUsage:
    """``usage/{provider}.{kind}.{window}``, each gone some time after its window, and for turns
    ``usage/{provider}.{kind}``.
    """

    def __init__(self, client: Client) -> None:
        self._client = client
        self._windows = Together(self._write)
        self._turns = Together(self._write_turns)

    def take(
        self,
        provider_id: str,
        kind: str,
        window_key: str,
        limit: int,
        expire_at: datetime,
        *,
        taker: Taker,
    ) -> bool:
        place = self._window(provider_id, kind, window_key)
        return self._windows.change(place.id, _Taking(taker, limit, expire_at))

    def places(self, provider_id: str, kind: str, window_key: str) -> Sequence[str]:
        place = self._window(provider_id, kind, window_key)
        takers = takers_from(place.id, data_of(fetch(place)))
        return list(dict.fromkeys(each.place for each in takers))

    def give_back(self, provider_id: str, kind: str, window_key: str, *, taker: Taker) -> None:
        place = self._window(provider_id, kind, window_key)
        self._windows.change(place.id, _GivingBack(taker))

    def begin(
        self, provider_id: str, kind: str, limit: int, now: datetime, until: datetime, taker: Taker
    ) -> Turn:
        place = reference(self._client, USAGE, f"{provider_id}.{kind}")
        return self._turns.change(place.id, _Beginning(Lease(taker, until), limit, now))

    def end(self, provider_id: str, kind: str, *, taker: Taker) -> None:
        place = reference(self._client, USAGE, f"{provider_id}.{kind}")
        self._turns.change(place.id, _Ending(taker))

    def _write(self, id: str, changes: Sequence["_Taking | _GivingBack"]) -> Sequence[bool]:
        """After each change, whether its taker has a place."""
        placed: list[bool] = []
        ends = [each.expire_at for each in changes if isinstance(each, _Taking)]

        def wanted(snapshot: Snapshot) -> Fields | None:
            before = takers = takers_from(id, data_of(snapshot))
            placed.clear()
            for each in changes:
                takers = each.among(takers)
                placed.append(each.taker in takers)
            if takers == before:
                return None
            return present(usage_fields(takers, max(ends, default=None)))

        _rewrite(self._client, reference(self._client, USAGE, id), "the usage of a limit", wanted)
        return placed

    def _write_turns(self, id: str, changes: Sequence["_Beginning | _Ending"]) -> Sequence[Turn]:
        """After each change, whose turn it is."""
        turns: list[Turn] = []

        def wanted(snapshot: Snapshot) -> Fields | None:
            before = leases = leases_from(id, data_of(snapshot))
            turns.clear()
            for each in changes:
                leases, turn = each.among(leases)
                turns.append(turn)
            if leases == before:
                return None
            return present(lease_fields(leases, max((it.until for it in leases), default=None)))

        _rewrite(self._client, reference(self._client, USAGE, id), "the turns", wanted)
        return turns

    def _window(self, provider_id: str, kind: str, window_key: str) -> DocumentReference:
        return reference(self._client, USAGE, f"{provider_id}.{kind}.{window_key}")


@dataclass(frozen=True, slots=True)
class _Taking:
    """Somebody takes a place, if they have none and there is one."""

    taker: Taker
    limit: int
    expire_at: datetime

    def among(self, takers: Takers) -> Takers:
        return with_place(takers, self.taker, self.limit)


@dataclass(frozen=True, slots=True)
class _GivingBack:
    """Somebody needs no place any more."""

    taker: Taker

    def among(self, takers: Takers) -> Takers:
        return without(takers, self.taker)


@dataclass(frozen=True, slots=True)
class _Beginning:
    """Somebody takes a turn, if there is one."""

    lease: Lease
    limit: int
    now: datetime

    def among(self, leases: Leases) -> tuple[Leases, Turn]:
        left, turn = begun(leases, self.lease, self.limit, self.now)
        return (left if turn is Turn.MINE else leases), turn


@dataclass(frozen=True, slots=True)
class _Ending:
    """Somebody's turn is over."""

    taker: Taker

    def among(self, leases: Leases) -> tuple[Leases, Turn]:
        return ended(leases, self.taker), Turn.MINE


def _set(client: Client, place: DocumentReference, fields: Fields, what: str) -> None:
    batch = client.batch()
    batch.set(place, present(fields))
    commit(batch, what)


def _rewrite(
    client: Client,
    place: DocumentReference,
    what: str,
    wanted: Callable[[Snapshot], Fields | None],
) -> None:
    """Read, and write ``wanted`` on the condition that nobody wrote, or created it, meanwhile.

    It is asked again after a commit whose answer was lost, and must know what is its own.
    """
    turns = Turns(what)
    while True:
        turns.take()
        snapshot = fetch(place)
        fields = wanted(snapshot)
        if fields is None:
            return
        batch = client.batch()
        if snapshot.exists:
            batch.update(place, fields, if_still(version_of(snapshot)))
        else:
            batch.create(place, fields)
        try:
            commit_once(batch)
        except (Refused, NotDone, Unclear):
            continue
        else:
            return
