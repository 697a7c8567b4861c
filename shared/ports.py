"""What the verbs need from the world, in our words. Adapters fit by shape, not by inheritance.

Two rules hold for every store behind these ports. State changes only through a write that is
conditional on what was read (a *version*), so that of two racing writers exactly one wins. And
whatever is written twice with the same key is written once.
"""

from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from datetime import UTC, datetime
from enum import Enum
from math import inf
from typing import Generic, Protocol, TypeVar

from shared.domain.archive import Export
from shared.domain.archive_manifest import Head, Signature
from shared.domain.chat import Card
from shared.domain.content import Content
from shared.domain.delivery import Answer, Batch, BatchId, PlanPart, Record, Tally, Target
from shared.domain.device import AddressKind, Derived, Device, PushAddress, Slot
from shared.domain.errors import Defect, TryAgain
from shared.domain.findings import Finding
from shared.domain.history import Entry
from shared.domain.lane import Lane
from shared.domain.lifecycle import Status
from shared.domain.notification import Change, Notification, NotificationId
from shared.domain.provider import Domain, Provider
from shared.domain.review import ReviewPolicy
from shared.domain.seen import Seen
from shared.domain.targeting import AudienceQuery, PartitionRange

T = TypeVar("T")

# ---- time and chance -------------------------------------------------------------------------


class Clock(Protocol):
    """The only source of time and chance for verbs."""

    def now(self) -> datetime:
        """Aware, UTC."""

    def chance(self) -> float:
        """Uniform in [0, 1), for jitter."""

    def new_id(self) -> str:
        """20 random characters [A-Za-z0-9]: a fresh document id or lease owner."""


# ---- records ---------------------------------------------------------------------------------


@dataclass(frozen=True, slots=True)
class Replay:
    """An answer kept under an ``Idempotency-Key``; no ``answer`` while it is worked on."""

    key: str
    fingerprint: str
    notification_id: NotificationId
    created_at: datetime
    answer: Mapping[str, object] | None = None


@dataclass(frozen=True, slots=True)
class Page(Generic[T]):
    """Some records and, if there are more, the token that continues after them."""

    items: tuple[T, ...]
    next_token: str | None = None


@dataclass(frozen=True, slots=True)
class Wish:
    """What a provider wants to see in a list, newest first. ``text`` matches title or body."""

    provider_id: str
    status: Status | None = None
    text: str = ""
    page_size: int = 50
    page_token: str = ""


def every(notification: Notification) -> bool:
    """Leaves nothing out."""
    del notification
    return True


@dataclass(frozen=True, slots=True)
class Waiting:
    """Which pending notifications to list, oldest first. ``shows`` picks among those read."""

    provider_id: str = ""
    shows: Callable[[Notification], bool] = every
    page_size: int = 100
    page_token: str = ""


@dataclass(frozen=True, slots=True)
class Decision:
    """What became of a notification that a moderator decided on."""

    provider_id: str
    moderator_id: str
    rejected: bool
    submitted_at: datetime
    moderated_at: datetime
    endorsers: tuple[str, ...] = ()


