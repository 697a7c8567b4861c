"""The minute tick names who waits too long, and sweeps whatever becomes of that."""

import json
from datetime import timedelta

import pytest
from werkzeug.test import TestResponse

from tests.builders import NOON, PROVIDER, a_notification
from tests.doors.conftest import door
from tests.parts import MemoryParts, service_token


def tick() -> TestResponse:
    return door("tick", service_token("tick", "scheduler"))("POST", "/", {})


def submitted(world: MemoryParts) -> None:
    new = a_notification(status=None)
    world.notifications.create(new.submit(PROVIDER, NOON, admin_hwid=False))


def test_an_overdue_decision_is_warned_of_once_in_a_period(
    world: MemoryParts, caplog: pytest.LogCaptureFixture
) -> None:
    submitted(world)
    for minutes, warnings in [(60, 0), (61, 1), (62, 1), (120, 1), (121, 2)]:
        world.clock.set(NOON + timedelta(minutes=minutes))
        assert tick().status_code == 200
        assert len(caplog.messages) == warnings, json.dumps(caplog.messages)
    assert caplog.messages[0] == "notification n1 waits for 61 minutes"


def test_what_is_stuck_is_swept_before_anybody_is_reminded(
    world: MemoryParts, monkeypatch: pytest.MonkeyPatch
) -> None:
    sending = a_notification("n2", status=None).submit(PROVIDER, NOON, admin_hwid=True)
    world.notifications.create(sending)
    world.clock.set(NOON + timedelta(hours=2))

    def broken(queue: object) -> None:
        raise RuntimeError("the queue cannot be read")

    monkeypatch.setattr(world.notifications, "queue", broken)
    assert tick().status_code == 500
    assert world.tasks.take() is not None
