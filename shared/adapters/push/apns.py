"""The ``Sender`` for Apple's push service: one attempt is one request, over one HTTP/2 connection.

A request goes out again at once only where Apple said that the first was not carried out and what
to change: another token, another connection, or the other environment for a device whose
environment is not known. Anything else is left to the caller.
"""

import asyncio
import logging
import math
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field

from shared.adapters.push.addresses import apns_id, apns_path, fits_path
from shared.adapters.push.apns_certificate import trust
from shared.adapters.push.apns_credentials import (
    Credential,
    CredentialsUnavailable,
    credential,
)
from shared.adapters.push.engine import Engines, deadline, words_are_lost
from shared.adapters.push.pace import Pace, PushAccount, at_pace
from shared.adapters.push.undocumented import UndocumentedAnswers
from shared.domain.audience.device import PushAddress
from shared.domain.push.answers import Accepted, AddressGone, Answer, Rejected
from shared.domain.push.apns import Reaction, Step, meaning
from shared.domain.push.pace import Window
from shared.domain.push.reactions import (
    ANSWER_LOST,
    CREDENTIALS_REFUSED,
    CREDENTIALS_UNAVAILABLE,
    INVALID_TOKEN,
    NOT_SENT,
)
from shared.domain.push.rendering import Header, Payload, Push
from shared.settings.credentials import CredentialsRefused
from shared.settings.credentials.apns import ApnsCredentials
from shared.stores.provider_tokens import TokenShelf
from shared.wire.http2.client import Common, H2Client, common
from shared.wire.http11 import Fault

PRODUCTION, SANDBOX = "production", "sandbox"
HOSTS: Mapping[str, str] = {
    PRODUCTION: "https://api.push.apple.com",
    SANDBOX: "https://api.sandbox.push.apple.com",
}
MOST_AT_ONCE = 50
"""Requests of one send under way; the limit is for all sends of the process together."""
WINDOW = Window(allowed=100, floor=1, ceiling=1000)
WORDLESS_ENDS_TOLD = 5

_NOT_SERVED = Reaction(Rejected("environmentNotServed"))
_log = logging.getLogger(__name__)


class ApnsSender:
    """Sender to one app, in the environments with credentials. Starts nothing until used."""

    def __init__(
        self,
        topic: str,
        credentials: Mapping[str, Credential],
        hosts: Mapping[str, str] = HOSTS,
        *,
        ca_file: str | None = None,
        client: Callable[..., H2Client] = H2Client,
        window: Window = WINDOW,
        account: PushAccount | None = None,
    ) -> None:
        account = account or PushAccount()
        self._name = account.called("APNs")
        self._topic = topic
        self._credentials = credentials
        self._hosts = hosts
        self._ca_file = ca_file
        self._client = client
        self._engines = Engines("apns", self._clients, window, account)

    def send(self, pushes: Sequence[Push], within_seconds: float = math.inf) -> Sequence[Answer]:
        """Return an answer for each, in order. Never raises for what Apple answers."""
        until = deadline(within_seconds)
        try:
            engine = self._engines.mine()
        except CredentialsRefused as refused:
            _log.error("%s: %s, %s", self._name, CREDENTIALS_REFUSED.code, refused)
            return [CREDENTIALS_REFUSED] * len(pushes)
        topic = (b"apns-topic", self._topic.encode())
        ways = {
            environment: _way(
                self._name, engine.client.by_environment[environment], credential, topic
            )
            for environment, credential in self._credentials.items()
        }
        requests = _Requests(ways, UndocumentedAnswers(self._name))
        found = engine.run(requests.answers(pushes, engine.pace, until))
        for environment, way in ways.items():
            _report_closes(environment, way)
        return found

    def close(self) -> None:
        """Let go of connections and thread; a later ``send`` starts anew."""
        self._engines.close()

    def _clients(self) -> "_Clients":
        return _Clients({name: self._connected(name) for name in self._credentials})

    def _connected(self, environment: str) -> H2Client:
        certificate = self._credentials[environment].client_certificate
        return self._client(self._hosts[environment], trust(certificate, self._ca_file))


def apns_sender(
    credentials: str,
    shelf: TokenShelf,
    base_url: str | None = None,
    ca_file: str | None = None,
    of: PushAccount | None = None,
) -> ApnsSender:
    """Create the sender for ``FANFARE_APNS_CREDENTIALS``. Raises ``CredentialsRefused``.

    ``base_url`` replaces Apple's; the sandbox is then below ``/sandbox`` of it.
    """
    read = ApnsCredentials.read(credentials)
    hosts = {PRODUCTION: base_url, SANDBOX: f"{base_url}/sandbox"} if base_url else HOSTS
    ours = credential(read, shelf)
    by_environment = {str(name): ours for name in read.environments}
    return ApnsSender(read.topic, by_environment, hosts, ca_file=ca_file, account=of)


