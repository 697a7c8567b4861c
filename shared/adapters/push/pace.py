"""One app's pace in this process: turns under an adaptive limit, and none at all while it waits.

All batches that this process sends for an app share it, so that a wait that one of them is answered
slows the others too. It is used in the app's own loop only and needs no lock.
"""

import asyncio
import math
from collections import deque
from collections.abc import Awaitable, Callable, Sequence
from dataclasses import dataclass, replace
from time import monotonic

from shared.adapters.push.defects import log_defect
from shared.domain.audience.device import DEFAULT_APP, AppId, PushAddress, of_app
from shared.domain.push.answers import Answer, RetryLater
from shared.domain.push.pace import (
    ThrottledAddresses,
    Window,
    perhaps_the_app,
    too_much,
    whole_app_waits,
)
from shared.domain.push.reactions import MAY_HAVE_SENT, NO_TURN, NOT_SENT
from shared.domain.push.rendering import Push


@dataclass(slots=True)
class PushAccount:
    """An app's account with a push service, as far as it outlives a sender that is closed: whose it
    is, and until when the service wants it left alone.
    """

    app: AppId = DEFAULT_APP
    closed_until: float = -math.inf

    def called(self, service: str) -> str:
        """Name the push service for the log, and the app unless it is the default one."""
        return of_app(self.app, service)


class Pace:
    """Turns for pushes, in order. Every ``admit`` that returns ``None`` is followed by one
    ``settle``.
    """

    def __init__(
        self,
        window: Window,
        clock: Callable[[], float] = monotonic,
        account: PushAccount | None = None,
    ) -> None:
        self.clock = clock
        self._account = account or PushAccount()
        self._window = window
        self._allowed = _whole(window)
        self._under_way = 0
        self._waiters: deque[asyncio.Future[None]] = deque()
        self._throttled = ThrottledAddresses()

    async def admit(self, until: float) -> RetryLater | None:
        """Wait for a turn; return ``None``, or the answer to give if none came before ``until``."""
        while True:
            now = self.clock()
            if now < self._account.closed_until:
                rest = self._account.closed_until - now
                return self._instead(replace(NO_TURN, retry_after_seconds=rest))
            if now >= until:
                return self._instead(NO_TURN)
            if self._under_way < self._allowed:
                self._under_way += 1
                return None
            await self._turn(until - now)

    def settle(self, began: float, answer: Answer, address: str) -> None:
        """End a turn: learn from its answer, and admit the next ones."""
        now, later = self.clock(), isinstance(answer, RetryLater)
        several = isinstance(answer, RetryLater) and self._are_several(answer, address, now)
        window = self._window.after(
            now - began,
            too_much=later and too_much(answer, several=several),
            under_way=self._under_way,
        )
        if window is not self._window:
            self._window, self._allowed = window, _whole(window)
        self._under_way -= 1
        if later:
            self._wait_if_asked(answer, now, several=several)
        if self._waiters:
            self._wake(self._allowed - self._under_way)

    def _are_several(self, answer: RetryLater, address: str, now: float) -> bool:
        if not perhaps_the_app(answer):
            return False
        self._throttled = self._throttled.after(address, now)
        return self._throttled.several

    def _wait_if_asked(self, answer: Answer, now: float, *, several: bool) -> None:
        seconds = whole_app_waits(answer, several=several)
        if seconds and now + seconds > self._account.closed_until:
            self._account.closed_until = now + seconds
            self._wake(len(self._waiters))

    def _instead(self, answer: RetryLater) -> RetryLater:
        """Pass on a turn that may have fallen to a push that can no longer take it."""
        self._wake(1)
        return answer

    async def _turn(self, seconds: float) -> None:
        turn: asyncio.Future[None] = asyncio.get_running_loop().create_future()
        self._waiters.append(turn)
        try:
            async with asyncio.timeout(None if seconds == math.inf else seconds):
                await turn
        except TimeoutError:
            return
        finally:
            if turn in self._waiters:
                self._waiters.remove(turn)

    def _wake(self, most: int) -> None:
        while most > 0 and self._waiters:
            turn = self._waiters.popleft()
            if not turn.done():
                turn.set_result(None)
                most -= 1


def _whole(window: Window) -> int:
    return max(1, int(window.allowed))


async def at_pace(
    pushes: Sequence[Push],
    attempt: Callable[[Push], Awaitable[Answer]],
    pace: Pace,
    *,
    most_at_once: int,
    until: float,
    hopeless: Callable[[PushAddress], Answer | None] = lambda _: None,
) -> list[Answer]:
    """Make one attempt at each push, as many side by side as the app takes; answers in order.

    Pushes that do not get their turn before ``until`` were not sent. The answer for a ``hopeless``
    address is known without a request.
    """
    answers: list[Answer] = [NOT_SENT] * len(pushes)
    todo = iter(enumerate(pushes))
    defects: list[Exception] = []

    async def work() -> None:
        for position, push in todo:
            address = push[0]
            if (instead := hopeless(address) or await pace.admit(until)) is not None:
                answers[position] = instead
                continue
            began = pace.clock()
            try:
                answers[position] = await attempt(push)
            except Exception as broken:  # noqa: BLE001 - one that breaks costs only itself
                answers[position] = MAY_HAVE_SENT
                defects.append(broken)
            finally:
                pace.settle(began, answers[position], address.value)

    # One after the other: gathering them would call back for each.
    for working in [asyncio.create_task(work()) for _ in pushes[:most_at_once]]:
        await working
    if defects:
        log_defect(f"{len(defects)} of {len(pushes)} pushes", defects[0])
    return answers
