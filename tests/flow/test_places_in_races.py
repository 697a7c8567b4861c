"""Requests for one draft at the same moment: whoever wins has a place, and nobody has two."""

from collections.abc import Callable, Iterator, Sequence
from concurrent.futures import ThreadPoolExecutor
from functools import partial
from typing import Any

import pytest

from shared.adapters.clock import FixedClock
from shared.adapters.memory.database import MemoryDatabase
from shared.adapters.rates import ProcessRates
from shared.domain.content.content import Content
from shared.domain.errors import Refusal, TooMany, TryAgain
from shared.domain.findings.link_ends import Inspection
from shared.domain.notifications.lifecycle import Status
from shared.domain.notifications.notification import Notification, NotificationId
from shared.domain.providers.provider import Domain, Limit
from shared.flow.notifications.create import submit
from shared.flow.notifications.submission import Checks
from shared.stores.audience import Audience
from shared.stores.notifications import Notifications
from shared.stores.usage import Usage
from tests.builders import NOON, PROVIDER, a_domain, a_notification, a_provider
from tests.flow.stage import QuietReads, Stage, orders
from tests.needs import only
from tests.parts import providers_of

ID = NotificationId("n1")
CLOCK = FixedClock(NOON)
AUDIENCE = Audience(MemoryDatabase())
DAY = ("p1", Limit.SUBMISSIONS_PER_DAY, "2026-01-01")
STEPS = 5
"""A place in the queue, one in the day, and the three of a change."""


class SteppingUsage:
    """Usage whose every write waits for its turn."""

    def __init__(self, usage: Usage, stage: Stage) -> None:
        self._usage = usage
        self._stage = stage

    def take(self, *args: Any, **named: Any) -> bool:
        self._stage.step()
        return self._usage.take(*args, **named)

    def give_back(self, *args: Any, **named: Any) -> None:
        self._stage.step()
        self._usage.give_back(*args, **named)

    def __getattr__(self, verb: str) -> Any:
        return getattr(self._usage, verb)


def nothing_found(content: Content, domains: Sequence[Domain]) -> Inspection:
    del content, domains
    return Inspection()


def away(content: Content, domains: Sequence[Domain]) -> Inspection:
    raise TryAgain("the store cannot be read right now")


def submitting(
    notifications: Any, usage: Any, inspect: Callable[..., Inspection], id: NotificationId
) -> Notification:
    limits = ((str(Limit.SUBMISSIONS_PER_DAY), 1),)
    return submit(
        id,
        provider_id="p1",
        checks=Checks(inspect, AUDIENCE, usage, ProcessRates(CLOCK)),
        deliver_now=lambda _: None,
        needs=only(
            notifications=notifications,
            providers=providers_of(MemoryDatabase(), a_provider(limits=limits), a_domain()),
            clock=CLOCK,
        ),
    )


@pytest.fixture(scope="module")
def actors() -> Iterator[ThreadPoolExecutor]:
    with ThreadPoolExecutor(max_workers=2) as pool:
        yield pool


@pytest.mark.parametrize("rivals_look", [nothing_found, away])
def test_a_request_that_loses_leaves_the_winner_its_place_in_every_order(
    rivals_look: Callable[..., Inspection], actors: ThreadPoolExecutor
) -> None:
    for order in orders({"0": STEPS, "1": STEPS}):
        stage, database = Stage(order), MemoryDatabase()
        notifications, usage = Notifications(database), Usage(database)
        for id in (ID, NotificationId("n2")):
            draft = a_notification(id, status=None).save_draft(PROVIDER, NOON)
            notifications.create(draft)
        seen, taken = QuietReads(notifications, stage), SteppingUsage(usage, stage)
        deeds = {
            "0": partial(submitting, seen, taken, nothing_found, ID),
            "1": partial(submitting, seen, taken, rivals_look, ID),
        }
        ends = list(stage.play(deeds, actors).values())
        assert sum(isinstance(end, Notification) for end in ends) == 1
        assert any(isinstance(end, Refusal | TryAgain) for end in ends)
        assert notifications.get(ID).status is Status.PENDING
        assert usage.places(*DAY) == [ID]
        with pytest.raises(TooMany):
            submitting(notifications, usage, nothing_found, NotificationId("n2"))
