"""Google Web Risk, asked about one address at a time.

``uris:search`` takes the address itself and answers ``{}`` or the lists it is on. It is called with
the service account's token; there is no API key to keep.
"""

import json
import logging
import socket
import ssl
import time
from collections.abc import Callable, Mapping, Sequence
from functools import cached_property, partial
from urllib.parse import urlencode, urlsplit

from shared.adapters.web.http import (
    MOST_LOOKUPS,
    Deadline,
    Lookups,
    NoAnswer,
    TooSlow,
    UnknownHost,
    WebAnswer,
    get,
    secured,
    system_addresses,
)
from shared.domain.errors import TryAgain
from shared.settings import Settings
from shared.wire import racing
from shared.wire.tokens import (
    AccessTokens,
    CredentialsRefused,
    CredentialsUnavailable,
    GoogleAccessTokens,
)

SCOPE = "https://www.googleapis.com/auth/cloud-platform"
LISTS = (
    "MALWARE",
    "SOCIAL_ENGINEERING",
    "UNWANTED_SOFTWARE",
    "SOCIAL_ENGINEERING_EXTENDED_COVERAGE",
)
MOST_ANSWER_BYTES = 16 * 1024
_log = logging.getLogger(__name__)


class WebRisk:
    """``Threats`` by Google."""

    def __init__(
        self,
        tokens: AccessTokens,
        base_url: str = "https://webrisk.googleapis.com",
        *,
        resolve: Callable[[str], Sequence[str]] = system_addresses,
        trust: Callable[[], ssl.SSLContext] = ssl.create_default_context,
        clock: Callable[[], float] = time.monotonic,
    ) -> None:
        parts = urlsplit(base_url)
        self._host, self._path = parts.hostname or "", parts.path
        self._netloc = parts.netloc
        self._secure = parts.scheme == "https"
        self._port = parts.port or (443 if self._secure else 80)
        self._tokens = tokens
        self._trust = trust
        self._clock = clock
        self._lookups = Lookups(resolve, most_of_one=MOST_LOOKUPS)

    def of(self, url: str, *, seconds: float) -> tuple[str, ...]:
        """Return the lists the address is on. Raises ``TryAgain`` when Google does not say."""
        deadline = Deadline.after(seconds, self._clock)
        try:
            answer = self._ask(url, deadline, self._tokens.current())
        except (CredentialsRefused, CredentialsUnavailable) as failed:
            raise TryAgain("there is no access token for Web Risk") from failed
        except (TooSlow, NoAnswer, UnknownHost, OSError) as failed:
            _log.warning("Web Risk cannot be asked: %s", type(failed).__name__)
            raise TryAgain("Web Risk cannot be asked") from failed
        if answer.status != 200:
            _log.warning("Web Risk answers %d", answer.status)
            raise TryAgain(f"Web Risk answers {answer.status}")
        return _lists(answer.body)

    @cached_property
    def _trusted(self) -> ssl.SSLContext:
        return self._trust()

    def _ask(self, url: str, deadline: Deadline, token: str) -> WebAnswer:
        query = urlencode([*(("threatTypes", name) for name in LISTS), ("uri", url)])
        head = "\r\n".join(
            (
                f"GET {self._path}/v1/uris:search?{query} HTTP/1.1",
                f"Host: {self._netloc}",
                f"Authorization: Bearer {token}",
                "User-Agent: fanfare",
                "Accept: application/json",
                "Accept-Encoding: identity",
                "Connection: close",
                *("", ""),
            )
        ).encode("ascii")
        with self._connected(deadline) as plain:
            if not self._secure:
                return get(plain, head, deadline, _all)
            with secured(plain, self._host, self._trusted, deadline) as connection:
                return get(connection, head, deadline, _all)

    def _connected(self, deadline: Deadline) -> socket.socket:
        addresses = self._lookups.addresses(self._host, deadline)

        async def looked_up(_: str, port: int) -> Sequence[racing.Place]:
            return [racing.place(address, port) for address in addresses]

        raced = partial(racing.connect, resolve=looked_up)
        return racing.connect_within(deadline.seconds_left(), self._host, self._port, raced)


def web_risk(settings: Settings) -> WebRisk:
    """Create the client with this machine's or service's own credentials."""
    tokens = GoogleAccessTokens(SCOPE, settings.oauth_token_url)
    return WebRisk(tokens, settings.web_risk_url)


def _all(_status: int, _headers: Mapping[str, str]) -> int:
    return MOST_ANSWER_BYTES


def _lists(body: bytes) -> tuple[str, ...]:
    """Read the lists from an answer. Raises ``TryAgain`` for anything but the two forms."""
    try:
        told = json.loads(body)
        if told == {}:
            return ()
        lists = tuple(str(name) for name in told["threat"]["threatTypes"])
    except (ValueError, KeyError, TypeError) as failed:
        raise TryAgain("Web Risk answers something else") from failed
    return lists or ("LISTED",)