class Notifications(Protocol):
    """``pendingNotifications/{id}`` and its history."""

    def create(self, change: Change, replay: Replay | None = None) -> None:
        """Notification, first history entry and replay record in one write, or none of them.

        Raises ``AlreadyThere`` when the id or the replay key exists.
        """

    def get(self, id: NotificationId) -> Notification:
        """Raises ``NotFound``; ``Defect`` for a document that cannot be one."""

    def change(self, id: NotificationId, change: Callable[[Notification], Change]) -> Notification:
        """Read, apply ``change``, write with its history entry, as one transaction.

        ``change`` may run several times: keep it pure. What it raises is passed on and nothing is
        written. Raises ``NotFound``, and ``TryAgain`` when contention does not end.
        """

    def delete(self, id: NotificationId, check: Callable[[Notification], None]) -> None:
        """Remove it (drafts only) unless ``check`` raises, as one transaction."""

    def of_provider(self, wish: Wish) -> Page[Notification]:
        """A provider's notifications, newest first.

        One that cannot be read is left out. A search may end a page early, even empty; it goes on
        with ``next_token``. Raises ``InvalidInput`` for a token that is none.
        """

    def counts_by_status(self, provider_id: str) -> Mapping[Status, int]:
        """How many the provider has in each status."""

    def count_pending(self, provider_id: str) -> int:
        """How many of the provider's wait for a moderator, by aggregation."""

    def queue(self, waiting: Waiting) -> Page[Notification]:
        """The moderation queue, oldest first.

        One that cannot be read is left out. A search may end a page early, even empty; it goes on
        with ``next_token``. Raises ``InvalidInput`` for a token that is none.
        """

    def decided(self, since: datetime, limit: int) -> Sequence[Decision]:
        """Moderators' decisions since then, the latest first."""

    def overdue(self, now: datetime, limit: int) -> Sequence[NotificationId]:
        """Those whose ``wake_at`` has passed."""

    def unexported(self, now: datetime, limit: int) -> Sequence[NotificationId]:
        """Those that ended and whose ``export_at`` has passed."""

    def history(self, id: NotificationId) -> Sequence[Entry]:
        """The chain, in order."""

    def replay(self, key: str) -> Replay | None:
        """The answer kept under ``key``, if any."""

    def keep_answer(self, key: str, answer: Mapping[str, object]) -> None:
        """Complete the replay record ``key``; raises ``NotFound``."""


class AlreadyThere(Exception):
    """Something with this id was created before."""


class Providers(Protocol):
    """``providers/{uid}``, ``domains/{domain}``, and the API keys of providers."""

    def get(self, uid: str) -> Provider | None:
        """``None`` when there is no such provider."""

    def put(self, provider: Provider) -> None:
        """Create or replace."""

    def domains_of(self, uid: str) -> Sequence[Domain]:
        """All of a provider's domains, by name."""

    def domain(self, name: str) -> Domain | None:
        """``None`` when nobody has it."""

    def put_domain(self, domain: Domain) -> None:
        """Create or replace."""

    def change_domain(self, name: str, change: Callable[[Domain], Domain]) -> Domain:
        """Read, apply, write as one transaction; raises ``NotFound``."""

    def delete_domain(self, name: str) -> None:
        """Gone, whether or not it was there."""

    def add_key(self, digest: str, uid: str, name: str, at: datetime) -> None:
        """Keep the SHA-256 of an API key."""

    def keys_of(self, uid: str) -> Sequence["ApiKey"]:
        """A provider's keys, without the keys."""

    def key_owner(self, digest: str) -> str | None:
        """Whose key this is."""

    def delete_key(self, digest: str, uid: str) -> None:
        """Raises ``NotFound`` when ``uid`` has no such key."""


@dataclass(frozen=True, slots=True)
class ApiKey:
    """What may be shown of an API key."""

    id: str
    name: str
    created_at: datetime


class Devices(Protocol):
    """``devices/{hwid}`` and the server-only secrets of devices."""

    def get(self, hwid: str) -> Device | None:
        """``None`` when there is none."""

    def register(self, device: Device, derived: Derived, secret_digest: str | None) -> bool:
        """Write the device's own fields (never its polling slot), in one write with its secret.

        With ``secret_digest``, only if it has no secret yet: returns False when it has one. What
        the device does not say (no address, no time) stays as it is; it can withdraw consent here,
        but not restore it. Other devices keep the address until ``set_address``.
        """

    def secret_digest(self, hwid: str) -> str | None:
        """The SHA-256 of the device's secret, if it registered."""

    def set_address(self, hwid: str, address: PushAddress | None) -> None:
        """The device's push address; the one that registered it last keeps it, others lose it.

        Raises ``NotFound``.
        """

    def set_consent(self, hwid: str, consent: bool) -> None:
        """Consent off also removes the address. Raises ``NotFound``."""

    def drop_address(self, hwid: str, value: str, registered_by: datetime | None = None) -> bool:
        """Compare-and-delete: only if the address is still ``value``, and was not registered after
        ``registered_by``. Returns whether it was dropped.
        """

    def pending(self, hwid: str) -> Mapping[str, object] | None:
        """What the polling slot shows, in the API's words; one read."""

    def clear_slot(self, hwid: str, notification_id: str) -> None:
        """Empty the polling slot if it still shows that notification."""

    def delete(self, hwid: str) -> None:
        """The device and its secret."""

    def write_derived(self, hwid: str, derived: Derived) -> None:
        """Add what our queries need; no-op when the device is gone."""

    def underived(self) -> Iterator[tuple[str, Derived]]:
        """Devices whose derived fields are missing or wrong, with the right ones."""


