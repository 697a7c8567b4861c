"""Who plays which part. The only module that picks adapters.

Each part is built when it is first asked for, and its module imported only then: a function loads
what it uses and nothing else. Tests put other parts in with ``replaced``.
"""

from collections.abc import Iterable, Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import replace
from datetime import timedelta
from functools import cached_property
from typing import TYPE_CHECKING, Protocol

from shared.domain.content import Content
from shared.domain.delivery import BatchId
from shared.domain.device import AddressKind
from shared.domain.errors import TryAgain
from shared.domain.findings import Finding
from shared.domain.notification import NotificationId
from shared.domain.retry import RetryPolicy
from shared.flow.queues import ADMIN_HEAD_START, SEND_BATCH
from shared.flow.submission import Checks
from shared.ports import (
    Accounts,
    Archive,
    Audience,
    Chat,
    Clock,
    Devices,
    Exports,
    Identities,
    Inspect,
    Lanes,
    Ledger,
    Moderators,
    Notifications,
    Posts,
    Providers,
    Retries,
    ReviewPolicies,
    Sender,
    Signer,
    Slots,
    StopSwitch,
    Task,
    Tasks,
    Threats,
    Usage,
    Watch,
    Web,
)
from shared.settings import Settings, settings

if TYPE_CHECKING:
    from google.cloud.firestore import Client
    from pydantic import SecretStr

    from shared.adapters.firestore.rest import FirestoreRest
    from shared.flow.desk import Desk

INLINE_SECONDS = 20
"""How long a request may deliver to an admin HWID itself before it leaves the rest to the tasks."""


class Parts(Protocol):
    """Every port of the verbs, filled."""

    @property
    def settings(self) -> Settings: ...
    @property
    def clock(self) -> Clock: ...
    @property
    def notifications(self) -> Notifications: ...
    @property
    def providers(self) -> Providers: ...
    @property
    def devices(self) -> Devices: ...
    @property
    def stop_switch(self) -> StopSwitch: ...
    @property
    def watch(self) -> Watch: ...
    @property
    def audience(self) -> Audience: ...
    @property
    def ledger(self) -> Ledger: ...
    @property
    def lanes(self) -> Lanes: ...
    @property
    def slots(self) -> Slots: ...
    @property
    def senders(self) -> Mapping[AddressKind, Sender]: ...
    @property
    def retries(self) -> Retries: ...
    @property
    def tasks(self) -> Tasks: ...
    @property
    def identities(self) -> Identities: ...
    @property
    def accounts(self) -> Accounts: ...
    @property
    def web(self) -> Web: ...
    @property
    def threats(self) -> Threats: ...
    @property
    def review_policies(self) -> ReviewPolicies: ...
    @property
    def moderators(self) -> Moderators: ...
    @property
    def usage(self) -> Usage: ...
    @property
    def posts(self) -> Posts: ...
    @property
    def chat(self) -> Chat | None: ...

    @property
    def archive(self) -> Archive | None: ...
    @property
    def signer(self) -> Signer | None: ...
    @property
    def exports(self) -> Exports: ...


