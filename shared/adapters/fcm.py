"""The ``Sender`` for Firebase Cloud Messaging: one attempt is one request, in our own hands.

Google's SDK sends again by itself after a lost answer, an overload or a 401, unseen by its caller;
each time may be a second notification on a screen. Here nothing is sent again, with one exception
that cannot show twice: a request refused for an access token that had just run out.
"""

import asyncio
import logging
import os
import threading
from collections import Counter
from collections.abc import Awaitable, Callable, Sequence
from dataclasses import dataclass
from datetime import UTC, datetime
from urllib.parse import quote, urlsplit

from shared.adapters.fcm_message import PayloadTooBig, Template, addressable, render
from shared.adapters.google_credentials import (
    AccessTokens,
    CredentialsRefused,
    CredentialsUnavailable,
    GoogleAccessTokens,
)
from shared.adapters.loop_thread import LoopThread
from shared.adapters.one_shot_http import Fault, KeptConnections, OneShotHttp, Target
from shared.domain.delivery import Answer, Later, Misconfigured, Unsendable
from shared.domain.device import PushAddress
from shared.domain.fcm_reactions import (
    ANSWER_LOST,
    CREDENTIALS_REFUSED,
    INVALID_TOKEN,
    NOT_SENT,
    reaction,
)
from shared.ports import Message
from shared.settings import Settings

FCM_BASE_URL = "https://fcm.googleapis.com"
MOST_AT_ONCE = 50

_CREDENTIALS_UNAVAILABLE = Later("credentialsUnavailable")
_PAYLOAD_TOO_BIG = Unsendable("payloadTooBig")
_log = logging.getLogger(__name__)


class FcmSender:
    """FCM for one Firebase project. Safe to share between threads; starts nothing until used."""

    def __init__(
        self,
        project: str,
        tokens: AccessTokens,
        base_url: str = FCM_BASE_URL,
        *,
        http: Callable[[str], OneShotHttp] = KeptConnections,
        clock: Callable[[], datetime] = lambda: datetime.now(UTC),
    ) -> None:
        prefix = urlsplit(base_url).path.rstrip("/")
        self._path = f"{prefix}/v1/projects/{quote(project, safe='')}/messages:send"
        self._start: Callable[[], _Engine] = lambda: _Engine(LoopThread("fcm"), http(base_url))
        self._tokens = tokens
        self._clock = clock
        self._lock = threading.Lock()
        self._engines: dict[int, _Engine] = {}

    def send(self, message: Message, addresses: Sequence[PushAddress]) -> Sequence[Answer]:
        """An answer for each address, in order. Never raises for what FCM answers."""
        try:
            template = render(message, self._clock())
        except PayloadTooBig:
            return self._reported(message, [_PAYLOAD_TOO_BIG] * len(addresses))
        access = self._access()
        if not isinstance(access, str):
            return self._reported(message, [access] * len(addresses))
        engine = self._engine()
        requests = _Requests(engine.http, template, self._target(access), self._renewed)
        return self._reported(message, engine.thread.run(requests.answers(addresses)))

    def close(self) -> None:
        """Let go of connections and thread; a later ``send`` starts anew."""
        with self._lock:
            engine = self._engines.pop(os.getpid(), None)
        if engine is not None:
            engine.thread.run(engine.http.close())
            engine.thread.stop()

    def _engine(self) -> "_Engine":
        """This process's own; one inherited over a fork is left alone and never let go."""
        with self._lock:
            return self._engines.get(os.getpid()) or self._engines.setdefault(
                os.getpid(), self._start()
            )

    def _target(self, access: str) -> Target:
        return Target(
            self._path,
            (
                ("Authorization", f"Bearer {access}"),
                ("Content-Type", "application/json; charset=UTF-8"),
                ("User-Agent", "fanfare"),
            ),
        )

    def _access(self, refused: str = "") -> str | Answer:
        try:
            return self._tokens.current(refused)
        except CredentialsRefused:
            return CREDENTIALS_REFUSED
        except CredentialsUnavailable:
            return _CREDENTIALS_UNAVAILABLE

    async def _renewed(self, refused: Target) -> Target | Answer:
        token = dict(refused.headers)["Authorization"].removeprefix("Bearer ")
        access = await asyncio.to_thread(self._access, token)
        return self._target(access) if isinstance(access, str) else access

    @staticmethod
    def _reported(message: Message, answers: Sequence[Answer]) -> Sequence[Answer]:
        grave = Counter(a.code for a in answers if isinstance(a, Misconfigured | Unsendable))
        for code, addresses in grave.items():
            _log.error("FCM: %s, notification %s, %d addresses", code, message.id, addresses)
        return answers


def fcm_sender(settings: Settings) -> FcmSender:
    """The sender of this deployment's own project, with its own credentials."""
    tokens = GoogleAccessTokens(token_url=settings.oauth_token_url)
    return FcmSender(settings.project, tokens, settings.fcm_url)


@dataclass(frozen=True, slots=True)
class _Engine:
    thread: LoopThread
    http: OneShotHttp


@dataclass(frozen=True, slots=True)
class _Requests:
    """One notification to some addresses, up to ``MOST_AT_ONCE`` of them at a time."""

    http: OneShotHttp
    template: Template
    target: Target
    renewed: Callable[[Target], Awaitable[Target | Answer]]

    async def answers(self, addresses: Sequence[PushAddress]) -> Sequence[Answer]:
        answers: list[Answer] = [NOT_SENT] * len(addresses)
        todo = iter(enumerate(addresses))

        async def work() -> None:
            for position, address in todo:
                answers[position] = await self._answer(address.value)

        await asyncio.gather(*(work() for _ in addresses[:MOST_AT_ONCE]))
        return answers

    async def _answer(self, address: str) -> Answer:
        if not addressable(address):
            return INVALID_TOKEN
        body = self.template.body(address)
        answer, token_refused = await self._attempt(self.target, body)
        if token_refused:
            renewed = await self.renewed(self.target)
            if not isinstance(renewed, Target):
                return renewed
            answer, _ = await self._attempt(renewed, body)
        return answer

    async def _attempt(self, target: Target, body: bytes) -> tuple[Answer, bool]:
        """What became of it, and whether only the access token stood in its way."""
        got = await self.http.post(target, body)
        if isinstance(got, Fault):
            return (ANSWER_LOST if got.ambiguous else NOT_SENT), False
        answer = reaction(got.status, got.headers, got.body)
        return answer, got.status == 401 and answer == CREDENTIALS_REFUSED