class StopSwitch(Protocol):
    """The platform's emergency brake: while on, nothing is sent and nothing is lost."""

    def is_on(self) -> bool: ...

    def turn(self, on: bool, by: str, reason: str, at: datetime) -> None: ...


@dataclass(frozen=True, slots=True)
class Sight:
    """How things stand: a notification's status, and whether the whole platform is stopped."""

    status: Status | None
    stopped: bool


class Watch(Protocol):
    """What a running batch asks before every chunk, so that a stop takes effect within one."""

    def look(self, id: NotificationId) -> Sight:
        """As of one moment. Raises ``NotFound``."""


# ---- moderation ------------------------------------------------------------------------------

Inspect = Callable[[Content, Sequence[str]], tuple[Finding, ...]]
"""A look at content, given the provider's verified domains. Never raises, and ends in seconds."""


class ReviewPolicies(Protocol):
    """``platform/moderation``: what operators decided about moderation."""

    def get(self) -> ReviewPolicy:
        """As delivered, until somebody decides otherwise."""

    def put(self, policy: ReviewPolicy) -> None: ...

    def take_reminder(self, now: datetime, not_since: datetime) -> bool:
        """Whether moderators were not reminded since then; if so they count as reminded now.

        Of several callers at once, one is told yes.
        """


@dataclass(frozen=True, slots=True)
class Moderator:
    """Somebody who may decide, and how they are known elsewhere."""

    uid: str
    at: datetime
    telegram_user_id: int | None = None
    name: str = ""
    email: str = ""


class Moderators(Protocol):
    """``moderators/{uid}``."""

    def get(self, uid: str) -> Moderator | None:
        """``None`` when there is no such moderator."""

    def by_telegram(self, user_id: int) -> Moderator | None:
        """Who that Telegram user is, if a moderator."""

    def put(self, moderator: Moderator) -> None:
        """Create or replace."""

    def delete(self, uid: str) -> None:
        """Gone, whether or not it was there."""


class Usage(Protocol):
    """Places in windows of time: a document for each provider, kind and window."""

    def take(
        self,
        provider_id: str,
        kind: str,
        window_key: str,
        limit: int,
        expire_at: datetime,
        *,
        taker: str,
    ) -> bool:
        """Whether ``taker`` has one of ``limit`` places now, or had one before.

        One transaction: however many ask at once, no more than ``limit`` are told yes.
        """

    def give_back(self, provider_id: str, kind: str, window_key: str, *, taker: str) -> None:
        """The place is free again, whether or not it was taken."""


# ---- fan-out ---------------------------------------------------------------------------------


@dataclass(frozen=True, slots=True)
class Counted:
    """How many devices a query selects, and as of which moment of the store (opaque)."""

    devices: int
    read_at: str


class SnapshotTooOld(TryAgain):
    """The store no longer knows the moment asked for; count again for a newer one."""


class Audience(Protocol):
    """Devices selected by queries whose cost grows with the audience, not with all devices."""

    def count(self, query: AudienceQuery) -> Counted:
        """By aggregation: one read per thousand."""

    def page(
        self,
        query: AudienceQuery,
        partitions: PartitionRange,
        after: str,
        limit: int,
        read_at: str,
    ) -> "AudiencePage":
        """The next up to ``limit`` devices after sort key ``after`` as of ``read_at``, ordered by
        (partition, hwid), with those passed over that an earlier query selects.
        """


