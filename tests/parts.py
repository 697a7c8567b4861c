"""All parts in memory: a whole Fanfare that forgets everything at the end of a test."""

import base64
import json
import time
from collections.abc import Mapping
from dataclasses import dataclass, field, replace
from functools import cached_property
from typing import Any

from shared.adapters.app_check import FirebaseAppCheck, app_check
from shared.adapters.clock import FixedClock
from shared.adapters.identities import DemoIdentities
from shared.adapters.memory.database import MemoryDatabase
from shared.adapters.memory.senders import MemorySenders
from shared.adapters.memory.standings import MemoryStandings
from shared.adapters.memory.tasks import MemoryTasks
from shared.adapters.memory.web import MemoryThreats, MemoryWeb
from shared.adapters.push.retries import ProcessRetries
from shared.adapters.push.run_memory import ProcessRunMemory
from shared.adapters.rates import ProcessRates
from shared.domain.delivery.ledger import Batch
from shared.domain.errors import NotFound
from shared.domain.providers.provider import Domain, Provider
from shared.domain.providers.standing import Standing
from shared.ports import Archive, Chat, Signer
from shared.ports.database import Put
from shared.settings import Settings, read
from shared.stores.audience import Audience
from shared.stores.codec import present
from shared.stores.devices import Devices
from shared.stores.exports import Exports
from shared.stores.ledger import Ledger
from shared.stores.ledger_codec import batch_fields, batch_name
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

PROJECT = "demo-fanfare"
ENVIRONMENT = {
    "GOOGLE_CLOUD_PROJECT": PROJECT,
    "FIREBASE_AUTH_EMULATOR_HOST": "127.0.0.1:9099",
    "FANFARE_PANEL_ORIGINS": "https://panel.example, https://console.example",
}


def token(uid: str, *, expires_in_seconds: float = 3600, **claims: object) -> str:
    """Build an unsigned Firebase ID token, as Google's emulator issues them."""
    now = time.time()
    return _unsigned(
        {
            "iss": f"https://securetoken.google.com/{PROJECT}",
            "aud": PROJECT,
            "sub": uid,
            "email": f"{uid}@example.com",
            "auth_time": int(now) - 60,
            "iat": int(now) - 60,
            "exp": int(now + expires_in_seconds),
            **claims,
        }
    )


def forged(uid: str, **claims: Any) -> str:
    """Build a token that says what the real one would say, signed by somebody else."""
    header = base64.urlsafe_b64encode(b'{"alg":"RS256","typ":"JWT"}').decode().rstrip("=")
    return f"{header}.{token(uid, **claims).split('.')[1]}.c2lnbmVkLWJ5LXNvbWVib2R5LWVsc2U"


def service_token(function: str, account: str = "tasks") -> str:
    """Build Google's OIDC token for a function, without its signature."""
    settings, now = read(ENVIRONMENT), int(time.time())
    return _unsigned(
        {
            "iss": "https://accounts.google.com",
            "aud": settings.function_url(function),
            "sub": account,
            "email": settings.account(account),
            "email_verified": True,
            "iat": now - 1,
            "exp": now + 600,
        }
    )


def _unsigned(claims: Mapping[str, object]) -> str:
    parts = ({"alg": "none", "typ": "JWT"}, claims)
    encoded = [base64.urlsafe_b64encode(json.dumps(part).encode()).rstrip(b"=") for part in parts]
    return b".".join([*encoded, b""]).decode()


def an_account(uid: str, *claims: str, **fields: Any) -> Standing:
    """Build an account with these claims of its own, and the e-mail that ``token`` gives it."""
    held = dict.fromkeys(claims, True)
    return Standing(**{"uid": uid, "emails": (f"{uid}@example.com",), "claims": held} | fields)


PEOPLE = (
    an_account("p1"),
    an_account("p2"),
    an_account("anna", emails=()),
    *(an_account(f"m{number}", "moderator") for number in range(1, 10)),
    an_account("o1", "operator"),
    an_account("b1", "moderator", "operator"),
    an_account("mira", "moderator"),
    an_account("nik", "moderator"),
)
"""Whom tests have act: each with the claims of the tokens that tests give them."""


class MemoryAccounts:
    """Admin SDK's changes of existing accounts, in memory."""

    def __init__(self, standings: MemoryStandings) -> None:
        self._standings = standings
        self.claims: dict[str, dict[str, Any]] = {}

    def custom_token(self, uid: str, claims: Mapping[str, object]) -> str:
        self.claims[uid] = dict(claims)
        return f"custom token of {uid} with {sorted(claims)}"

    def set_moderator(self, uid: str, moderator: bool) -> None:
        account = self._standings.accounts.get(uid)
        if account is None:
            raise NotFound("there is no such account")
        claims = {**account.claims, "moderator": moderator}
        self._standings.accounts[uid] = replace(account, claims=claims)


