"""Several payloads in one send: each address gets its own, and nobody another's."""

from collections.abc import Iterator, Sequence
from itertools import count

import httpx
import pytest

from local.emulators.apns.server import ServedApns
from local.emulators.background import ServedApp
from local.emulators.hms.server import app
from shared.domain.audience.device import AddressKind, PushAddress
from shared.domain.push.answers import Accepted
from shared.domain.push.rendering import Push
from tests.senders import apns_parts, hms_parts, parts

TITLES = ("Sale", "Ausverkauf")


names = (f"variant-{n}" for n in count())


@pytest.fixture(scope="module")
def apns(tmp_path_factory: pytest.TempPathFactory) -> Iterator[ServedApns]:
    with ServedApns(ca_file=tmp_path_factory.mktemp("apns") / "ca.pem") as served:
        yield served


@pytest.fixture(scope="module")
def hms() -> Iterator[str]:
    with ServedApp(app()) as served:
        yield served.url


def some_of_each(kind: AddressKind, number: int) -> tuple[list[Push], dict[str, str]]:
    """Build pairs that alternate between the variants, and the title each address is to get."""
    payloads = {title: parts.a_message(title=title).payload(kind) for title in TITLES}
    titles = {next(names): TITLES[n % 2] for n in range(number)}
    return [
        (PushAddress(kind, value, "production"), payloads[title]) for value, title in titles.items()
    ], titles


def accepted(answers: Sequence[object]) -> bool:
    return all(isinstance(answer, Accepted) for answer in answers)


def test_fcm_gets_each_addresss_own(fcm: str) -> None:
    pushes, titles = some_of_each(AddressKind.FCM, 20)
    with parts.Sending(fcm) as send:
        assert accepted(send.sender.send(pushes))
    for value, title in titles.items():
        (got,) = parts.received(fcm, value)
        assert got["message"]["notification"]["title"] == title


def test_apple_gets_each_addresss_own(apns: ServedApns) -> None:
    pushes, titles = some_of_each(AddressKind.APNS, 20)
    with apns_parts.Sending(apns) as send:
        assert accepted(send.sender.send(pushes))
    for value, title in titles.items():
        (got,) = apns_parts.received(apns, value)
        assert got["payload"]["aps"]["alert"]["title"] == title


def test_huawei_gets_one_request_for_each_variant(hms: str) -> None:
    pushes, titles = some_of_each(AddressKind.HMS, 20)
    before = hms_parts.summary(hms)["requests"]
    with hms_parts.HmsSending(hms) as send:
        assert accepted(send.sender.send(pushes))
    assert hms_parts.summary(hms)["requests"] - before == len(TITLES)
    for value, title in titles.items():
        answer = httpx.get(f"{hms}/received", params={"token": value, "limit": 10}, timeout=60)
        (got,) = answer.json()["received"]
        assert got["message"]["notification"]["title"] == title
