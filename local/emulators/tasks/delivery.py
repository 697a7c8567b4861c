"""One delivery of one task: the request a handler gets, and what its answer means.

When the deadline passes we stop listening and report no answer. The handler may still be running
then, as it may be in production, so its retry overlaps with it.
"""

import asyncio
import hashlib
import time
from collections.abc import Mapping
from dataclasses import dataclass
from datetime import UTC, datetime
from email.utils import parsedate_to_datetime
from http import HTTPStatus

import aiohttp
import jwt
from multidict import CIMultiDict
from yarl import URL

OIDC_SECONDS = 3600
IDLE_CONNECTION_SECONDS = 1.0
"""Shorter than any server's keep-alive: a task must not fail on a connection just being closed."""
RESERVED_HEADERS = ("x-cloudtasks-", "x-appengine-", "x-google-")


@dataclass(frozen=True, slots=True)
class HttpCall:
    """Request that a task is to send."""

    method: str
    url: str
    headers: Mapping[str, str]
    body: bytes
    deadline_seconds: float
    account: str = ""
    """The service account whose OIDC token is attached; none when empty."""
    audience: str = ""


@dataclass(frozen=True, slots=True)
class Answer:
    """A handler's answer; ``status`` is None when there was none."""

    status: int | None
    reason: str
    retry_after_seconds: float = 0.0

    @property
    def succeeded(self) -> bool:
        """True for any 2xx, and nothing else."""
        return (
            self.status is not None and HTTPStatus.OK <= self.status < HTTPStatus.MULTIPLE_CHOICES
        )

    @property
    def executed(self) -> bool:
        """True if the delivery counts as an execution: the handler answered, and not with a 5xx."""
        return self.status is not None and self.status < HTTPStatus.INTERNAL_SERVER_ERROR


UNREACHABLE = "UNAVAILABLE"
TOO_LATE = "DEADLINE_EXCEEDED"
ANSWER_LOST = Answer(None, UNREACHABLE)


def session() -> aiohttp.ClientSession:
    """Create a client session without limits of its own: queues decide how much runs at once."""
    return aiohttp.ClientSession(
        connector=aiohttp.TCPConnector(limit=0, keepalive_timeout=IDLE_CONNECTION_SECONDS),
        cookie_jar=aiohttp.DummyCookieJar(),
        timeout=aiohttp.ClientTimeout(total=None),
    )


async def deliver(
    client: aiohttp.ClientSession, call: HttpCall, headers: Mapping[str, str]
) -> Answer:
    """Send the call with the queue's own ``headers``. A redirect is not followed."""
    try:
        async with (
            asyncio.timeout(call.deadline_seconds),
            client.request(
                call.method,
                URL(call.url, encoded=True),
                data=call.body or None,
                headers=_headers(call, headers),
                allow_redirects=False,
            ) as response,
        ):
            wait = retry_after_seconds(response.headers.get("Retry-After", ""))
            return Answer(response.status, f"HTTP_{response.status}", wait)
    except TimeoutError:
        return Answer(None, TOO_LATE)
    except (aiohttp.ClientError, OSError, ValueError):
        return Answer(None, UNREACHABLE)


def _headers(call: HttpCall, own: Mapping[str, str]) -> CIMultiDict[str]:
    headers = CIMultiDict(
        (name, value)
        for name, value in call.headers.items()
        if not name.lower().startswith(RESERVED_HEADERS)
    )
    for name in ("Host", "Content-Length"):
        headers.popall(name, None)
    if call.body:
        headers.setdefault("Content-Type", "application/octet-stream")
    headers["User-Agent"] = "Google-Cloud-Tasks"
    if call.account:
        headers["Authorization"] = f"Bearer {oidc_token(call.account, call.audience or call.url)}"
    headers.update(own)
    return headers


def oidc_token(account: str, audience: str) -> str:
    """Make the identity token Google would sign for ``account``, unsigned."""
    now = int(time.time())
    subject = str(int.from_bytes(hashlib.sha256(account.encode()).digest()[:8]))
    claims = {
        "iss": "https://accounts.google.com",
        "aud": audience,
        "azp": subject,
        "sub": subject,
        "email": account,
        "email_verified": True,
        "iat": now,
        "exp": now + OIDC_SECONDS,
    }
    return jwt.encode(claims, "", algorithm="none")


def retry_after_seconds(header: str) -> float:
    """Read a ``Retry-After`` of either form, seconds or a date; 0 when absent or unreadable."""
    if header.strip().isdecimal():
        return float(header)
    try:
        at = parsedate_to_datetime(header)
    except ValueError:
        return 0.0
    at = at if at.tzinfo else at.replace(tzinfo=UTC)
    return max(0.0, (at - datetime.now(UTC)).total_seconds())
