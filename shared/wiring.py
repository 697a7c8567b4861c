"""The container of the adapters. The only module that picks them.

``Parts`` lists the parts that verbs need, and ``GoogleParts`` fills them. Each part is built when
it is first asked for, and its adapter imported only then: a function loads what it uses and nothing
else. Doors ask for ``parts()``; tests put other parts in with ``replaced``.
"""

from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from functools import cached_property, partial
from typing import TYPE_CHECKING, Protocol

from shared.domain.audience.device import DEFAULT_APP, AddressKind, AppService
from shared.domain.content.content import Content
from shared.domain.delivery.retry import RetryPolicy
from shared.domain.findings.link_ends import Inspection
from shared.domain.notifications.notification import Notification
from shared.domain.providers.provider import Domain, declared_schemes, verified
from shared.ports import (
    Accounts,
    AppCheck,
    Archive,
    Chat,
    Clock,
    Identities,
    Inspect,
    Invitations,
    Rates,
    Retries,
    RunMemory,
    Senders,
    Signer,
    Standings,
    Tasks,
    Threats,
    Web,
)
from shared.settings import Settings, settings

if TYPE_CHECKING:
    from google.cloud.firestore import Client
    from pydantic import SecretStr

    from shared.adapters.firestore.rest import FirestoreRest
    from shared.adapters.push.app_senders import BuildSender, ServiceSender
    from shared.adapters.push.pace import PushAccount
    from shared.flow.chat.moderator_chat import ModeratorChat
    from shared.flow.moderation.moderate import CountDevices
    from shared.flow.notifications.submission import Checks
    from shared.ports.database import Database
    from shared.stores.audience import Audience
    from shared.stores.devices import Devices
    from shared.stores.exports import Exports
    from shared.stores.ledger import Ledger
    from shared.stores.moderators import Moderators
    from shared.stores.notifications import Notifications
    from shared.stores.platform import StopSwitch
    from shared.stores.posts import Posts
    from shared.stores.providers import Providers
    from shared.stores.review_policies import ReviewPolicies
    from shared.stores.runs import Runs
    from shared.stores.send_schedules import SendSchedules
    from shared.stores.slots import Slots
    from shared.stores.usage import Usage
    from shared.stores.watch import Watch


class Parts(Protocol):
    """Container of every port and store that verbs need."""

    @property
    def settings(self) -> Settings: ...
    @property
    def clock(self) -> Clock: ...

    # what is kept
    @property
    def notifications(self) -> "Notifications": ...
    @property
    def runs(self) -> "Runs": ...
    @property
    def providers(self) -> "Providers": ...
    @property
    def devices(self) -> "Devices": ...
    @property
    def stop_switch(self) -> "StopSwitch": ...
    @property
    def watch(self) -> "Watch": ...

    # who calls
    @property
    def identities(self) -> Identities: ...
    @property
    def accounts(self) -> Accounts: ...
    @property
    def standings(self) -> Standings: ...
    @property
    def app_check(self) -> AppCheck: ...
    @property
    def rates(self) -> Rates: ...

    # how it is sent
    @property
    def audience(self) -> "Audience": ...
    @property
    def ledger(self) -> "Ledger": ...
    @property
    def send_schedules(self) -> "SendSchedules": ...
    @property
    def slots(self) -> "Slots": ...
    @property
    def senders(self) -> Senders: ...
    @property
    def retries(self) -> Retries: ...
    @property
    def memory(self) -> RunMemory: ...
    @property
    def tasks(self) -> Tasks: ...

    # how it is moderated
    @property
    def web(self) -> Web: ...
    @property
    def threats(self) -> Threats: ...
    @property
    def review_policies(self) -> "ReviewPolicies": ...
    @property
    def moderators(self) -> "Moderators": ...
    @property
    def usage(self) -> "Usage": ...
    @property
    def posts(self) -> "Posts": ...
    @property
    def chat(self) -> Chat | None: ...

    # what is archived
    @property
    def archive(self) -> Archive | None: ...
    @property
    def signer(self) -> Signer | None: ...
    @property
    def exports(self) -> "Exports": ...


def written_document(data: bytes | None, subject: str, collection: str) -> str:
    """Return which document of ``collection`` an event says was written; empty for none of it."""
    from shared.adapters.firestore.events import document_id

    return document_id(data, subject, collection)


def derivation_fits(hwid: str, data: bytes | None) -> bool:
    """Tell whether the device that an event says was written needs nothing derived."""
    from shared.adapters.firestore import events

    return events.derivation_fits(hwid, data)


