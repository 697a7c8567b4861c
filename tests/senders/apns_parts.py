"""A sender to Apple with everything around it: keys, a clock, and what was received."""

import json
from collections.abc import Sequence
from typing import Any, Self

import httpx
from cryptography.hazmat.primitives.asymmetric import ec
from cryptography.hazmat.primitives.serialization import (
    Encoding,
    NoEncryption,
    PrivateFormat,
    PublicFormat,
)

from local.emulators.apns.server import ServedApns
from shared.adapters.memory.database import MemoryDatabase
from shared.adapters.push.apns import PRODUCTION, SANDBOX, ApnsSender
from shared.adapters.push.apns_credentials import ClientCertificate, Credential, P8Key
from shared.domain.audience.device import AddressKind, PushAddress
from shared.domain.push.answers import Answer
from shared.settings.credentials.p8 import read_key
from shared.stores.provider_tokens import TokenShelf
from shared.wire.http2.client import H2Client
from tests.senders.parts import Message, a_message, sent

TOPIC, KEY_ID, TEAM_ID = "com.example.app", "ABCDE12345", "TEAM123456"
START = 1_767_225_600.0
"""2026-01-01 00:00 UTC."""


def key_pair() -> tuple[str, str]:
    """Create a P8 key as Apple hands it out, and its public half."""
    key = ec.generate_private_key(ec.SECP256R1())
    private = key.private_bytes(Encoding.PEM, PrivateFormat.PKCS8, NoEncryption())
    public = key.public_key().public_bytes(Encoding.PEM, PublicFormat.SubjectPublicKeyInfo)
    return private.decode(), public.decode()


P8, PUBLIC = key_pair()


def credentials_json(**fields: Any) -> str:
    said = {"topic": TOPIC, "keyId": KEY_ID, "teamId": TEAM_ID, "key": P8}
    return json.dumps({name: it for name, it in {**said, **fields}.items() if it is not None})


class SteppingClock:
    """Seconds since 1970, moved by hand."""

    def __init__(self, at: float = START) -> None:
        self.at = at

    def __call__(self) -> float:
        return self.at


class Tokens:
    """Authorization headers from a list; the last one for ever."""

    client_certificate: ClientCertificate | None = None

    def __init__(self, *headers: str | Exception) -> None:
        self._headers = list(headers)
        self.refused: list[str] = []
        self.writes = 0

    def authorization(self, refused: str = "") -> str:
        if refused:
            self.refused.append(refused)
            if self._headers[0] == refused and len(self._headers) > 1:
                self._headers.pop(0)
        header = self._headers[0]
        if isinstance(header, Exception):
            raise header
        return header

    def keep(self) -> None:
        self.writes += 1


def minted() -> str:
    """Create a header that Apple would take."""
    return P8Key(read_key(P8), KEY_ID, TEAM_ID, TokenShelf(MemoryDatabase())).authorization()


class Sending:
    """``with Sending(apns) as send: send("token")``."""

    def __init__(
        self,
        apns: ServedApns,
        credential: Credential | None = None,
        environments: Sequence[str] = (PRODUCTION, SANDBOX),
        **http: Any,
    ) -> None:
        used = credential or P8Key(read_key(P8), KEY_ID, TEAM_ID, TokenShelf(MemoryDatabase()))
        hosts = {PRODUCTION: apns.url, SANDBOX: f"{apns.url}/sandbox"}
        self.sender = ApnsSender(
            TOPIC,
            dict.fromkeys(environments, used),
            hosts,
            ca_file=apns.ca_file,
            client=lambda url, trust: H2Client(url, trust, **http),
        )

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *_: object) -> None:
        self.sender.close()

    def __call__(
        self, *tokens: str, message: Message | None = None, environment: str = PRODUCTION
    ) -> list[Answer]:
        addresses = [PushAddress(AddressKind.APNS, it, environment) for it in tokens]
        return sent(self.sender, message or a_message(), addresses)


def received(apns: ServedApns, token: str) -> list[dict[str, Any]]:
    """Return what the emulator received for one device token."""
    answer = httpx.get(
        f"{apns.admin}/received", params={"token": token, "limit": 10_000}, timeout=60
    )
    return list(answer.json()["received"])


def summary(apns: ServedApns) -> dict[str, Any]:
    return dict(httpx.get(f"{apns.admin}/received/summary", timeout=60).json())
