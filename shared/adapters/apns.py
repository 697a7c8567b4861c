"""The ``Sender`` for Apple's push service: one attempt is one request, over one HTTP/2 connection.

A request goes out again at once only where Apple said that the first was not carried out and what
to change: another token, another connection, or the other environment for a device that nobody
knows the environment of. Everything else is for whoever called to decide.
"""

import asyncio
import logging
import math
import os
import threading
from collections import Counter
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field

from shared.adapters.apns_certificate import trust
from shared.adapters.apns_config import read_credentials
from shared.adapters.apns_credentials import (
    Credential,
    CredentialsRefused,
    CredentialsUnavailable,
    TokenShelf,
)
from shared.adapters.apns_message import PayloadTooBig, Rendered, addressable, render
from shared.adapters.h2_client import H2Client, H2Request, Headers
from shared.adapters.loop_thread import LoopThread
from shared.adapters.one_shot_http import Fault
from shared.adapters.push_engine import deadline
from shared.adapters.push_pace import Pace, at_pace
from shared.adapters.unheard import Unheard
from shared.domain.apns_reactions import (
    ANSWER_LOST,
    CREDENTIALS_REFUSED,
    INVALID_TOKEN,
    NOT_SENT,
    Reaction,
    Step,
    reaction,
)
from shared.domain.delivery import Answer, Later, Misconfigured, Rejected, Unsendable
from shared.domain.device import PushAddress
from shared.domain.pace import Window
from shared.ports import Message

PRODUCTION, SANDBOX = "production", "sandbox"
HOSTS: Mapping[str, str] = {
    PRODUCTION: "https://api.push.apple.com",
    SANDBOX: "https://api.sandbox.push.apple.com",
}
MOST_AT_ONCE = 50
"""Requests of one send under way; the limit is for all sends of the process together."""
WINDOW = Window(allowed=100, floor=1, ceiling=1000)

_CREDENTIALS_UNAVAILABLE = Later("credentialsUnavailable")
_NOT_SERVED = Reaction(Rejected("environmentNotServed"))
_PAYLOAD_TOO_BIG = Unsendable("payloadTooBig")
_log = logging.getLogger(__name__)


class ApnsSender:
    """One app, in the environments there are credentials for. Starts nothing until used."""

    def __init__(
        self,
        topic: str,
        credentials: Mapping[str, Credential],
        hosts: Mapping[str, str] = HOSTS,
        *,
        ca_file: str | None = None,
        client: Callable[..., H2Client] = H2Client,
        window: Window = WINDOW,
    ) -> None:
        self._topic = topic
        self._credentials = credentials
        self._hosts = hosts
        self._ca_file = ca_file
        self._client = client
        self._window = window
        self._lock = threading.Lock()
        self._engines: dict[int, _Engine] = {}

    def send(
        self,
        message: Message,
        addresses: Sequence[PushAddress],
        within_seconds: float = math.inf,
    ) -> Sequence[Answer]:
        """An answer for each address, in order. Never raises for what Apple answers."""
        until = deadline(within_seconds)
        try:
            rendered = render(message, self._topic)
        except PayloadTooBig:
            return self._reported(message, [_PAYLOAD_TOO_BIG] * len(addresses))
        try:
            engine = self._engine()
        except CredentialsRefused as refused:
            _log.error("APNs: %s", refused)
            return self._reported(message, [CREDENTIALS_REFUSED] * len(addresses))
        ways = {
            environment: _way(engine.clients[environment], credential, rendered)
            for environment, credential in self._credentials.items()
        }
        answers = _Requests(ways, rendered).answers(addresses, engine.pace, until)
        return self._reported(message, engine.thread.run(answers))

    def close(self) -> None:
        """Let go of connections and thread; a later ``send`` starts anew."""
        with self._lock:
            engine = self._engines.pop(os.getpid(), None)
        if engine is not None:
            for client in engine.clients.values():
                engine.thread.run(client.close())
            engine.thread.stop()

    def _engine(self) -> "_Engine":
        """This process's own; one inherited over a fork is left alone and never let go."""
        with self._lock:
            if (engine := self._engines.get(os.getpid())) is None:
                clients = {name: self._connected(name) for name in self._credentials}
                engine = self._engines[os.getpid()] = _Engine(
                    LoopThread("apns"), clients, Pace(self._window)
                )
            return engine

    def _connected(self, environment: str) -> H2Client:
        certificate = self._credentials[environment].client_certificate
        return self._client(self._hosts[environment], trust(certificate, self._ca_file))

    @staticmethod
    def _reported(message: Message, answers: Sequence[Answer]) -> Sequence[Answer]:
        grave = Counter(a.code for a in answers if isinstance(a, Misconfigured | Unsendable))
        for code, addresses in grave.items():
            _log.error("APNs: %s, notification %s, %d addresses", code, message.id, addresses)
        return answers


