"""The three push services behind networks that fail, and the real senders that use them."""

from collections.abc import AsyncIterator, Callable, Iterator, Mapping
from contextlib import ExitStack, asynccontextmanager, closing, contextmanager
from dataclasses import dataclass, field
from pathlib import Path
from random import Random
from typing import Any

import pytest
from aiohttp import web

from local.emulators.apns.answers import PASSING
from local.emulators.apns.certificates import ApnsCa
from local.emulators.apns.server import serving
from local.emulators.apns.service import Apns
from local.emulators.apns.service import Config as ApnsConfig
from local.emulators.background import Background, listening
from local.emulators.fcm import server as fcm
from local.emulators.fcm.tokens import TokenEndpoint
from local.emulators.hms import server as hms
from local.emulators.push.received import DETAILS_KEPT
from local.emulators.push.tokens import ClientCredentialsEndpoint
from shared.adapters.memory.database import MemoryDatabase
from shared.adapters.push import pace as push_pace
from shared.adapters.push.apns import PRODUCTION, SANDBOX, ApnsSender
from shared.adapters.push.apns_credentials import P8Key
from shared.adapters.push.fcm import FcmSender
from shared.adapters.push.hms import HmsSender
from shared.domain.audience.device import AddressKind
from shared.domain.push.answers import Answer
from shared.domain.push.pace import whole_app_waits
from shared.ports import Sender
from shared.settings.credentials.p8 import read_key
from shared.stores.provider_tokens import TokenShelf
from shared.wire.http2.client import H2Client
from shared.wire.http11 import KeptConnections
from tests.chaos_network.proxy import Luck, accepting, between_bytes, between_requests
from tests.senders.apns_parts import KEY_ID, P8, TEAM_ID, TOPIC
from tests.senders.hms_parts import PATH
from tests.senders.parts import FixedTokens

ANSWER_SECONDS = 0.3
"""How long the senders wait for an answer here, where ten seconds of silence would be ten lost."""
CONNECT_SECONDS = 0.6
HASTE = 10_000
"""Batches wait in simulated time, which takes none; an app that was told to wait does so for real,
and must not sleep through the batches' whole day."""
REQUEST_FAULT_RATE = 0.08
STREAM_FAULT_RATE = 0.02
"""A piece of a stream can be fifty requests."""
APPLES_FAULT_RATE = 0.08
APPLES_FAULTS = (*PASSING, "goaway-answered-", "half-", "babble-", "idle-timeout-", "bad-gateway-")

Entries = list[Mapping[str, Any]]


@dataclass(slots=True)
class Services:
    """Emulators with what they received, and the faults of their networks."""

    fcm: fcm.Fcm
    apns: Apns
    hms: hms.Hms
    ca: ApnsCa = field(default_factory=ApnsCa)
    networks: dict[AddressKind, Luck] = field(
        default_factory=lambda: {
            AddressKind.FCM: Luck(REQUEST_FAULT_RATE),
            AddressKind.APNS: Luck(STREAM_FAULT_RATE),
            AddressKind.HMS: Luck(REQUEST_FAULT_RATE),
        }
    )

    @property
    def all(self) -> Mapping[AddressKind, Any]:
        """The emulators by the kind of address they take."""
        kinds = (AddressKind.FCM, AddressKind.APNS, AddressKind.HMS)
        return dict(zip(kinds, (self.fcm, self.apns, self.hms), strict=True))

    def luck(self, kind: AddressKind) -> Callable[[], Luck]:
        """Return the luck of a service; it is asked for at every chance, so that it can be
        replaced.
        """
        return lambda: self.networks[kind]

    def begin(self, seed: int) -> None:
        """Forget what was received, and seed the luck anew."""
        for number, network in enumerate(self.networks.values()):
            network.chance = Random(seed * 10 + number)
        for emulator in self.all.values():
            emulator.received.forget()

    def entries(self, notification: str) -> Entries:
        """List what all of them received of the notification."""
        return [
            entry
            for emulator in self.all.values()
            for entry in emulator.received.entries(DETAILS_KEPT, "", notification)
        ]

    def accepted_again(self) -> Mapping[str, int]:
        """Count accepts that were not an address's first, with and without a replace key."""
        sums = [emulator.received.summary()["acceptedAgain"] for emulator in self.all.values()]
        return {
            name: sum(times - 1 for told in sums for times in told[name].values())
            for name in ("withReplaceKey", "withoutReplaceKey")
        }