@dataclass(frozen=True, slots=True)
class _Clients:
    by_environment: Mapping[str, H2Client]

    async def close(self) -> None:
        for client in self.by_environment.values():
            await client.close()


@dataclass(frozen=True, slots=True)
class _Way:
    """Connection and access to one environment during one send; ``name`` is for the log.

    ``access`` is the authorization header, or why there is none. What all requests of a variant
    have in common is encoded once.
    """

    name: str
    client: H2Client
    credential: Credential
    topic: Header
    access: str | Answer
    encoded: dict[Payload, Common] = field(default_factory=dict)

    def common(self, payload: Payload) -> Common:
        if (found := self.encoded.get(payload)) is None:
            access = self.access.encode() if isinstance(self.access, str) else b""
            own = ((b"authorization", access),) if access else ()
            headers = (self.topic, *payload.headers, *own)
            found = self.encoded[payload] = common(headers, payload.before)
        return found


def _way(
    name: str, client: H2Client, credential: Credential, topic: Header, refused: str = ""
) -> _Way:
    return _Way(name, client, credential, topic, _access(name, credential, refused))


def _report_closes(environment: str, way: "_Way") -> None:
    """Log a certificate that Apple may refuse without a word; a single such end proves nothing."""
    closes = way.client.wordless_ends
    if way.credential.client_certificate is not None and closes >= WORDLESS_ENDS_TOLD:
        _log.error(
            "%s: Apple closes every connection made with this certificate (%s, the last %d): is"
            " it revoked, or for another environment? A network in between can look the same",
            way.name,
            environment,
            closes,
        )


def _access(name: str, credential: Credential, refused: str = "") -> str | Answer:
    try:
        return credential.authorization(refused)
    except CredentialsRefused as why:
        _log.error("%s: %s, %s", name, CREDENTIALS_REFUSED.code, why)
        return CREDENTIALS_REFUSED
    except CredentialsUnavailable:
        return CREDENTIALS_UNAVAILABLE


@dataclass(frozen=True, slots=True)
class _Requests:
    """Requests of one send."""

    ways: Mapping[str, _Way]
    undocumented: UndocumentedAnswers

    async def answers(self, pushes: Sequence[Push], pace: Pace, until: float) -> Sequence[Answer]:
        return await at_pace(
            pushes,
            self._answer,
            pace,
            most_at_once=MOST_AT_ONCE,
            until=until,
            hopeless=_hopeless,
        )

    async def _answer(self, push: Push) -> Answer:
        """Ask where the device says it is or, if that is nowhere, in one after the other.

        That an environment does not know the address counts only if every one of them says so.
        """
        kept: Answer | None = None
        address, payload = push
        environment = address.environment
        for asked in (environment,) if environment in HOSTS else HOSTS:
            way = self.ways.get(asked)
            found = await self._in(way, address.value, payload) if way else _NOT_SERVED
            if way and found.step is not Step.OTHER_ENVIRONMENT:
                return found.answer
            if not isinstance(found.answer, AddressGone):
                kept = kept or found.answer
        return kept or INVALID_TOKEN

    async def _in(self, way: _Way, address: str, payload: Payload) -> Reaction:
        if not isinstance(way.access, str):
            return Reaction(way.access)
        first, connection = await self._attempt(way, address, payload)
        if first.step is Step.NONE:
            return first
        match first.step:
            case Step.NEW_TOKEN:
                renewed = await asyncio.to_thread(
                    _way, way.name, way.client, way.credential, way.topic, way.access
                )
                if not isinstance(renewed.access, str):
                    return Reaction(renewed.access)
                return (await self._attempt(renewed, address, payload))[0]
            case Step.RECONNECT_AND_SEND:
                way.client.retire(connection)
                return (await self._attempt(way, address, payload))[0]
            case Step.RECONNECT:
                way.client.retire(connection)
            case Step.KEEP_TOKEN:
                way.credential.keep()
            case Step.OTHER_ENVIRONMENT:
                pass
        return first

    async def _attempt(self, way: _Way, address: str, payload: Payload) -> tuple[Reaction, int]:
        """Return what became of it, and on which connection."""
        name = apns_id(payload.id, address)
        own = ((b"apns-id", name.encode()),)
        got, connection = await way.client.post(apns_path(address), own, way.common(payload))
        if isinstance(got, Fault):
            return Reaction(_of_fault(got)), connection
        if got.status == 200:
            return Reaction(Accepted(name)), connection
        if words_are_lost(got):
            self.undocumented.log(got)
            return Reaction(ANSWER_LOST), connection
        found = meaning(got)
        if isinstance(found.answer, Rejected):
            self.undocumented.log(got)
        return found, connection


def _of_fault(fault: Fault) -> Answer:
    if fault.refuses_us:
        return CREDENTIALS_REFUSED
    return ANSWER_LOST if fault.ambiguous else NOT_SENT


def _hopeless(address: PushAddress) -> Answer | None:
    return None if fits_path(address.value) else INVALID_TOKEN
