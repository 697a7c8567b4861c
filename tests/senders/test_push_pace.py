"""One app's pace in one process: turns, waits, and the time a send may take."""

import asyncio
import math
from collections.abc import Awaitable, Callable
from dataclasses import replace

import pytest

from shared.adapters.push.pace import Pace, at_pace
from shared.domain.audience.device import PushAddress
from shared.domain.push.answers import Accepted, Answer, RetryLater
from shared.domain.push.pace import SEVERAL, Window
from shared.domain.push.reactions import MAY_HAVE_SENT
from shared.domain.push.rendering import Push
from tests.senders.parts import a_message, addresses, pushes

NO_TURN = RetryLater("noTurn", tried=False)
QUOTA = RetryLater("quotaExceeded", 60.0, of_app=True)
LONE = RetryLater("quotaExceeded", 60.0)
Attempt = Callable[[PushAddress], Awaitable[Answer]]


def numbered(count: int) -> list[Push]:
    """Build one payload to different addresses."""
    return pushes(a_message(), addresses(*map(str, range(count))))


class Service:
    """Answers as told, one after the other; knows who asked, and how many at once."""

    def __init__(self, *answers: Answer) -> None:
        self.answers = list(answers)
        self.requests: list[int] = []
        self.now = 0.0
        self.seconds = 0.0
        self.under_way = self.most = 0

    async def attempt(self, push: Push) -> Answer:
        address, _ = push
        self.requests.append(int(address.value))
        self.under_way += 1
        self.most = max(self.most, self.under_way)
        await asyncio.sleep(0)
        self.now += self.seconds
        self.under_way -= 1
        return self.answers.pop(0) if self.answers else Accepted()

    def pace(self, allowed: float, ceiling: float = 100) -> Pace:
        return Pace(Window(allowed, 1, ceiling), lambda: self.now)

    async def send(
        self, pace: Pace, count: int, *, most_at_once: int = 50, until: float = math.inf
    ) -> list[Answer]:
        return await at_pace(
            numbered(count), self.attempt, pace, most_at_once=most_at_once, until=until
        )


def no_turn_for(seconds: float) -> RetryLater:
    return RetryLater("noTurn", seconds, tried=False)


def run(work: Awaitable[list[Answer]]) -> list[Answer]:
    async def main() -> list[Answer]:
        return await asyncio.wait_for(work, 10)

    return asyncio.run(main())


def test_answers_come_in_the_order_of_the_items() -> None:
    service = Service()

    async def attempt(push: Push) -> Answer:
        address, _ = push
        for _ in range(int(address.value) % 7):
            await asyncio.sleep(0)
        return Accepted(address.value)

    work = at_pace(numbered(200), attempt, service.pace(20), most_at_once=50, until=math.inf)
    assert run(work) == [Accepted(str(n)) for n in range(200)]


def test_no_more_are_under_way_than_the_window_allows() -> None:
    service = Service()
    pace = service.pace(4, ceiling=4)
    assert run(service.send(pace, 100)) == [Accepted()] * 100
    assert service.most == 4


def test_no_more_of_one_send_are_under_way_than_it_may_have() -> None:
    service = Service()
    run(service.send(service.pace(100), 100, most_at_once=7))
    assert service.most == 7


def test_all_sends_of_an_app_share_its_window() -> None:
    service = Service()
    pace = service.pace(4, ceiling=4)

    async def both() -> list[Answer]:
        first, second = await asyncio.gather(service.send(pace, 60), service.send(pace, 60))
        return first + second

    assert run(both()) == [Accepted()] * 120
    assert service.most == 4


def test_prompt_answers_open_the_window() -> None:
    service = Service()
    run(service.send(service.pace(2), 200))
    assert service.most == 50


def test_refusals_close_the_window_to_one_at_a_time_but_never_altogether() -> None:
    service = Service(*[RetryLater("unavailable")] * 500)
    pace = service.pace(16)
    run(service.send(pace, 300))
    service.most = 0
    assert len(run(service.send(pace, 50))) == 50
    assert service.most == 1


def test_one_that_asks_the_app_to_wait_ends_the_send_for_all_that_were_not_begun() -> None:
    service = Service(Accepted(), QUOTA)
    answers = run(service.send(service.pace(1, ceiling=1), 10))
    assert answers == [Accepted(), QUOTA] + [no_turn_for(60.0)] * 8
    assert service.requests == [0, 1]


