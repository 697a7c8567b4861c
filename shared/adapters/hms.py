"""The ``Sender`` for Huawei Push Kit: one request for many addresses, one answer for them all.

Nothing is sent again here, with two exceptions. A request refused for its access token was not
carried out. And where Huawei says that it took some of the addresses, but not which, the halves
are sent by themselves until it is known: only the replace key makes that harmless, and waiting
would not help, since the same addresses together would get the same answer for ever.
"""

import asyncio
import logging
import os
import threading
from collections import Counter
from collections.abc import Awaitable, Callable, Iterator, Sequence
from dataclasses import dataclass, field
from datetime import UTC, datetime
from urllib.parse import urlsplit

from shared.adapters.fcm_message import PayloadTooBig, addressable
from shared.adapters.google_credentials import (
    AccessTokens,
    CredentialsRefused,
    CredentialsUnavailable,
)
from shared.adapters.hms_credentials import HMS_OAUTH_URL, HmsAccount, HuaweiAccessTokens
from shared.adapters.hms_message import Template, render
from shared.adapters.loop_thread import LoopThread
from shared.adapters.one_shot_http import (
    MOST_ANSWER_BYTES,
    Fault,
    KeptConnections,
    OneShotHttp,
    Target,
)
from shared.domain.delivery import Answer, Later, Misconfigured, Unsendable
from shared.domain.device import PushAddress
from shared.domain.fcm_reactions import (
    ANSWER_LOST,
    CREDENTIALS_REFUSED,
    INVALID_TOKEN,
    NOT_SENT,
)
from shared.domain.hms_reactions import MOST_TOKENS, PARTLY, reactions
from shared.ports import Message

HMS_PUSH_BASE_URL = "https://push-api.cloud.huawei.com"
MOST_AT_ONCE = 8

_MOST_LISTED_BYTES = MOST_ANSWER_BYTES // 2
"""An answer may list every address of its request, with quotes around quotes."""
_CREDENTIALS_UNAVAILABLE = Later("credentialsUnavailable")
_PAYLOAD_TOO_BIG = Unsendable("payloadTooBig")
_log = logging.getLogger(__name__)


class HmsSender:
    """Push Kit for one account. Safe to share between threads; starts nothing until used."""

    def __init__(
        self,
        path: str,
        tokens: AccessTokens,
        base_url: str = HMS_PUSH_BASE_URL,
        *,
        http: Callable[[str], OneShotHttp] = KeptConnections,
        clock: Callable[[], datetime] = lambda: datetime.now(UTC),
    ) -> None:
        self._path = urlsplit(base_url).path.rstrip("/") + path
        self._start: Callable[[], _Engine] = lambda: _Engine(LoopThread("hms"), http(base_url))
        self._tokens = tokens
        self._clock = clock
        self._lock = threading.Lock()
        self._engines: dict[int, _Engine] = {}

    def send(self, message: Message, addresses: Sequence[PushAddress]) -> Sequence[Answer]:
        """An answer for each address, in order. Never raises for what Huawei answers."""
        tokens = list(dict.fromkeys(a.value for a in addresses if addressable(a.value)))
        answers = self._answers(message, tokens)
        return self._reported(message, [answers.get(a.value, INVALID_TOKEN) for a in addresses])

    def close(self) -> None:
        """Let go of connections and thread; a later ``send`` starts anew."""
        with self._lock:
            engine = self._engines.pop(os.getpid(), None)
        if engine is not None:
            engine.thread.run(engine.http.close())
            engine.thread.stop()

    def _answers(self, message: Message, tokens: Sequence[str]) -> dict[str, Answer]:
        if not tokens:
            return {}
        try:
            template = render(message, self._clock())
        except PayloadTooBig:
            return dict.fromkeys(tokens, _PAYLOAD_TOO_BIG)
        access = self._access()
        if not isinstance(access, str):
            return dict.fromkeys(tokens, access)
        engine = self._engine()
        requests = _Requests(engine.http, template, self._target(access), self._renewed)
        return engine.thread.run(requests.answers(tokens))

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
            _log.error("HMS: %s, notification %s, %d addresses", code, message.id, addresses)
        return answers


def hms_sender(
    account: HmsAccount,
    push_base_url: str = HMS_PUSH_BASE_URL,
    oauth_url: str = HMS_OAUTH_URL,
) -> HmsSender:
    """The sender of one Huawei account, with its own credentials."""
    return HmsSender(account.send_path, HuaweiAccessTokens(account, oauth_url), push_base_url)


def requests_of(tokens: Sequence[str]) -> Iterator[list[str]]:
    """``tokens`` in runs that Huawei takes, and whose longest answer is still read to its end."""
    run: list[str] = []
    listed = 0
    for token in tokens:
        size = len(token.encode()) + 5
        if run and (len(run) == MOST_TOKENS or listed + size > _MOST_LISTED_BYTES):
            yield run
            run, listed = [], 0
        run.append(token)
        listed += size
    if run:
        yield run


@dataclass(frozen=True, slots=True)
class _Engine:
    thread: LoopThread
    http: OneShotHttp


@dataclass(frozen=True, slots=True)
class _Requests:
    """One notification to some addresses, in up to ``MOST_AT_ONCE`` requests at a time."""

    http: OneShotHttp
    template: Template
    target: Target
    renewed: Callable[[Target], Awaitable[Target | Answer]]
    turns: asyncio.Semaphore = field(default_factory=lambda: asyncio.Semaphore(MOST_AT_ONCE))

    async def answers(self, tokens: Sequence[str]) -> dict[str, Answer]:
        """By address."""
        return await self._of_all(list(requests_of(tokens)))

    async def _of_all(self, requests: Sequence[Sequence[str]]) -> dict[str, Answer]:
        parts = await asyncio.gather(*(self._settled(tokens) for tokens in requests))
        return {token: answer for part in parts for token, answer in part.items()}

    async def _settled(self, tokens: Sequence[str]) -> dict[str, Answer]:
        """Halved for as long as it is not known which of several addresses were taken."""
        async with self.turns:
            answers = await self._one(tokens)
        unsure = [token for token, answer in answers.items() if answer == PARTLY]
        if not unsure or len(tokens) == 1:
            return answers
        middle = (len(unsure) + 1) // 2
        halves = [half for half in (unsure[:middle], unsure[middle:]) if half]
        return answers | await self._of_all(halves)

    async def _one(self, tokens: Sequence[str]) -> dict[str, Answer]:
        answers = await self._attempt(self.target, tokens)
        if CREDENTIALS_REFUSED in answers.values():
            renewed = await self.renewed(self.target)
            if not isinstance(renewed, Target):
                return dict.fromkeys(tokens, renewed)
            answers = await self._attempt(renewed, tokens)
        return answers

    async def _attempt(self, target: Target, tokens: Sequence[str]) -> dict[str, Answer]:
        got = await self.http.post(target, self.template.body(tokens))
        if isinstance(got, Fault):
            return dict.fromkeys(tokens, ANSWER_LOST if got.ambiguous else NOT_SENT)
        return reactions(got.status, got.body, tokens)
