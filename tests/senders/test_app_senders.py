"""The senders of many apps in one process: a sender each, so many at a time, none closed in use."""

import math
import os
import subprocess
import sys
import threading
from collections import Counter
from collections.abc import Callable, Collection, Iterator, Sequence
from concurrent.futures import ThreadPoolExecutor
from contextlib import contextmanager
from dataclasses import replace
from random import Random

import httpx
import pytest

from local.emulators.background import ServedApp
from local.emulators.hms.server import app as hms_app
from shared.adapters.push.app_senders import AppSenders, BuildSender, ServiceSender
from shared.adapters.push.fcm import FcmSender
from shared.adapters.push.hms import HmsSender
from shared.adapters.push.pace import PushAccount
from shared.domain.audience.device import AddressKind, AppId, AppService
from shared.domain.push.answers import Accepted, Answer
from shared.domain.push.pace import SEVERAL, Window
from shared.domain.push.reactions import CREDENTIALS_REFUSED, NO_TURN, SENDER_FAILED
from shared.domain.push.rendering import Push
from shared.ports import Sender
from shared.wire.tokens import CredentialsRefused
from tests.senders import hms_parts
from tests.senders.parts import (
    FixedTokens,
    Misbehaving,
    a_message,
    addresses,
    answer,
    codes,
    pushes,
)
from tests.senders.test_slow_down import OK, http

FCM, HMS = AddressKind.FCM, AddressKind.HMS
ONE_PUSH = pushes(a_message(), addresses("a"))
SECONDS = 30
"""How long a test waits for what must happen; far more than it takes."""


class Recorder:
    """Builds senders that count themselves, and takes note of what becomes of each."""

    def __init__(self) -> None:
        self.lock = threading.Lock()
        self.built: list[AppService] = []
        self.closed: list[AppService] = []
        self.most_open = 0
        self.during: Callable[[AppService], object] = lambda _: None
        self.broken: set[AppService] = set()
        self.now = 0.0

    def senders(self, most: int = 16, idle_seconds: float = math.inf) -> AppSenders:
        return AppSenders(self.find, most=most, idle_seconds=idle_seconds, clock=lambda: self.now)

    def find(self, service: AppService) -> BuildSender | None:
        return None if service.app == "unknown" else lambda _: self.build(service)

    def build(self, service: AppService) -> "Open":
        if service in self.broken:
            raise OSError
        with self.lock:
            self.built.append(service)
            self.most_open = max(self.most_open, len(self.built) - len(self.closed))
        return Open(self, service)

    @property
    def open(self) -> set[AppService]:
        left = Counter(self.built)
        left.subtract(self.closed)
        assert set(left.values()) <= {0, 1}, "a sender was closed that was not open, or built twice"
        return {service for service, times in left.items() if times}


class Open:
    """A sender that must not be closed while it sends, nor send when it is closed."""

    def __init__(self, recorder: Recorder, service: AppService) -> None:
        self.recorder = recorder
        self.service = service
        self.is_open = True
        self.under_way = 0

    def send(self, pushes: Sequence[Push], within_seconds: float = math.inf) -> Sequence[Answer]:
        with self.recorder.lock:
            assert self.is_open
            self.under_way += 1
        self.recorder.during(self.service)
        with self.recorder.lock:
            assert self.is_open
            self.under_way -= 1
        return [Accepted(f"{self.service.app} {self.service.kind}")] * len(pushes)

    def close(self) -> None:
        with self.recorder.lock:
            assert self.is_open
            assert not self.under_way
            self.is_open = False
            self.recorder.closed.append(self.service)


def at(app: str, kind: AddressKind = FCM) -> AppService:
    return AppService(AppId(app), kind)


def use(senders: AppSenders, app: str, kind: AddressKind = FCM) -> Answer:
    sender = senders.of(AppId(app), kind)
    assert sender
    (answer,) = sender.send(ONE_PUSH)
    return answer


def test_nothing_is_built_before_the_first_push() -> None:
    recorder = Recorder()
    assert recorder.senders().of(AppId("a"), FCM)
    assert recorder.built == []