class BaseParts:
    """Settings, clock and databases, from the settings given or the environment's."""

    def __init__(self, settings: Settings | None = None) -> None:
        self._settings = settings

    @cached_property
    def settings(self) -> Settings:
        return self._settings or settings()

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
    def _rest_database(self) -> "Database":
        """Database for the hot path, and where a cold start counts."""
        from shared.adapters.firestore.rest_database import RestDatabase

        return RestDatabase(self._rest)

    @cached_property
    def _database(self) -> "Database":
        """Database for records that are off the hot path."""
        from shared.adapters.firestore.google_database import GoogleDatabase

        return GoogleDatabase(self._firestore, lambda: self._rest_database)


class RecordParts(BaseParts):
    """Records that all verbs share."""

    @cached_property
    def notifications(self) -> "Notifications":
        from shared.stores.notifications import Notifications

        return Notifications(self._database)

    @cached_property
    def runs(self) -> "Runs":
        from shared.stores.runs import Runs

        return Runs(self._database)

    @cached_property
    def providers(self) -> "Providers":
        from shared.stores.providers import Providers

        return Providers(self._database)

    @cached_property
    def devices(self) -> "Devices":
        from shared.stores.devices import Devices

        return Devices(self._database)

    @cached_property
    def stop_switch(self) -> "StopSwitch":
        from shared.stores.platform import StopSwitch

        return StopSwitch(self._database)

    @cached_property
    def watch(self) -> "Watch":
        from shared.stores.watch import Watch

        return Watch(self._rest_database)


class CallerParts(BaseParts):
    """Firebase's accounts and tokens, or their emulator on a developer's machine."""

    @cached_property
    def identities(self) -> Identities:
        from shared.adapters.identities import identities

        return identities(self.settings)

    @cached_property
    def standings(self) -> Standings:
        from shared.adapters.standings import standings

        return standings(self.settings)

    @cached_property
    def app_check(self) -> AppCheck:
        from shared.adapters.app_check import app_check

        return app_check(self.settings)

    @cached_property
    def rates(self) -> Rates:
        from shared.adapters.rates import ProcessRates

        return ProcessRates(self.clock)

    @cached_property
    def accounts(self) -> Accounts:
        from shared.adapters.accounts import FirebaseAccounts

        return FirebaseAccounts(self.settings)


def invitations(p: Parts) -> Invitations:
    """Build what the operator's command makes accounts with; functions are deployed without it."""
    from shared.adapters.invitations import FirebaseInvitations

    return FirebaseInvitations(p.settings)


class FanOutParts(BaseParts):
    """Audience, ledger and slots in Firestore, Cloud Tasks, and the push services."""

    @cached_property
    def audience(self) -> "Audience":
        from shared.stores.audience import Audience

        return Audience(self._rest_database)

    @cached_property
    def ledger(self) -> "Ledger":
        from shared.stores.ledger import Ledger

        return Ledger(self._rest_database)

    @cached_property
    def send_schedules(self) -> "SendSchedules":
        from shared.stores.send_schedules import SendSchedules

        return SendSchedules(self._rest_database)

    @cached_property
    def slots(self) -> "Slots":
        from shared.stores.slots import Slots

        return Slots(self._rest_database)

    @cached_property
    def senders(self) -> Senders:
        from shared.adapters.push.app_senders import AppSenders

        return AppSenders(self._builder)

    def _builder(self, service: AppService) -> "BuildSender | None":
        """Find what builds an app's sender: for the default app FCM's always, Apple's and Huawei's
        when their credentials are set. No other app has credentials.
        """
        if service.app != DEFAULT_APP:
            return None
        apple, huawei = self.settings.apns_credentials, self.settings.hms_credentials
        builders: dict[AddressKind, BuildSender | None] = {
            AddressKind.FCM: self._fcm,
            AddressKind.APNS: partial(self._apns, apple) if apple else None,
            AddressKind.HMS: partial(self._hms, huawei) if huawei else None,
        }
        return builders[service.kind]

    def _fcm(self, account: "PushAccount") -> "ServiceSender":
        from shared.adapters.push.fcm import fcm_sender

        return fcm_sender(self.settings, account)

    def _apns(self, credentials: "SecretStr", account: "PushAccount") -> "ServiceSender":
        from shared.adapters.push.apns import apns_sender
        from shared.stores.provider_tokens import TokenShelf

        shelf = TokenShelf(self._rest_database)
        url, ca_file = self.settings.apns_url, self.settings.apns_ca_file
        return apns_sender(credentials.get_secret_value(), shelf, url, ca_file, account)

    def _hms(self, credentials: "SecretStr", account: "PushAccount") -> "ServiceSender":
        from shared.adapters.push.hms import hms_sender
        from shared.settings.credentials.hms import HmsAccount

        ours = HmsAccount.read(credentials.get_secret_value())
        return hms_sender(ours, self.settings.hms_push_url, self.settings.hms_oauth_url, account)

    @cached_property
    def retries(self) -> Retries:
        from shared.adapters.push.retries import ProcessRetries

        return ProcessRetries()

    @cached_property
    def memory(self) -> RunMemory:
        from shared.adapters.push.run_memory import ProcessRunMemory

        return ProcessRunMemory()

    @cached_property
    def tasks(self) -> Tasks:
        from shared.adapters.tasks import CloudTasks

        return CloudTasks(self.settings)