@dataclass(frozen=True, slots=True)
class Afloat:
    """Services and senders that run."""

    services: Services
    senders: Mapping[AddressKind, Sender]
    background: "Background[Mapping[AddressKind, int]]"

    def look(self, question: Any, *args: Any) -> Any:
        """Ask the services in their own thread."""
        return self.background.call(lambda: question(*args))


@contextmanager
def afloat(folder: Path) -> Iterator[Afloat]:
    """Run emulators and networks in a thread, and senders to them here."""
    services = Services(
        fcm.Fcm(fcm.Config(retry_after_seconds=0), TokenEndpoint(None)),
        Apns(ApnsConfig(fault_ratio=APPLES_FAULT_RATE, faults=APPLES_FAULTS)),
        hms.Hms(hms.Config(), ClientCredentialsEndpoint()),
    )
    ca_file = folder / "ca.pem"
    ca_file.write_bytes(services.ca.pem)
    background = Background(lambda: _served(services))
    with ExitStack() as end:
        patch = end.enter_context(pytest.MonkeyPatch.context())
        patch.setattr(push_pace, "whole_app_waits", _hastily)
        ports = background.start()
        end.callback(background.stop)
        senders: dict[AddressKind, FcmSender | ApnsSender | HmsSender] = {
            AddressKind.FCM: _fcm(ports[AddressKind.FCM]),
            AddressKind.APNS: _apns(ports[AddressKind.APNS], ca_file),
            AddressKind.HMS: _hms(ports[AddressKind.HMS]),
        }
        for sender in senders.values():
            end.enter_context(closing(sender))
        yield Afloat(services, senders, background)


@asynccontextmanager
async def _served(services: Services) -> AsyncIterator[Mapping[AddressKind, int]]:
    luck = services.luck
    async with (
        listening(_app(services.fcm.routes()), "127.0.0.1", 0) as fcm_at,
        listening(_app(services.hms.routes()), "127.0.0.1", 0) as hms_at,
        serving(services.apns, services.ca, "127.0.0.1", 0, 0) as apns_at,
        accepting(between_requests(_port(fcm_at), luck(AddressKind.FCM))) as fcm_port,
        accepting(between_bytes(_port(apns_at.url), luck(AddressKind.APNS))) as apns_port,
        accepting(between_requests(_port(hms_at), luck(AddressKind.HMS))) as hms_port,
    ):
        yield {
            AddressKind.FCM: fcm_port,
            AddressKind.APNS: apns_port,
            AddressKind.HMS: hms_port,
        }


def _hastily(answer: Answer, *, several: bool = False) -> float:
    return whole_app_waits(answer, several=several) / HASTE


def _app(routes: list[web.RouteDef]) -> web.Application:
    application = web.Application(client_max_size=hms.MOST_BODY_BYTES)
    application.add_routes(routes)
    return application


def _port(address: str) -> int:
    return int(address.rpartition(":")[2])


def _patiently(base_url: str) -> KeptConnections:
    return KeptConnections(base_url, answer_seconds=ANSWER_SECONDS, connect_seconds=CONNECT_SECONDS)


def _fcm(port: int) -> FcmSender:
    return FcmSender("demo-p", FixedTokens(), f"http://127.0.0.1:{port}", http=_patiently)


def _hms(port: int) -> HmsSender:
    return HmsSender(PATH, FixedTokens(), f"http://127.0.0.1:{port}", http=_patiently)


def _apns(port: int, ca_file: Path) -> ApnsSender:
    url = f"https://127.0.0.1:{port}"
    key = P8Key(read_key(P8), KEY_ID, TEAM_ID, TokenShelf(MemoryDatabase()))
    return ApnsSender(
        TOPIC,
        {PRODUCTION: key, SANDBOX: key},
        {PRODUCTION: url, SANDBOX: f"{url}/sandbox"},
        ca_file=str(ca_file),
        client=lambda url, trust: H2Client(
            url,
            trust,
            answer_seconds=ANSWER_SECONDS,
            connect_seconds=CONNECT_SECONDS,
            ping_seconds=ANSWER_SECONDS,
        ),
    )