def test_an_app_without_credentials_has_no_sender() -> None:
    assert Recorder().senders().of(AppId("unknown"), FCM) is None


def test_each_app_has_a_sender_of_its_own_at_each_push_service() -> None:
    recorder = Recorder()
    senders = recorder.senders()
    every = [(app, kind) for app in "abc" for kind in AddressKind]
    for _ in range(2):
        answers = [use(senders, app, kind) for app, kind in every]
        assert answers == [Accepted(f"{app} {kind}") for app, kind in every]
    assert recorder.built == [at(app, kind) for app, kind in every]


def test_many_threads_that_ask_at_once_get_one_sender() -> None:
    recorder, together = Recorder(), threading.Barrier(16)
    senders = recorder.senders()

    def work() -> Answer:
        together.wait(SECONDS)
        return use(senders, "a")

    with ThreadPoolExecutor(16) as pool:
        answers = [it.result() for it in [pool.submit(work) for _ in range(16)]]
    assert answers == [Accepted("a fcm")] * 16
    assert recorder.built == [at("a")]


def test_the_one_used_the_longest_time_ago_makes_room_and_is_built_again() -> None:
    recorder = Recorder()
    senders = recorder.senders(most=2)
    for app in ("a", "b", "a", "c"):
        use(senders, app)
    assert recorder.closed == [at("b")]
    use(senders, "b")
    assert recorder.open == {at("c"), at("b")}
    assert recorder.most_open == 2


def test_one_with_pushes_under_way_is_not_closed_for_another() -> None:
    recorder, began, over = Recorder(), threading.Event(), threading.Event()
    senders = recorder.senders(most=2)

    def slowly(service: AppService) -> None:
        if service == at("slow"):
            began.set()
            over.wait(SECONDS)

    recorder.during = slowly
    with ThreadPoolExecutor(1) as pool:
        slow = pool.submit(use, senders, "slow")
        assert began.wait(SECONDS)
        for app in "abc":
            use(senders, app)
        assert at("slow") in recorder.open
        over.set()
        assert slow.result() == Accepted("slow fcm")
    assert recorder.closed == [at("a"), at("b")]


def test_where_all_are_at_work_a_push_waits_for_its_time_and_is_for_later() -> None:
    recorder, began, over = Recorder(), threading.Event(), threading.Event()
    senders = recorder.senders(most=1)

    def slowly(service: AppService) -> None:
        if service == at("slow"):
            began.set()
            over.wait(SECONDS)

    recorder.during = slowly
    other = senders.of(AppId("other"), FCM)
    assert other
    with ThreadPoolExecutor(2) as pool:
        slow = pool.submit(use, senders, "slow")
        assert began.wait(SECONDS)
        assert other.send(ONE_PUSH, 0.0) == [NO_TURN]
        waiting = pool.submit(other.send, ONE_PUSH)
        over.set()
        assert waiting.result(SECONDS) == [Accepted("other fcm")]
        assert slow.result() == Accepted("slow fcm")
    assert recorder.open == {at("other")}
    assert recorder.most_open == 1


def test_one_that_nobody_used_for_a_while_is_closed_when_another_is_used() -> None:
    recorder = Recorder()
    senders = recorder.senders(idle_seconds=600)
    use(senders, "a")
    recorder.now = 500
    use(senders, "b")
    recorder.now = 601
    use(senders, "c")
    assert recorder.closed == [at("a")]
    recorder.now = 1400
    use(senders, "b")
    assert recorder.closed == [at("a"), at("c")]
    assert recorder.built == [at("a"), at("b"), at("c")]


def test_one_that_cannot_be_built_answers_for_its_own_addresses_and_takes_no_room() -> None:
    recorder = Recorder()
    senders = recorder.senders(most=1)
    recorder.broken = {at("a")}
    use(senders, "b")
    for _ in range(3):
        assert use(senders, "a") == SENDER_FAILED
    assert use(senders, "b") == Accepted("b fcm")
    recorder.broken.clear()
    assert use(senders, "a") == Accepted("a fcm")
    assert recorder.open == {at("a")}