def retry_policy(p: Parts) -> RetryPolicy:
    """Build the policy of the specification, with the first wait from the settings, which tests
    shorten.
    """
    return RetryPolicy(base_seconds=p.settings.retry_base_seconds)


class ModerationParts(BaseParts):
    """The guarded web and a threat list; policy, moderators and usage in Firestore."""

    @cached_property
    def web(self) -> Web:
        from shared.adapters.web.guarded import web

        return web(self.settings)

    @cached_property
    def threats(self) -> Threats:
        from shared.adapters.web.threats import threats

        return threats(self.settings)

    @cached_property
    def review_policies(self) -> "ReviewPolicies":
        from shared.stores.review_policies import ReviewPolicies

        return ReviewPolicies(self._database)

    @cached_property
    def moderators(self) -> "Moderators":
        from shared.stores.moderators import Moderators

        return Moderators(self._database)

    @cached_property
    def usage(self) -> "Usage":
        from shared.stores.usage import Usage

        return Usage(self._database)


def inspecting(p: Parts) -> Inspect:
    """Build the inspection of content, with the web and the threat list of these parts."""

    def look(content: Content, domains: Sequence[Domain]) -> Inspection:
        from shared.flow.findings.inspect import inspect

        return inspect(
            content,
            verified(domains),
            web=p.web,
            threats=p.threats,
            own_schemes=declared_schemes(domains),
            asker=domains[0].provider_id if domains else "",
        )

    return look


def counting(p: Parts) -> "CountDevices":
    """Build the count of a notification's audience, with these parts, which are loaded when it is
    made.
    """

    def count(notification: Notification) -> int:
        from shared.flow.audience.size import devices_now

        return devices_now(notification, needs=p)

    return count


def checks(p: Parts) -> "Checks":
    """Collect what submissions are checked with."""
    from shared.flow.notifications.submission import PAUSES, Checks

    return Checks(inspecting(p), p.audience, p.usage, p.rates, PAUSES)


class ChatParts(BaseParts):
    """Telegram, and in Firestore what was posted there."""

    @cached_property
    def posts(self) -> "Posts":
        from shared.stores.posts import Posts

        return Posts(self._database)

    @cached_property
    def chat(self) -> Chat | None:
        """Telegram's bot; ``None`` without a bot's token."""
        if self.settings.telegram_bot_token is None:
            return None
        from shared.adapters.telegram import TelegramChat
        from shared.adapters.telegram_calls import TelegramCalls

        token, url = self.settings.telegram_bot_token, self.settings.telegram_url
        return TelegramChat(TelegramCalls(token, url))


def moderator_chat(p: Parts) -> "ModeratorChat | None":
    """Build the moderators' chat; ``None`` without a bot and a room for it."""
    room = p.settings.telegram_chat_id
    if p.chat is None or room is None:
        return None
    from shared.flow.chat.moderator_chat import ModeratorChat

    return ModeratorChat(
        number=room,
        chat=p.chat,
        posts=p.posts,
        notifications=p.notifications,
        providers=p.providers,
        moderators=p.moderators,
        standings=p.standings,
        review_policies=p.review_policies,
        audience=p.audience,
        clock=p.clock,
    )


class ArchiveParts(BaseParts):
    """S3, Cloud Storage or a folder; in Firestore what is still to be exported."""

    @cached_property
    def archive(self) -> Archive | None:
        """The archive that FANFARE_ARCHIVE names; ``None`` when it is not set."""
        if self.settings.archive is None:
            return None
        from shared.adapters.archive.places import archive_at

        return archive_at(self.settings.archive, self.settings)

    @cached_property
    def signer(self) -> Signer | None:
        """Signer of manifests; ``None`` when they are not signed."""
        if self.settings.archive_key is None:
            return None
        from shared.adapters.archive.places import signer

        return signer(self.settings.archive_key, self.settings)

    @cached_property
    def exports(self) -> "Exports":
        from shared.stores.exports import Exports

        return Exports(self._rest_database)


class GoogleParts(RecordParts, CallerParts, FanOutParts, ModerationParts, ChatParts, ArchiveParts):
    """Firestore, Cloud Tasks, FCM and Firebase accounts."""


_parts: Parts = GoogleParts()


def parts() -> Parts:
    """Return the parts of this process."""
    return _parts


@contextmanager
def replaced(other: Parts) -> Iterator[Parts]:
    """Replace the parts of this process within the ``with`` block."""
    global _parts
    before, _parts = _parts, other
    try:
        yield other
    finally:
        _parts = before
