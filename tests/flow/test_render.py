"""One notification to many kinds of address: each service's payload is rendered once."""

from collections.abc import Sequence
from dataclasses import replace
from datetime import timedelta
from math import inf

import pytest

from shared.adapters.clock import FixedClock
from shared.adapters.memory.database import MemoryDatabase
from shared.adapters.memory.senders import MemorySenders
from shared.adapters.push.run_memory import ProcessRunMemory
from shared.domain.audience.device import AddressKind, PushAddress
from shared.domain.content.content import Content
from shared.domain.delivery.ledger import BatchId
from shared.domain.delivery.run import Run
from shared.domain.notifications.lifecycle import Status
from shared.domain.push.answers import Answer
from shared.domain.push.reactions import PAYLOAD_TOO_BIG
from shared.domain.push.rendering import Payload, Push
from shared.flow.delivery.pass_evidence import PassEvidence
from shared.flow.delivery.push_round import PushRound
from shared.flow.delivery.render import Renderer
from shared.stores.ledger import Ledger
from tests.builders import NOON, a_notification, a_target, ran
from tests.flow.push import texts

FCM, APNS, HMS = AddressKind.FCM, AddressKind.APNS, AddressKind.HMS
LONG = "https://example.com/" + "x" * 2000
TOO_LONG = Content(title="t", body="b", image=LONG, url=LONG)
ONLY_HUAWEI_REFUSES = Content(
    title="t", body="b" * 500, url="myapp://x/".ljust(1_300, "x") + '"' * 400
)


def addresses(*kinds: AddressKind) -> list[PushAddress]:
    return [PushAddress(kind, f"token-{n}") for n, kind in enumerate(kinds)]


def a_run() -> Run:
    return ran(a_notification(status=Status.SENDING))


def of(content: Content) -> Renderer:
    return Renderer(replace(a_run(), content=content))


def test_a_variant_is_rendered_once_for_all_its_addresses() -> None:
    rendered = Renderer(a_run()).payloads(addresses(FCM, APNS, FCM, HMS, APNS), NOON)
    first, apple, again, huawei, apple_again = rendered
    assert (again, apple_again) == (first, apple)
    assert len({first, apple, huawei}) == 3


def test_every_service_is_told_the_same_in_its_own_words() -> None:
    it = a_run()
    for payload in Renderer(it).payloads(addresses(FCM, APNS, HMS), NOON):
        assert isinstance(payload, Payload)
        assert payload.id == it.id
        assert texts(payload) == (it.content.title, it.content.body)


def test_what_is_too_big_for_one_service_is_rendered_for_the_others() -> None:
    fcm, apple, huawei = of(ONLY_HUAWEI_REFUSES).payloads(addresses(FCM, APNS, HMS), NOON)
    assert isinstance(fcm, Payload)
    assert isinstance(apple, Payload)
    assert huawei == PAYLOAD_TOO_BIG


class Untouched:
    """A push service that nobody must ask."""

    def send(self, pushes: Sequence[Push], within_seconds: float = inf) -> Sequence[Answer]:
        raise AssertionError("a request for what cannot be sent")


@pytest.mark.parametrize("kind", AddressKind)
def test_what_is_too_big_is_refused_without_a_request(
    kind: AddressKind, caplog: pytest.LogCaptureFixture
) -> None:
    clock, of_all = FixedClock(NOON), of(TOO_LONG)
    ledger = Ledger(MemoryDatabase())
    heard = PassEvidence(
        of_all.run.id, BatchId("b"), ProcessRunMemory(), ledger, clock, lambda _: {}
    )
    pushes = PushRound(of_all, MemorySenders({kind: Untouched()}), clock, heard)
    targets = {n: a_target(f"phone-{n}", address=it) for n, it in enumerate(addresses(kind, kind))}
    assert pushes.send(targets, NOON + timedelta(seconds=60)) == dict.fromkeys(
        targets, PAYLOAD_TOO_BIG
    )
    assert "payloadTooBig, notification n1, 2 addresses" in caplog.text