def apns_sender(
    credentials: str,
    shelf: TokenShelf,
    base_url: str | None = None,
    ca_file: str | None = None,
) -> ApnsSender:
    """The sender for ``FANFARE_APNS_CREDENTIALS``; raises ``CredentialsRefused``.

    ``base_url`` replaces Apple's; the sandbox is then below ``/sandbox`` of it.
    """
    read = read_credentials(credentials)
    hosts = {PRODUCTION: base_url, SANDBOX: f"{base_url}/sandbox"} if base_url else HOSTS
    credential = read.credential(shelf)
    by_environment = {str(name): credential for name in read.environments}
    return ApnsSender(read.topic, by_environment, hosts, ca_file=ca_file)


@dataclass(frozen=True, slots=True)
class _Engine:
    thread: LoopThread
    clients: Mapping[str, H2Client]
    pace: Pace


@dataclass(frozen=True, slots=True)
class _Way:
    """Into one environment; ``access`` is the authorization header, or why there is none."""

    client: H2Client
    credential: Credential
    access: str | Answer
    common: Headers
    """The same object for all requests, so that it is encoded only once."""


def _way(client: H2Client, credential: Credential, rendered: Rendered, refused: str = "") -> _Way:
    access = _access(credential, refused)
    named = ((b"authorization", access.encode()),) if access and isinstance(access, str) else ()
    return _Way(client, credential, access, (*rendered.common, *named))


def _access(credential: Credential, refused: str = "") -> str | Answer:
    try:
        return credential.authorization(refused)
    except CredentialsRefused as why:
        _log.error("APNs: %s", why)
        return CREDENTIALS_REFUSED
    except CredentialsUnavailable:
        return _CREDENTIALS_UNAVAILABLE


@dataclass(frozen=True, slots=True)
class _Requests:
    """One notification to some addresses."""

    ways: Mapping[str, _Way]
    rendered: Rendered
    unheard: Unheard = field(default_factory=lambda: Unheard("APNs"))

    async def answers(
        self, addresses: Sequence[PushAddress], pace: Pace, until: float
    ) -> Sequence[Answer]:
        return await at_pace(
            addresses,
            self._answer,
            pace,
            most_at_once=MOST_AT_ONCE,
            until=until,
            hopeless=_hopeless,
        )

    async def _answer(self, address: PushAddress) -> Answer:
        last = _NOT_SERVED
        for environment in self._environments(address):
            last = await self._in(self.ways[environment], address.value)
            if last.step is not Step.OTHER_ENVIRONMENT:
                break
        return last.answer

    def _environments(self, address: PushAddress) -> Sequence[str]:
        """Where the device may be: the one it says or, if that is neither, one after the other."""
        known = address.environment in HOSTS
        asked = (address.environment,) if known else tuple(HOSTS)
        return [name for name in asked if name in self.ways]

    async def _in(self, way: _Way, address: str) -> Reaction:
        if not isinstance(way.access, str):
            return Reaction(way.access)
        first, connection = await self._attempt(way, address)
        match first.step:
            case Step.NEW_TOKEN:
                renewed = await asyncio.to_thread(
                    _way, way.client, way.credential, self.rendered, way.access
                )
                if not isinstance(renewed.access, str):
                    return Reaction(renewed.access)
                return (await self._attempt(renewed, address))[0]
            case Step.RECONNECT_AND_SEND:
                way.client.retire(connection)
                return (await self._attempt(way, address))[0]
            case Step.RECONNECT:
                way.client.retire(connection)
            case Step.KEEP_TOKEN:
                way.credential.keep()
            case Step.NONE | Step.OTHER_ENVIRONMENT:
                pass
        return first

    async def _attempt(self, way: _Way, address: str) -> tuple[Reaction, int]:
        """What became of it, and on which connection."""
        posted = await way.client.post(
            H2Request(way.common, self.rendered.own(address), self.rendered.body)
        )
        got = posted.got
        if isinstance(got, Fault):
            return Reaction(_of_fault(got)), posted.connection
        found = reaction(got.status, got.headers, got.body)
        if isinstance(found.answer, Rejected):
            self.unheard.note(got)
        return found, posted.connection


def _of_fault(fault: Fault) -> Answer:
    if fault.refuses_us:
        return CREDENTIALS_REFUSED
    return ANSWER_LOST if fault.ambiguous else NOT_SENT


def _hopeless(address: PushAddress) -> Answer | None:
    return None if addressable(address.value) else INVALID_TOKEN