def test_credentials_that_cannot_be_looked_up_are_one_apps_and_looked_up_again(
    caplog: pytest.LogCaptureFixture,
) -> None:
    away, said, recorder = {at("a")}, "the app's own words", Recorder()

    def find(service: AppService) -> BuildSender | None:
        if service in away:
            raise ConnectionError(said)
        return recorder.find(service)

    senders = AppSenders(find)
    assert use(senders, "a") == SENDER_FAILED
    assert use(senders, "b") == Accepted("b fcm")
    away.clear()
    assert use(senders, "a") == Accepted("a fcm")
    assert "app a, FCM: the credentials broke: ConnectionError" in caplog.text
    assert said not in caplog.text


def test_closing_that_fails_costs_nobody_anything(caplog: pytest.LogCaptureFixture) -> None:
    class Stuck(Open):
        def close(self) -> None:
            raise OSError

    recorder = Recorder()
    senders = AppSenders(lambda it: lambda _: Stuck(recorder, it), most=1)
    assert [use(senders, app) for app in "ab"] == [Accepted("a fcm"), Accepted("b fcm")]
    assert "closing a sender broke: OSError" in caplog.text


@pytest.mark.parametrize("seed", range(5))
def test_more_apps_than_there_is_room_for_from_many_threads(seed: int) -> None:
    recorder = Recorder()
    senders = recorder.senders(most=8)
    recorder.during = lambda _: threading.Event().wait(0)

    def work(number: int) -> None:
        chance = Random(f"{seed}-{number}")
        for _ in range(60):
            app, kind = chance.choice("abcdefgh"), chance.choice(list(AddressKind))
            assert use(senders, app, kind) == Accepted(f"{app} {kind}")

    with ThreadPoolExecutor(8) as pool:
        for done in [pool.submit(work, number) for number in range(8)]:
            done.result()
    assert len(recorder.open) <= 8


# ---- over the wire ---------------------------------------------------------------------------


@pytest.fixture(scope="module")
def hms() -> Iterator[str]:
    with ServedApp(hms_app()) as served:
        yield served.url


class Wire:
    """Senders of apps to stand-ins: an FCM project and a Huawei app each, named like the app."""

    def __init__(self, fcm: str = "", hms: str = "", **own: str) -> None:
        self.urls = {FCM: fcm, HMS: hms}
        self.own = own
        self.refused: set[AppService] = set()
        self.senders: list[ServiceSender] = []
        self.window = Window(10)

    def find(self, service: AppService) -> BuildSender:
        return lambda account: self.build(service, account)

    def build(self, service: AppService, account: PushAccount) -> ServiceSender:
        url = self.own.get(service.app, self.urls[service.kind])
        refused = CredentialsRefused("invalid_grant")
        tokens = FixedTokens(refused) if service in self.refused else FixedTokens(service.app)
        if service.kind is FCM:
            sender: ServiceSender = FcmSender(
                service.app, tokens, url, window=self.window, account=account
            )
        else:
            path = f"/v1/{service.app}/messages:send"
            sender = HmsSender(path, tokens, url, account=account)
        self.senders.append(sender)
        return sender


@contextmanager
def over(wire: Wire, most: int = 16) -> Iterator[AppSenders]:
    """Close everything in the end."""
    try:
        yield AppSenders(wire.find, most=most)
    finally:
        for sender in wire.senders:
            sender.close()


def sender_of(senders: AppSenders, app: str, kind: AddressKind = FCM) -> Sender:
    sender = senders.of(AppId(app), kind)
    assert sender
    return sender


def threads(before: Collection[threading.Thread]) -> int:
    """Count the senders' threads that there are more than before."""
    return sum(it.name in {"fcm", "hms"} and it not in before for it in threading.enumerate())


def to(service: AppService, *values: str) -> list[Push]:
    known = addresses(*values) if service.kind is FCM else hms_parts.addresses(*values)
    return pushes(a_message(), [replace(it, app=service.app) for it in known])