@dataclass(frozen=True, slots=True)
class AudiencePage:
    """``targets`` with their sort keys; ``last`` is where to go on, ``None`` at the end."""

    targets: tuple[tuple[str, Target], ...]
    last: str | None


class LostLease(Exception):
    """Someone else writes this batch or plan part now; stop at once."""


class Ledger(Protocol):
    """Plan parts and batches below a notification. Every write is conditional on ``version``."""

    def open_parts(self, parts: Sequence[PlanPart]) -> None:
        """Create those that are not there yet; a part that exists is left as it is."""

    def parts(self, id: NotificationId) -> Sequence[PlanPart]:
        """All plan parts, by ``low``."""

    def advance(self, part: PlanPart, batches: Sequence[Batch]) -> PlanPart:
        """The part's progress and the batches it planned, in one write; raises ``LostLease``."""

    def batch(self, id: NotificationId, batch: BatchId) -> Batch:
        """Raises ``NotFound``."""

    def write(self, batch: Batch, changed: Iterable[int] = ()) -> Batch:
        """The batch's state and the records at ``changed``; raises ``LostLease``."""

    def batches(self, id: NotificationId, after: str = "") -> Iterator[Batch]:
        """Every batch with its records, by id, a few at a time; those after the id ``after``."""

    def open_batches(self, id: NotificationId) -> int:
        """How many are not closed, by aggregation."""

    def sums(self, id: NotificationId) -> Tally:
        """Without ``errors``, by aggregation over batches: for live counters."""

    def tally(self, id: NotificationId) -> Tally:
        """With ``errors``, from the sums every batch keeps of its own records."""

    def batches_around(self, id: NotificationId, key: str) -> Sequence[Batch]:
        """For each stream the batch that would hold sort key ``key``."""

    def overdue_batches(
        self, now: datetime, limit: int
    ) -> Sequence[tuple[NotificationId, BatchId]]:
        """Open batches whose ``wake_at`` has passed, of any notification."""

    def overdue_parts(self, now: datetime, limit: int) -> Sequence[PlanPart]:
        """Unfinished plan parts whose ``wake_at`` has passed, of any notification."""


UNREAD = Slot("", datetime.max.replace(tzinfo=UTC))
"""Stands for a slot nobody looked at."""


@dataclass(frozen=True, slots=True)
class SlotWrite:
    """A desktop's document to be given this notification.

    ``slot`` is what it showed at ``read_version``. Left out, the document is read first: it may
    show something newer.
    """

    hwid: str
    read_version: str
    slot: Slot | None = UNREAD


class Slots(Protocol):
    """The polling fields on desktops' documents."""

    def show(self, notification: Notification, writes: Sequence[SlotWrite]) -> Sequence[Record]:
        """Write the notification into each slot unless a newer one is there; a record for each.

        ``delivered`` when written (now or before), ``skipped``/``superseded`` when a newer one is
        shown, ``skipped``/``deviceGone`` when the document is gone, open when it should be tried
        again.
        """


class Sender(Protocol):
    """One push service. One attempt is one request; nothing is retried below this port."""

    def send(
        self, message: "Message", addresses: Sequence[PushAddress], within_seconds: float = inf
    ) -> Sequence[Answer]:
        """An answer for each address, in order. Never raises for what a service answers.

        No request is begun after ``within_seconds``; an address whose turn did not come by then,
        or that the whole app is asked to wait for, is answered by ``Later``.
        """


@dataclass(frozen=True, slots=True)
class Attempts:
    """How many devices are to be tried for the first time, and how many again."""

    first: int = 0
    again: int = 0


class Retries(Protocol):
    """How much of what this process sends may be retries."""

    def wait_seconds(self, attempts: Mapping[AddressKind, Attempts], now: datetime) -> float:
        """0 when the attempts may be made now, and then they are counted; else how long to wait."""


