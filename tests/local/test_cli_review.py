"""Before somebody at a terminal decides, they see all that they decide on."""

import os
import sys
from collections.abc import Callable, Iterator
from contextlib import ExitStack
from datetime import timedelta
from typing import Any

import click
import pytest

from cli.main import main
from shared.domain.audience.device import derive
from shared.domain.content.content import Content
from shared.domain.findings.finding import Finding, Severity
from shared.domain.notifications.lifecycle import Status
from shared.domain.notifications.notification import Notification, NotificationId, SubmissionCheck
from shared.domain.notifications.review import ReviewPolicy
from tests.builders import MODERATOR, NOON, PROVIDER, a_device, a_segment, some_content
from tests.local.conftest import Fanfare
from tests.parts import MemoryParts

N1 = NotificationId("n1")
WARNING = Finding("shortener", Severity.WARNING, "url", "It shortens addresses.\x1b[2J")
CONTENT = some_content(
    body="Everything\nmust go",
    url="https://example.com/sale",
    url_button_name="Look",
    image="https://example.com/a.png",
    force_timer=7,
    expiry_seconds=3_600,
)


@pytest.fixture
def pending(world: MemoryParts) -> NotificationId:
    """Submit a notification to one device; now there are two."""
    world.clock.set(NOON)
    new = Notification(
        N1, "p1", "p1@example.com", CONTENT, a_segment(region=("us",)), None, created_at=NOON
    )
    looked = SubmissionCheck((WARNING,), 1)
    world.notifications.create(new.submit(PROVIDER, NOON, admin_hwid=False, check=looked))
    for hwid in ("phone-1", "phone-2"):
        device = a_device(hwid)
        world.devices.refresh(device, derive(hwid, device.locale, device.domains))
    world.review_policies.put(ReviewPolicy(second_approval_above=1))
    return N1


@pytest.fixture
def at_a_terminal(
    fanfare: Fanfare, monkeypatch: pytest.MonkeyPatch, capfd: pytest.CaptureFixture[str]
) -> Iterator[Callable[..., str]]:
    """Run a command at a real terminal; return what is shown when ``answer`` is typed."""
    del fanfare
    with ExitStack() as end:
        controller, terminal = os.openpty()
        end.callback(os.close, controller)
        keyboard = end.enter_context(os.fdopen(terminal))
        monkeypatch.setattr(sys, "stdin", keyboard)

        def output(*words: str, answer: str) -> str:
            os.write(controller, f"{answer}\n".encode())
            try:
                main.main(words, standalone_mode=False)
            except (click.Abort, click.ClickException) as end:
                print(f"ended: {end}")
            return capfd.readouterr().out

        yield output


def edited(world: MemoryParts, **fields: Any) -> None:
    content = Content(**{**CONTENT.model_dump(), **fields})
    world.notifications.change(N1, lambda it: it.edit(PROVIDER, NOON, content, it.segment))


EVERYTHING = (
    *("│ Sale", "│ Everything", "https://example.com/sale", "Look", "https://example.com/a.png"),
    *("7 seconds", "3,600 seconds", "region us", "example.com", "2 devices now, 1 when"),
    *("It shortens addresses.", "0 of 2"),
)


def test_a_status_shows_all_that_an_approval_approves(pending: str, fanfare: Fanfare) -> None:
    shown = fanfare("status", pending).output
    assert [words for words in EVERYTHING if words not in shown] == []
    assert "n1  pending  revision 1" in shown
    assert "\x1b" not in shown


def test_a_status_names_who_endorsed_and_who_reads_it(
    pending: NotificationId, world: MemoryParts, fanfare: Fanfare
) -> None:
    policy = ReviewPolicy(second_approval_above=0)
    world.notifications.change(pending, lambda it: it.approve(MODERATOR, NOON, policy=policy))
    world.notifications.change(pending, lambda it: it.take(MODERATOR, NOON))
    shown = fanfare("status", pending).output
    assert "1 of 2, m1" in shown
    assert "m1, until 12:10:00 UTC" in shown
    world.clock.advance(timedelta(minutes=10))
    assert "read by" not in fanfare("status", pending).output


def test_a_status_shows_whom_it_was_for_after_the_decision(pending: str, fanfare: Fanfare) -> None:
    fanfare("reject", pending, "--comment", "no source", "--revision", "1")
    assert "for          region us" in fanfare("status", pending).output


def test_without_a_revision_it_is_shown_and_asked_about(
    pending: NotificationId, world: MemoryParts, at_a_terminal: Callable[..., str]
) -> None:
    world.review_policies.put(ReviewPolicy())
    refused = at_a_terminal("approve", pending, answer="")
    assert [words for words in EVERYTHING[:-1] if words not in refused] == []
    assert "Approve revision 1? [y/N]" in refused
    assert world.notifications.get(pending).status is Status.PENDING
    assert "n1 is sending" in at_a_terminal("approve", pending, answer="y")


def test_a_rejection_is_asked_about_too(
    pending: NotificationId, at_a_terminal: Callable[..., str]
) -> None:
    shown = at_a_terminal("reject", pending, "-c", "no source", answer="y")
    assert "Reject revision 1? [y/N]" in shown
    assert "n1 is rejected" in shown


class EditingOnce:
    """An audience during whose first count the provider edits."""

    def __init__(self, world: MemoryParts) -> None:
        self._world = world
        self._audience = world.audience
        self._edits = iter([True])

    def count(self, query: Any) -> Any:
        if next(self._edits, False):
            edited(self._world, title="Swapped")
        return self._audience.count(query)


def test_what_is_edited_while_it_is_read_is_not_decided(
    pending: NotificationId, world: MemoryParts, at_a_terminal: Callable[..., str]
) -> None:
    world.review_policies.put(ReviewPolicy())
    world.audience = EditingOnce(world)  # type: ignore[assignment]
    told = at_a_terminal("approve", pending, answer="y")
    assert "Approve revision 1?" in told
    assert "now it is 2; read it again" in told
    assert world.notifications.get(pending).status is Status.PENDING


@pytest.mark.parametrize("action", [("approve",), ("reject", "-c", "no")])
def test_where_nobody_can_be_asked_the_revision_must_be_named(
    pending: NotificationId, world: MemoryParts, fanfare: Fanfare, action: tuple[str, ...]
) -> None:
    edited(world, title="Edited")
    refused = fanfare(*action, pending)
    assert refused.exit_code == 2
    assert "--revision (it is revision 2 now)" in refused.output
    assert world.notifications.get(pending).status is Status.PENDING
    world.review_policies.put(ReviewPolicy())
    stale = fanfare(*action, pending, "--revision", "1")
    assert (stale.exit_code, "now it is 2" in stale.output) == (1, True)
    assert fanfare(*action, pending, "--revision", "2").exit_code == 0


def test_what_is_decided_already_is_not_asked_about(
    pending: NotificationId, world: MemoryParts, fanfare: Fanfare
) -> None:
    world.notifications.change(pending, lambda it: it.cancel(PROVIDER, NOON))
    refused = fanfare("approve", pending)
    assert refused.output == "Error: The provider canceled the delivery\n"