class DatabaseParts:
    """The stores, each over the one database that a test has."""

    database: MemoryDatabase

    @cached_property
    def devices(self) -> Devices:
        return Devices(self.database)

    @cached_property
    def audience(self) -> Audience:
        return Audience(self.database)

    @cached_property
    def slots(self) -> Slots:
        return Slots(self.database)

    @cached_property
    def ledger(self) -> Ledger:
        return Ledger(self.database)

    @cached_property
    def notifications(self) -> Notifications:
        return Notifications(self.database)

    @cached_property
    def runs(self) -> Runs:
        return Runs(self.database)

    @cached_property
    def send_schedules(self) -> SendSchedules:
        return SendSchedules(self.database)

    @cached_property
    def stop_switch(self) -> StopSwitch:
        return StopSwitch(self.database)

    @cached_property
    def review_policies(self) -> ReviewPolicies:
        return ReviewPolicies(self.database)

    @cached_property
    def moderators(self) -> Moderators:
        return Moderators(self.database)

    @cached_property
    def posts(self) -> Posts:
        return Posts(self.database)

    @cached_property
    def exports(self) -> Exports:
        return Exports(self.database)

    @cached_property
    def providers(self) -> Providers:
        return Providers(self.database)

    @cached_property
    def usage(self) -> Usage:
        return Usage(self.database)

    @cached_property
    def watch(self) -> Watch:
        return Watch(self.database)


@dataclass
class MemoryParts(DatabaseParts):
    """Every part; a test takes the one it looks into, or puts its own in."""

    database: MemoryDatabase = field(default_factory=MemoryDatabase)
    tasks: MemoryTasks = field(default_factory=MemoryTasks)
    settings: Settings = field(default_factory=lambda: read(ENVIRONMENT))
    clock: FixedClock = field(default_factory=FixedClock)
    senders: MemorySenders = field(default_factory=MemorySenders)
    standings: MemoryStandings = field(default_factory=lambda: MemoryStandings(*PEOPLE))
    retries: ProcessRetries = field(default_factory=ProcessRetries)
    memory: ProcessRunMemory = field(default_factory=ProcessRunMemory)
    web: MemoryWeb = field(default_factory=MemoryWeb)
    threats: MemoryThreats = field(default_factory=MemoryThreats)
    archive: Archive | None = None
    signer: Signer | None = None
    chat: Chat | None = None

    @cached_property
    def accounts(self) -> MemoryAccounts:
        return MemoryAccounts(self.standings)

    @cached_property
    def rates(self) -> ProcessRates:
        return ProcessRates(self.clock)

    @cached_property
    def app_check(self) -> FirebaseAppCheck:
        return app_check(self.settings)

    @property
    def identities(self) -> DemoIdentities:
        return DemoIdentities(self.settings)

    def stored(self) -> Mapping[str, Any]:
        """Copy everything a request could have written."""
        return {
            "documents": self.database.everything(),
            "tasks": set(self.tasks.names),
            "accounts": {
                uid: (account, dict(account.claims))
                for uid, account in self.standings.accounts.items()
            },
        }


def put_batches(database: MemoryDatabase, *batches: Batch) -> None:
    """Hold batches that nothing planned."""
    for batch in batches:
        name = batch_name(batch.run_id, batch.id)
        database.commit([Put(name, batch_fields(batch))])


def providers_of(database: MemoryDatabase, *records: Provider | Domain) -> Providers:
    """Build the store of providers, with these providers and domains in it."""
    providers = Providers(database)
    for record in records:
        if isinstance(record, Provider):
            providers.put(record)
        else:
            providers.put_domain(record)
    return providers


def merge_device(database: MemoryDatabase, hwid: str, fields: Mapping[str, Any]) -> None:
    """Write these fields of a device, whatever their names, as an existing back end does; ``None``
    removes one.
    """
    name = f"devices/{hwid}"
    before = database.get(name)
    database.hold(name, present({**(before.fields if before else {}), **fields}))


def memory_parts(*records: Provider | Domain) -> MemoryParts:
    """Build parts that are new and empty, but for these providers and domains, and ``PEOPLE``."""
    parts = MemoryParts()
    providers_of(parts.database, *records)
    return parts