@dataclass(frozen=True, slots=True)
class Message:
    """What is sent to every address of one notification. ``id`` is the replace key."""

    id: str
    content: Content
    sent_at: datetime
    expires_at: datetime | None = None
    urgent: bool = False


@dataclass(frozen=True, slots=True)
class Task:
    """Work to be done by a task handler, at least once. ``name`` de-duplicates, best effort."""

    name: str
    queue: str
    function: str
    payload: Mapping[str, object]
    not_before: datetime | None = None


class Lanes(Protocol):
    """``lanes/{providerId}``: which notification of a provider goes when."""

    def change(self, provider_id: str, change: Callable[[Lane], Lane]) -> Lane:
        """Read, apply ``change``, write, as one transaction; a lane nobody used yet is empty.

        ``change`` may run several times: keep it pure. Raises ``TryAgain``.
        """


class Tasks(Protocol):
    """Cloud Tasks."""

    def enqueue(self, tasks: Iterable[Task]) -> None:
        """Raises ``TryAgain`` when not all are known to be enqueued; one already there is fine."""


# ---- callers ---------------------------------------------------------------------------------


@dataclass(frozen=True, slots=True)
class Identity:
    """Who a verified token says it is."""

    uid: str
    email: str = ""
    claims: Mapping[str, object] = field(default_factory=dict)


class Identities(Protocol):
    """Firebase ID tokens, Google's OIDC tokens, and the accounts behind the former."""

    def verify_user(self, token: str) -> Identity:
        """A Firebase ID token of this project; raises ``Unauthenticated``."""

    def verify_service(self, token: str, function: str, account: str) -> None:
        """A Google OIDC token of ``account`` for ``function``; raises ``Unauthenticated``."""


class Accounts(Protocol):
    """Firebase accounts: what needs the admin SDK."""

    def custom_token(self, uid: str, claims: Mapping[str, object]) -> str:
        """A token a device exchanges for an ID token."""

    def set_moderator(self, uid: str, moderator: bool) -> None:
        """Grant or take the claim; taking also revokes sessions. Raises ``NotFound``."""


# ---- what content leads to -------------------------------------------------------------------


class Web(Protocol):
    """The public web, looked at with care. The only way to an address somebody gave us."""

    def look(self, url: str, *, seconds: float) -> Seen:
        """Go there and follow redirects, in ``seconds`` at most. Never raises: faults are seen."""


class Threats(Protocol):
    """A list of addresses known to harm people."""

    def of(self, url: str, *, seconds: float) -> tuple[str, ...]:
        """What the address is listed for, in the list's words; raises ``TryAgain`` when the list
        cannot be asked.
        """


# ---- the moderators' chat --------------------------------------------------------------------


class Throttled(TryAgain):
    """The chat service wants to be left alone for ``retry_after_seconds``."""


class ChatClosed(Exception):
    """The bot may not speak there: a wrong token, or no place in the room. An operator's matter."""


class ChatRefused(Exception):
    """The chat service takes no such message; it is ours to mend. Says its code, no text."""


class MessageGone(Exception):
    """The message is not there any more, or is not ours to edit."""


class ChatMoved(Exception):
    """The room has another number now: ``room``."""

    def __init__(self, room: int) -> None:
        super().__init__("the room has another number now")
        self.room = room


class Chat(Protocol):
    """A room where moderators talk, through a bot. One call is one request.

    Every call raises ``TryAgain`` when it may work later (after an answer that was lost it may
    have worked already), ``ChatClosed`` when an operator must act, and ``ChatRefused``.
    """

    @property
    def bot_id(self) -> int:
        """The user that the bot is."""

    def post(self, room: int, card: Card, *, reply_to: int = 0) -> int:
        """A new message; answers its number. Raises ``ChatMoved``."""

    def edit(self, room: int, message: int, card: Card) -> None:
        """The message shows ``card``, now or already. Raises ``MessageGone`` and ``ChatMoved``."""

    def answer(self, press: str, words: str, *, alert: bool = False) -> None:
        """What somebody hears who pressed a button; too late is as good as done."""