def test_while_the_app_waits_nobody_asks_and_the_rest_of_the_wait_is_told() -> None:
    service = Service(QUOTA)
    pace = service.pace(10)
    run(service.send(pace, 1))
    service.now = 45.0
    assert run(service.send(pace, 3)) == [no_turn_for(15.0)] * 3
    assert service.requests == [0]
    service.now = 60.0
    assert run(service.send(pace, 3)) == [Accepted()] * 3


def test_a_shorter_wait_does_not_cut_a_longer_one_short() -> None:
    service = Service(QUOTA, replace(QUOTA, retry_after_seconds=5.0))
    pace = service.pace(2, ceiling=2)
    run(service.send(pace, 2))
    service.now = 30.0
    assert run(service.send(pace, 1)) == [no_turn_for(30.0)]


@pytest.mark.parametrize(
    "answer",
    [
        LONE,
        RetryLater("deviceBusy", 60.0),
        RetryLater("unavailable"),
        RetryLater("unavailable", 7.0),
        RetryLater("unavailable", 30.0, ambiguous=True),
    ],
)
def test_what_is_not_the_services_own_word_stops_nobody(answer: Answer) -> None:
    service = Service(answer)
    answers = run(service.send(service.pace(1), 5))
    assert answers == [answer] + [Accepted()] * 4


@pytest.mark.parametrize("answer", [LONE, RetryLater("unavailable", 60.0)])
def test_several_addresses_within_ten_seconds_speak_for_the_app(answer: Answer) -> None:
    service = Service(*[answer] * SEVERAL)
    service.seconds = 2.0
    answers = run(service.send(service.pace(1, ceiling=1), 9))
    assert answers[:SEVERAL] == [answer] * SEVERAL
    assert answers[SEVERAL:] == [no_turn_for(60.0)] * (9 - SEVERAL)


@pytest.mark.parametrize("seconds", [2.5, 60.0])
def test_several_addresses_over_a_longer_time_do_not(seconds: float) -> None:
    service = Service(*[LONE] * 9)
    service.seconds = seconds
    assert run(service.send(service.pace(1, ceiling=1), 9)) == [LONE] * 9


def test_one_address_however_often_does_not() -> None:
    service, pace = Service(*[LONE] * 40), Service().pace(1)
    for _ in range(40):
        assert run(service.send(pace, 1)) == [LONE]
    assert run(service.send(pace, 3)) == [Accepted()] * 3


def test_after_its_time_nothing_is_begun() -> None:
    service = Service()
    service.seconds = 1.0
    answers = run(service.send(service.pace(1, ceiling=1), 10, until=3.0))
    assert answers == [Accepted()] * 3 + [NO_TURN] * 7
    assert service.requests == [0, 1, 2]


def test_without_any_time_nothing_is_sent() -> None:
    service = Service()
    assert run(service.send(service.pace(5), 3, until=0.0)) == [NO_TURN] * 3
    assert service.requests == []


def test_one_that_waits_for_its_turn_gives_up_in_time_and_loses_nobodys_turn() -> None:
    """Real time: the first holds the only turn until the second has given up waiting."""
    pace = Pace(Window(1, floor=1, ceiling=1))
    gave_up = asyncio.Event()

    async def hold(_: Push) -> Answer:
        await gave_up.wait()
        return Accepted("first")

    async def quick(_: Push) -> Answer:
        return Accepted("third")

    async def sends() -> list[Answer]:
        first = asyncio.create_task(
            at_pace(numbered(1), hold, pace, most_at_once=1, until=math.inf)
        )
        await asyncio.sleep(0)
        third = asyncio.create_task(
            at_pace(numbered(1), quick, pace, most_at_once=1, until=math.inf)
        )
        soon = pace.clock() + 0.01
        second = await at_pace(numbered(1), quick, pace, most_at_once=1, until=soon)
        gave_up.set()
        return [*await first, *second, *await third]

    assert run(sends()) == [Accepted("first"), NO_TURN, Accepted("third")]


def test_an_attempt_that_fails_by_our_own_fault_gives_its_turn_back() -> None:
    pace = Pace(Window(1, floor=1, ceiling=1))

    async def broken(_: Push) -> Answer:
        raise RuntimeError("a bug")

    async def sends() -> list[Answer]:
        first = await at_pace(numbered(1), broken, pace, most_at_once=1, until=math.inf)
        return [*first, *await Service().send(pace, 2)]

    assert run(sends()) == [MAY_HAVE_SENT, Accepted(), Accepted()]