class GoogleParts:
    """Firestore, Cloud Tasks, FCM and Firebase accounts."""

    def __init__(self, given: Settings | None = None) -> None:
        self._given = given

    @cached_property
    def settings(self) -> Settings:
        return self._given or settings()

    @cached_property
    def clock(self) -> Clock:
        from shared.adapters.clock import SystemClock

        return SystemClock()

    @cached_property
    def _firestore(self) -> "Client":
        from shared.adapters.firestore.client import client

        return client(self.settings)

    @cached_property
    def _rest(self) -> "FirestoreRest":
        from shared.adapters.firestore.rest import FirestoreRest

        return FirestoreRest(self.settings.project, self.settings.firestore_emulator)

    @cached_property
    def notifications(self) -> Notifications:
        from shared.adapters.firestore.notifications import FirestoreNotifications

        return FirestoreNotifications(self._firestore)

    @cached_property
    def providers(self) -> Providers:
        from shared.adapters.firestore.providers import FirestoreProviders

        return FirestoreProviders(self._firestore)

    @cached_property
    def devices(self) -> Devices:
        from shared.adapters.firestore.devices import FirestoreDevices

        return FirestoreDevices(self._firestore)

    @cached_property
    def stop_switch(self) -> StopSwitch:
        from shared.adapters.firestore.platform import FirestoreStopSwitch

        return FirestoreStopSwitch(self._firestore)

    @cached_property
    def watch(self) -> Watch:
        from shared.adapters.firestore.watch import FirestoreWatch

        return FirestoreWatch(self._rest)

    @cached_property
    def audience(self) -> Audience:
        from shared.adapters.firestore.audience import FirestoreAudience

        return FirestoreAudience(self._rest)

    @cached_property
    def ledger(self) -> Ledger:
        from shared.adapters.firestore.ledger import FirestoreLedger

        return FirestoreLedger(self._rest)

    @cached_property
    def lanes(self) -> Lanes:
        from shared.adapters.lanes import FirestoreLanes

        return FirestoreLanes(self._rest)

    @cached_property
    def slots(self) -> Slots:
        from shared.adapters.firestore.slots import FirestoreSlots

        return FirestoreSlots(self._rest)

    @cached_property
    def senders(self) -> Mapping[AddressKind, Sender]:
        """FCM always; APNs and Huawei when their credentials are set."""
        from shared.adapters.push.fcm import fcm_sender

        senders: dict[AddressKind, Sender] = {AddressKind.FCM: fcm_sender(self.settings)}
        if self.settings.apns_credentials:
            senders[AddressKind.APNS] = self._apns(self.settings.apns_credentials)
        if self.settings.hms_credentials:
            senders[AddressKind.HMS] = self._hms(self.settings.hms_credentials)
        return senders

    def _apns(self, credentials: "SecretStr") -> Sender:
        from shared.adapters.push.apns import apns_sender
        from shared.adapters.push.apns_token_shelves import FirestoreTokenShelf

        shelf = FirestoreTokenShelf(self._rest)
        url, ca_file = self.settings.apns_url, self.settings.apns_ca_file
        return apns_sender(credentials.get_secret_value(), shelf, url, ca_file)

    def _hms(self, credentials: "SecretStr") -> Sender:
        from shared.adapters.push.hms import hms_sender
        from shared.adapters.push.hms_credentials import HmsAccount

        account = HmsAccount.read(credentials.get_secret_value())
        return hms_sender(account, self.settings.hms_push_url, self.settings.hms_oauth_url)

    @cached_property
    def retries(self) -> Retries:
        from shared.adapters.push.retries import ProcessRetries

        return ProcessRetries()

    @cached_property
    def tasks(self) -> Tasks:
        from shared.adapters.cloud_tasks import CloudTasks

        return CloudTasks(self.settings)

    @cached_property
    def identities(self) -> Identities:
        from shared.adapters.identities import identities

        return identities(self.settings)

    @cached_property
    def accounts(self) -> Accounts:
        from shared.adapters.accounts import FirebaseAccounts

        return FirebaseAccounts(self.settings)

    @cached_property
    def web(self) -> Web:
        from shared.adapters.web.guarded import web

        return web(self.settings)

    @cached_property
    def threats(self) -> Threats:
        from shared.adapters.web.threats import threats

        return threats(self.settings)

    @cached_property
    def review_policies(self) -> ReviewPolicies:
        from shared.adapters.firestore.moderation import FirestoreReviewPolicies

        return FirestoreReviewPolicies(self._firestore)

    @cached_property
    def moderators(self) -> Moderators:
        from shared.adapters.firestore.moderation import FirestoreModerators

        return FirestoreModerators(self._firestore)

    @cached_property
    def usage(self) -> Usage:
        from shared.adapters.firestore.moderation import FirestoreUsage

        return FirestoreUsage(self._firestore)

    @cached_property
    def posts(self) -> Posts:
        from shared.adapters.firestore.posts import FirestorePosts

        return FirestorePosts(self._firestore)

    @cached_property
    def chat(self) -> Chat | None:
        """None without a bot's token."""
        if self.settings.telegram_bot_token is None:
            return None
        from shared.adapters.telegram import TelegramChat
        from shared.adapters.telegram_calls import TelegramCalls

        token, url = self.settings.telegram_bot_token, self.settings.telegram_url
        return TelegramChat(TelegramCalls(token, url))

    @cached_property
    def archive(self) -> Archive | None:
        """Where FANFARE_ARCHIVE says; ``None`` when it says nothing."""
        if self.settings.archive is None:
            return None
        from shared.adapters.archive.places import archive_at

        return archive_at(self.settings.archive, self.settings)

    @cached_property
    def signer(self) -> Signer | None:
        """``None`` when manifests are not signed."""
        if self.settings.archive_key is None:
            return None
        from shared.adapters.archive.places import signer

        return signer(self.settings.archive_key, self.settings)

    @cached_property
    def exports(self) -> Exports:
        from shared.adapters.firestore.exports import FirestoreExports

        return FirestoreExports(self._rest)


