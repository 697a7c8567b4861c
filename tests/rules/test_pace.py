"""How many requests at a time, learnt from the answers."""

from collections.abc import Iterable

import pytest
from hypothesis import given
from hypothesis import strategies as st

from shared.domain.push.answers import (
    Accepted,
    AddressGone,
    Answer,
    Misconfigured,
    Rejected,
    RetryLater,
)
from shared.domain.push.pace import (
    SEVERAL,
    TOGETHER_SECONDS,
    ThrottledAddresses,
    Window,
    too_much,
    whole_app_waits,
)

windows = st.builds(
    Window,
    allowed=st.floats(2, 40),
    floor=st.just(2.0),
    ceiling=st.just(40.0),
    usual_seconds=st.floats(0, 10),
    steep=st.booleans(),
    settling=st.integers(0, 40),
)
answers = st.lists(st.tuples(st.floats(0, 60), st.booleans()), max_size=200)


def after(window: Window, answers: Iterable[tuple[float, bool]]) -> Window:
    for seconds, refused in answers:
        window = window.after(seconds, too_much=refused)
    return window


def healthy(window: Window, count: int, seconds: float = 0.1) -> Window:
    return after(window, [(seconds, False)] * count)


@given(windows, answers)
def test_it_stays_between_its_bounds_whatever_happens(
    window: Window, history: list[tuple[float, bool]]
) -> None:
    assert 2 <= after(window, history).allowed <= 40


@given(windows)
def test_a_refusal_halves_it(window: Window) -> None:
    settled = healthy(window, 40)
    halved = settled.after(0.1, too_much=True)
    assert halved.allowed == max(2, settled.allowed / 2)


@given(windows, st.integers(1, 40))
def test_the_refusals_of_one_round_halve_it_once(window: Window, refusals: int) -> None:
    settled = healthy(window, 40)
    refusals = min(refusals, int(settled.allowed))
    once = settled.after(0.1, too_much=True)
    assert after(settled, [(0.1, True)] * refusals).allowed == once.allowed


@given(windows)
def test_refusals_without_end_bring_it_to_its_floor(window: Window) -> None:
    assert after(window, [(0.1, True)] * 400).allowed == 2


@given(windows, answers)
def test_it_recovers_from_anything(window: Window, history: list[tuple[float, bool]]) -> None:
    assert healthy(after(window, history), 2000).allowed == 40


@given(windows, st.lists(st.floats(0.5, 1.5), min_size=1, max_size=300), st.floats(0.01, 20))
def test_noise_alone_never_shrinks_it(
    window: Window, noise: list[float], usual_seconds: float
) -> None:
    known = Window(window.allowed, 2, 40, usual_seconds, window.steep)
    for factor in noise:
        grown = known.after(factor * usual_seconds)
        assert grown.allowed >= known.allowed
        known = grown


def test_one_slow_answer_among_many_does_little() -> None:
    seen = ([(0.1, False)] * 99 + [(5.0, False)]) * 20
    assert after(Window(40, 1, 80), seen).allowed > 40


def test_answers_that_grow_slow_shrink_it_by_a_tenth_a_round() -> None:
    window = healthy(Window(40, 1, 40), 400)
    slower = after(window, [(5.0, False)] * 40)
    assert slower.allowed == pytest.approx(36)


def test_a_service_that_always_takes_its_time_is_not_slow() -> None:
    window = after(Window(10, 1, 40), [(5.0, False)] * 2000)
    assert window.allowed == 40


def test_it_doubles_every_round_until_the_first_trouble() -> None:
    window = Window(10, 1, 1000)
    assert healthy(window, 10).allowed == 20
    assert healthy(window, 30).allowed == 40
    settled = healthy(window.after(1, too_much=True), 10)
    assert healthy(settled, int(settled.allowed)).allowed == pytest.approx(
        settled.allowed + 1, abs=0.2
    )


def test_an_idle_app_proves_nothing() -> None:
    window = Window(100, 1, 1000)
    for _ in range(500):
        window = window.after(0.1, under_way=20)
    assert window.allowed == 100


TOO_MUCH = [
    RetryLater("quotaExceeded", 60.0, of_app=True),
    RetryLater("trafficControl"),
    RetryLater("unavailable"),
    RetryLater("answerLost", ambiguous=True),
    RetryLater("notSent"),
]


@pytest.mark.parametrize("answer", TOO_MUCH)
def test_overload_and_silence_are_too_much(answer: Answer) -> None:
    assert too_much(answer)


@pytest.mark.parametrize(
    "answer",
    [
        Accepted(),
        AddressGone("unregistered"),
        Rejected("unknownError"),
        Misconfigured("credentialsRefused"),
        RetryLater("deviceBusy", 60.0),
        RetryLater("quotaExceeded", 60.0),
        RetryLater("tooManyTokenUpdates", 1200.0),
        RetryLater("credentialsUnavailable"),
        RetryLater("internal", ambiguous=True),
    ],
)
def test_what_is_about_one_device_or_about_us_slows_nobody(answer: Answer) -> None:
    assert not too_much(answer)
    assert whole_app_waits(answer) == 0


@pytest.mark.parametrize(
    ("answer", "alone", "several"),
    [
        (RetryLater("quotaExceeded", 60.0, of_app=True), 60.0, 60.0),
        (RetryLater("trafficControl", 10.0, of_app=True), 10.0, 10.0),
        (RetryLater("quotaExceeded", 60.0), 0.0, 60.0),
        (RetryLater("unavailable", 7.0), 0.0, 7.0),
        (RetryLater("deviceBusy", 60.0), 0.0, 0.0),
        (RetryLater("unavailable"), 0.0, 0.0),
        (RetryLater("unavailable", 30.0, ambiguous=True), 0.0, 0.0),
        (RetryLater("answerLost", ambiguous=True), 0.0, 0.0),
    ],
)
def test_the_whole_app_waits_when_the_service_names_it_or_several_addresses_are_told_to(
    answer: Answer, alone: float, several: float
) -> None:
    assert whole_app_waits(answer) == alone
    assert whole_app_waits(answer, several=True) == several


def test_the_same_address_again_is_not_several_and_what_was_long_ago_is_forgotten() -> None:
    throttled = ThrottledAddresses()
    for second in range(30):
        throttled = throttled.after("a", second)
        assert not throttled.several
    for n in range(SEVERAL - 1):
        assert not throttled.several
        throttled = throttled.after(f"b{n}", 30)
    assert throttled.several
    assert not throttled.after("c", 30 + TOGETHER_SECONDS).several
