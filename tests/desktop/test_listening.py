"""A computer shows what is sent to it once, through bad networks and its own restarts."""

from datetime import timedelta

import httpx
import pytest

from cli.desktop.door import Refused
from cli.desktop.listener import REFRESH_SECONDS
from shared.flow.audience import devices
from tests.desktop.conftest import ABOUT, Computer


def ids(computer: Computer) -> list[str]:
    return [note.id for note in computer.own.notes]


def test_a_computer_registers_as_what_its_system_says_it_is(computer: Computer) -> None:
    computer.listens()
    stored = computer.world.devices.get(computer.hwid)
    assert stored is not None
    assert (stored.platform, stored.locale, stored.domains) == (
        "linux",
        "en_GB.UTF-8",
        ("example.com",),
    )
    assert computer.events("registered") == [
        {"event": "registered", "hwid": "desk-7", "domains": "example.com"}
    ]


def test_each_notification_is_shown_once_and_a_newer_one_after_it(computer: Computer) -> None:
    computer.listens(
        lambda: computer.sent("n1", url="https://example.com/a"),
        lambda: None,
        lambda: computer.sent("n2"),
        lambda: None,
    )
    assert ids(computer) == ["n1", "n2"]
    first = computer.own.notes[0]
    assert (first.title, first.body, first.link) == ("Sale", "All of it", "https://example.com/a")
    assert [it["id"] for it in computer.events("shown")] == ["n1", "n2"]
    assert {it["by"] for it in computer.events("shown")} == {"the desktop"}


def test_what_was_shown_is_not_shown_again_after_a_restart(computer: Computer) -> None:
    computer.listens(lambda: computer.sent("n1"))
    computer.listens()
    computer.listens(once=True)
    assert ids(computer) == ["n1"]
    assert len(computer.events("nothing")) == 1


def test_what_expired_while_nobody_listened_is_not_shown(computer: Computer) -> None:
    computer.listens()
    computer.sent("n1", seconds=60)
    computer.world.clock.set(computer.world.clock.now() + timedelta(seconds=61))
    computer.listens(once=True)
    assert computer.own.notes == []


def test_what_expires_on_the_screen_is_taken_away_once(computer: Computer) -> None:
    computer.listens(lambda: computer.sent("n1", seconds=90), lambda: None, lambda: None)
    assert ids(computer) == ["n1"]
    assert computer.own.withdrawn == 1
    assert computer.events("withdrawn") == [{"event": "withdrawn", "id": "n1"}]


def test_a_forced_time_passes_before_anything_else_is_shown(computer: Computer) -> None:
    computer.listens(
        lambda: computer.sent("n1", force_timer=7), lambda: computer.sent("n2"), lambda: None
    )
    assert computer.life.waits == [60, 7, 60, 60]
    assert computer.own.notes[0].force_seconds == 7
    assert ids(computer) == ["n1", "n2"]


def test_a_screen_that_holds_the_dialog_itself_is_not_waited_for_again(
    computer: Computer,
) -> None:
    def hold() -> None:
        computer.life.now += 7

    computer.own.meanwhile = hold
    computer.listens(lambda: computer.sent("n1", force_timer=7))
    assert computer.life.waits == [60, 60]


def test_without_a_network_it_asks_at_longer_and_longer_intervals(computer: Computer) -> None:
    computer.wire.faults = [httpx.ConnectError("no route")] * 8
    computer.listens(*[lambda: None] * 8)
    doubled = [1, 2, 4, 8, 16, 32, 60, 60]
    assert computer.life.waits[:8] == [pytest.approx(it * 1.1) for it in doubled]
    assert len(computer.events("away")) == 8
    assert [it["event"] for it in computer.entries[8:]] == ["back", "registered"]


def test_it_waits_as_long_as_the_server_says_but_not_for_ever(computer: Computer) -> None:
    computer.wire.faults = [
        httpx.Response(503, headers={"Retry-After": "20"}),
        httpx.Response(429, headers={"Retry-After": "999999"}),
        httpx.Response(500, headers={"Retry-After": "soon"}),
        httpx.Response(200, text="<html>Sign in to this network</html>"),
    ]
    computer.listens(*[lambda: None] * 4)
    assert computer.life.waits[:4] == [pytest.approx(it * 1.1) for it in (20, 3600, 4, 8)]


def test_a_registration_whose_answer_was_lost_is_repeated_with_the_same_secret(
    computer: Computer,
) -> None:
    kept = computer.file.begun()
    computer.listens()
    computer.file.write(kept)
    computer.listens()
    assert computer.file.begun().known
    assert computer.file.begun().secret == kept.secret
    assert computer.events("away") == []


def test_a_computer_that_an_operator_gave_up_registers_anew(computer: Computer) -> None:
    computer.listens(
        lambda: devices.reset(computer.hwid, devices=computer.world.devices),
        lambda: computer.sent("n1"),
        lambda: None,
    )
    assert ids(computer) == ["n1"]


def test_somebody_elses_hwid_is_refused_for_good(computer: Computer) -> None:
    computer.listens()
    computer.file.forget()
    with pytest.raises(Refused) as refused:
        computer.listens()
    assert refused.value.status == 401


def test_a_refusal_says_which_field_it_is_about(computer: Computer) -> None:
    door = computer.door
    with pytest.raises(Refused, match=r"domains\.0: .* \(422 invalidInput\)"):
        door.register({**ABOUT, "domains": ["no domain"]}, known=False)
    computer.wire.faults = [httpx.Response(418, text="a teapot")]
    with pytest.raises(Refused, match=r"refused \(418\)"):
        door.consent(True)


def test_a_computer_that_is_never_restarted_says_every_week_that_it_is_there(
    computer: Computer,
) -> None:
    def week() -> None:
        computer.life.now += REFRESH_SECONDS

    computer.listens(week, lambda: None)
    registrations = [it for it in computer.wire.requests if it == "POST /device-api/v1/devices"]
    assert len(registrations) == 2


def test_where_the_desktop_cannot_show_it_the_terminal_does(computer: Computer) -> None:
    computer.own.breaks = True
    computer.listens(lambda: computer.sent("n1"), lambda: None)
    assert [note.id for note in computer.terminal.notes] == ["n1"]
    assert [it["by"] for it in computer.events("shown")] == ["the terminal"]
    assert computer.events("screen") == [{"event": "screen", "why": "there is no desktop"}]


def test_without_consent_nothing_arrives_and_leaving_ends_the_registration(
    computer: Computer,
) -> None:
    computer.listens()
    computer.door.consent(False)
    kept = computer.world.devices.get(computer.hwid)
    assert kept is not None
    assert not kept.consent
    for _ in range(2):
        computer.door.leave()
    assert computer.world.devices.get(computer.hwid) is None