_parts: Parts = GoogleParts()


def parts() -> Parts:
    """The parts of this process."""
    return _parts


@contextmanager
def replaced(other: Parts) -> Iterator[Parts]:
    """Plays with other parts for a while."""
    global _parts
    before, _parts = _parts, other
    try:
        yield other
    finally:
        _parts = before


def retry_policy(p: Parts) -> RetryPolicy:
    """As the specification says, but for how long the first wait is, which tests shorten."""
    return RetryPolicy(base_seconds=p.settings.retry_base_seconds)


def inspecting(p: Parts) -> Inspect:
    """A look at content with the web and the threat list of these parts."""

    def look(content: Content, verified_domains: Sequence[str]) -> tuple[Finding, ...]:
        from shared.flow.inspect import inspect

        return inspect(content, verified_domains, web=p.web, threats=p.threats)

    return look


def checks(p: Parts) -> Checks:
    """What submissions are checked with."""
    return Checks(inspecting(p), p.audience, p.usage)


def desk(p: Parts) -> "Desk | None":
    """The moderators' chat; none without a bot and a room for it."""
    room = p.settings.telegram_chat_id
    if p.chat is None or room is None:
        return None
    from shared.flow.desk import Desk

    return Desk(
        number=room,
        chat=p.chat,
        posts=p.posts,
        notifications=p.notifications,
        providers=p.providers,
        moderators=p.moderators,
        policies=p.review_policies,
        audience=p.audience,
        clock=p.clock,
    )


def deliver_now(id: NotificationId) -> None:
    """Plan and send in this request: one device, chosen by its admin HWID.

    Whatever cannot be finished here is left to the event and its tasks, which come anyway.
    """
    from shared.flow.count import finish
    from shared.flow.plan import plan
    from shared.flow.send import send_batch

    p = parts()
    until = p.clock.now() + timedelta(seconds=INLINE_SECONDS)
    tasks = _HeadStart(p)
    try:
        plan(
            id,
            notifications=p.notifications,
            providers=p.providers,
            inspect=inspecting(p),
            audience=p.audience,
            ledger=p.ledger,
            lanes=p.lanes,
            tasks=tasks,
            clock=p.clock,
            until=until,
            settle=False,
        )
        if not tasks.batches:
            finish(id, notifications=p.notifications, ledger=p.ledger, clock=p.clock)
        for batch in tasks.batches:
            send_batch(
                id,
                batch,
                notifications=p.notifications,
                ledger=p.ledger,
                senders=p.senders,
                slots=p.slots,
                devices=p.devices,
                watch=p.watch,
                retries=p.retries,
                tasks=p.tasks,
                clock=p.clock,
                until=until,
                policy=retry_policy(p),
                lease=p.settings.lease,
            )
    except TryAgain:
        return


class _HeadStart:
    """The caller sends the batches itself; a task comes later, should the caller have died."""

    def __init__(self, p: Parts) -> None:
        self._parts = p
        self.batches: list[BatchId] = []

    def enqueue(self, tasks: Iterable[Task]) -> None:
        later = [
            replace(task, not_before=self._parts.clock.now() + ADMIN_HEAD_START) for task in tasks
        ]
        self._parts.tasks.enqueue(later)
        self.batches += [
            BatchId(str(task.payload["batchId"])) for task in later if task.function == SEND_BATCH
        ]