def test_two_apps_at_two_push_services_side_by_side_never_mix_their_credentials(
    fcm: str, hms: str
) -> None:
    wire, before = Wire(fcm, hms), threading.enumerate()
    services = [at(app, kind) for app in ("one", "two") for kind in (FCM, HMS)]

    def work(number: int) -> None:
        service = services[number % 4]
        values = [f"mixed-{service.app}-{service.kind}-{number}-{n}" for n in range(20)]
        sender = sender_of(senders, service.app, service.kind)
        assert codes(sender.send(to(service, *values))) == ["accepted"] * 20

    with over(wire, most=2) as senders, ThreadPoolExecutor(6) as pool:
        for done in [pool.submit(work, number) for number in range(40)]:
            done.result()
        assert threads(before) <= 2
    for kind, url in wire.urls.items():
        entries = httpx.get(f"{url}/received", params={"limit": 10_000}, timeout=60).json()[
            "received"
        ]
        ours = [it for it in entries if it["token"].startswith("mixed-")]
        assert Counter(it["token"].split("-")[1] for it in ours) == {"one": 200, "two": 200}
        assert {it["token"].split("-")[1:3] == [it["project"], kind] for it in ours} == {True}
    assert threads(before) == 0


def test_credentials_of_one_app_that_are_refused_leave_the_other_its_own(
    fcm: str, caplog: pytest.LogCaptureFixture
) -> None:
    wire = Wire(fcm)
    wire.refused = {at("one")}
    with over(wire) as senders:
        refused = sender_of(senders, "one").send(to(at("one"), "refused-1"))
        taken = sender_of(senders, "two").send(to(at("two"), "refused-2"))
    assert refused == [CREDENTIALS_REFUSED]
    assert codes(taken) == ["accepted"]
    assert "app one, FCM: credentialsRefused, invalid_grant" in caplog.text


def test_an_app_that_is_to_slow_down_slows_no_other_and_is_left_alone_when_built_again() -> None:
    busy = [answer(http(429, "Retry-After: 30"))] * SEVERAL
    with Misbehaving(*busy, answer(OK)) as one, Misbehaving(answer(OK)) as two:
        wire = Wire(one=one.url, two=two.url)
        wire.window = Window(1, floor=1, ceiling=1)
        with over(wire, most=1) as senders:
            several = [f"t{n}" for n in range(SEVERAL)]
            slowed = sender_of(senders, "one").send(to(at("one"), *several))
            taken = sender_of(senders, "two").send(to(at("two"), "a", "b"))
            again = sender_of(senders, "one").send(to(at("one"), "c"))
        assert len(wire.senders) == 3
        assert len(one.requests) == SEVERAL
    assert codes(slowed) == ["quotaExceeded"] * SEVERAL
    assert codes(taken) == ["accepted"] * 2
    assert codes(again) == ["noTurn"]


def test_no_more_threads_are_there_than_senders_fit(fcm: str) -> None:
    wire, before = Wire(fcm), threading.enumerate()
    with over(wire, most=3) as senders:
        for number in range(12):
            service = at(f"app-{number}")
            sender = sender_of(senders, service.app)
            assert codes(sender.send(to(service, f"threads-{number}"))) == ["accepted"]
            assert threads(before) == min(number + 1, 3)
    assert len(wire.senders) == 12


FORKING = """
import os, sys, threading
from shared.adapters.push.app_senders import AppSenders
from tests.senders.test_app_senders import Recorder, use

recorder, began, over = Recorder(), threading.Event(), threading.Event()
senders = recorder.senders(most=1)
recorder.during = lambda it: (began.set(), over.wait(30)) if it.app == "slow" else None
pushing = threading.Thread(target=use, args=(senders, "slow"))
pushing.start()
assert began.wait(30)
if (child := os.fork()) == 0:
    os._exit(0 if use(senders, "b").receipt == "b fcm" else 1)
assert os.waitstatus_to_exitcode(os.waitpid(child, 0)[1]) == 0
over.set()
pushing.join()
"""


def test_a_forked_worker_does_not_wait_for_its_parents_pushes() -> None:
    ran = subprocess.run(
        [sys.executable, "-W", "ignore", "-c", FORKING],
        capture_output=True,
        timeout=60,
        check=False,
        env={**os.environ, "PYTHONPATH": os.pathsep.join(sys.path)},
    )
    assert ran.returncode == 0, ran.stderr.decode()