@dataclass(frozen=True, slots=True)
class Post:
    """Where a notification stands in the chat. ``message`` is 0 until it was posted.

    ``shows`` is how many entries the history had in the record that is shown. While ``owner``
    writes, until ``until``, nobody else does.
    """

    notification_id: NotificationId
    room: int = 0
    message: int = 0
    shows: int = 0
    owner: str = ""
    until: datetime | None = None


@dataclass(frozen=True, slots=True)
class Room:
    """What was learned of the moderators' room: its new number, and when it may be spoken in."""

    number: int = 0
    quiet_until: datetime | None = None


@dataclass(frozen=True, slots=True)
class Prompt:
    """A question for the reason of a rejection, put to one moderator about one revision."""

    room: int
    message: int
    notification_id: NotificationId
    revision: int
    moderator_id: str
    expire_at: datetime


class Posts(Protocol):
    """What stands in the chat, and which updates from there are done with."""

    def get(self, id: NotificationId) -> Post | None:
        """``None`` for one that was never posted."""

    def change(self, id: NotificationId, change: Callable[[Post], Post]) -> Post:
        """Read (or begin), apply ``change``, write on the condition that nobody wrote meanwhile.

        ``change`` may run several times: keep it pure. What it raises is passed on.
        """

    def room(self) -> Room:
        """Nothing learned, if nothing was."""

    def change_room(self, change: Callable[[Room], Room]) -> Room:
        """As ``change``, of what is known of the room."""

    def keep_prompt(self, prompt: Prompt) -> None:
        """Create or replace."""

    def prompt(self, room: int, message: int) -> Prompt | None:
        """The question this message asks, also when it has expired."""

    def is_done(self, update: int) -> bool:
        """Whether this update was dealt with."""

    def note_done(self, update: int, expire_at: datetime) -> None:
        """It was dealt with; forget that at ``expire_at``."""


# ---- the archive -----------------------------------------------------------------------------


class Put(Enum):
    """What became of an object that was to be new."""

    WRITTEN = "written"
    ALREADY_THERE = "already there"


class ArchiveFault(Defect):
    """The archive cannot be used until somebody changes something; nothing was written.

    ``code`` names the kind of fault, ``remedy`` says what to do.
    """

    def __init__(self, code: str, what: str, remedy: str) -> None:
        super().__init__(f"{what}. {remedy}")
        self.code = code
        self.remedy = remedy


class Archive(Protocol):
    """Objects that are written once and never change. Names are paths with ``/``.

    Every call raises ``TryAgain`` when it may work later (after a lost answer the object may be
    there), and ``ArchiveFault`` when it will not before somebody acts.
    """

    def put_new(self, name: str, content: bytes) -> Put:
        """All of it or none of it, and only if there is no object of that name."""

    def get(self, name: str) -> bytes | None:
        """``None`` when there is no such object."""

    def names(self, prefix: str = "") -> Iterator[str]:
        """Names that begin so, in order."""


class Signer(Protocol):
    """A key that nobody who can write the archive, or Firestore, holds."""

    def sign(self, text: bytes) -> Signature:
        """At most 4,096 bytes. Faults as the archive's."""

    def verifies(self, text: bytes, signature: Signature) -> bool:
        """Whether our key made this signature of this text."""


class Exports(Protocol):
    """``exports/{id}``: what is archived of which notification; and the manifests' last link."""

    def get(self, id: NotificationId) -> Export | None:
        """``None`` when nothing of it is archived yet."""

    def write(self, export: Export) -> Export:
        """Create or replace, on the condition that it is as it was read; raises ``LostLease``."""

    def unlisted(self, until: datetime, limit: int) -> Sequence[Export]:
        """Sealed before ``until`` and in no manifest yet, the oldest first."""

    def listed(self, ids: Sequence[NotificationId], manifest: int) -> None:
        """These are in that manifest; safe to repeat."""

    def head(self) -> Head | None:
        """The last manifest; ``None`` before the first."""

    def advance(self, head: Head, version: str) -> Head:
        """The next one, if ``version`` of the head still stands; raises ``LostLease``."""
