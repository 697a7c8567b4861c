"""The common parts of senders: a process's own connections, access and time.

A sender is shared by all threads of a process and survives a fork: the child finds no engine of its
own and starts one. Every send has a budget of time, so that a service that grew slow leaves room
for writing down what it did take.
"""

import asyncio
import logging
import math
import os
import threading
from collections.abc import Callable, Coroutine
from dataclasses import dataclass
from time import monotonic
from typing import Any, Generic, Protocol, TypeVar

from shared.adapters.push.pace import Pace, PushAccount
from shared.domain.push.answers import Answer
from shared.domain.push.pace import Window
from shared.domain.push.reactions import CREDENTIALS_REFUSED, CREDENTIALS_UNAVAILABLE
from shared.wire.http11 import HttpAnswer, Target
from shared.wire.loop import LoopThread
from shared.wire.tokens import AccessTokens, CredentialsRefused, CredentialsUnavailable

_SAID_BY_STATUS = frozenset({401, 408, 413, 429})

T = TypeVar("T")
_log = logging.getLogger(__name__)


class Closable(Protocol):
    """Client that an engine closes in the end."""

    async def close(self) -> None: ...


C = TypeVar("C", bound=Closable)


@dataclass(frozen=True, slots=True)
class Engine(Generic[C]):
    """Thread, connections and pace of one process."""

    thread: LoopThread
    client: C
    pace: Pace

    def run(self, coroutine: Coroutine[Any, Any, T]) -> T:
        """Run ``coroutine`` and return its result, or raise what it raised."""
        return self.thread.run(coroutine)


class Engines(Generic[C]):
    """The engines of this process and of those it was forked from; none is started before it is
    used.
    """

    def __init__(
        self, name: str, client: Callable[[], C], window: Window, account: PushAccount
    ) -> None:
        self._start: Callable[[], Engine[C]] = lambda: Engine(
            client=client(), pace=Pace(window, account=account), thread=LoopThread(name)
        )
        self._lock = threading.Lock()
        self._by_process: dict[int, Engine[C]] = {}

    def mine(self) -> Engine[C]:
        """Return this process's own engine; one inherited over a fork is neither used nor ended."""
        with self._lock:
            if (engine := self._by_process.get(os.getpid())) is None:
                engine = self._by_process[os.getpid()] = self._start()
            return engine

    def close(self) -> None:
        """Let go of connections and thread."""
        with self._lock:
            engine = self._by_process.pop(os.getpid(), None)
        if engine is not None:
            engine.run(engine.client.close())
            engine.thread.stop()


class Access:
    """Token and path for requests; the token is renewed once when it is refused."""

    def __init__(self, service: str, path: str, tokens: AccessTokens) -> None:
        self._service = service
        self._path = path
        self._tokens = tokens

    def target(self, refused: str = "") -> Target | Answer:
        """Return the path with a token, or the answer to give when there is none."""
        try:
            return self._under(self._tokens.current(refused))
        except CredentialsRefused as error:
            _log.error("%s: %s, %s", self._service, CREDENTIALS_REFUSED.code, error)
            return CREDENTIALS_REFUSED
        except CredentialsUnavailable:
            return CREDENTIALS_UNAVAILABLE

    async def renewed(self, refused: Target) -> Target | Answer:
        """Return the path with another token. The second caller with the same refused token gets
        the same result.
        """
        token = dict(refused.headers)["Authorization"].removeprefix("Bearer ")
        return await asyncio.to_thread(self.target, token)

    def _under(self, token: str) -> Target:
        return Target(
            self._path,
            (
                ("Authorization", f"Bearer {token}"),
                ("Content-Type", "application/json; charset=UTF-8"),
                ("User-Agent", "fanfare"),
            ),
        )


def words_are_lost(answer: HttpAnswer) -> bool:
    """Tell whether its words, which decide what it means, cannot be read."""
    return answer.unreadable and answer.status < 500 and answer.status not in _SAID_BY_STATUS


def deadline(within_seconds: float) -> float:
    """Return the moment after which no request is begun."""
    return math.inf if within_seconds == math.inf else monotonic() + within_seconds
