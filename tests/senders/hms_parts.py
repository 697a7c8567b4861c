"""A Huawei sender with everything around it."""

from typing import Any, Self

import httpx

from shared.adapters.push.hms import HmsSender
from shared.domain.audience.device import AddressKind, PushAddress
from shared.domain.push.answers import Answer
from shared.settings.credentials.hms import HmsAccount
from shared.wire.http11 import KeptConnections
from tests.senders.parts import FixedTokens, Message, a_message, sent

PATH = "/v1/100/messages:send"
OK = (
    b"HTTP/1.1 200 OK\r\nContent-Length: 51\r\n\r\n"
    b'{"code":"80000000","msg":"Success","requestId":"7"}'
)


def addresses(*values: str) -> list[PushAddress]:
    return [PushAddress(AddressKind.HMS, value) for value in values]


def an_account(**fields: str) -> HmsAccount:
    return HmsAccount.model_validate({"appId": "100", "appSecret": "s3cret+/&=", **fields})


def many(count: int, prefix: str = "t") -> list[str]:
    return [f"{prefix}{number}" for number in range(count)]


class HmsSending:
    """``with HmsSending(url) as send: send("token")``."""

    def __init__(self, url: str, tokens: FixedTokens | None = None, **http: Any) -> None:
        self.sender = HmsSender(
            PATH, tokens or FixedTokens(), url, http=lambda base: KeptConnections(base, **http)
        )

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *_: object) -> None:
        self.sender.close()

    def __call__(self, *values: str, message: Message | None = None) -> list[Answer]:
        return sent(self.sender, message or a_message(), addresses(*values))


def summary(url: str) -> dict[str, Any]:
    """Return the emulator's sums."""
    return dict(httpx.get(f"{url}/received/summary", timeout=60).json())
