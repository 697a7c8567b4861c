"""Somebody with the keys to Firestore changes a history; ``fanfare history`` says so."""

from collections.abc import Callable, Iterator
from datetime import timedelta
from typing import Any

import pytest
from click.testing import CliRunner, Result
from google.cloud.firestore import Client, DocumentReference

from cli.main import main
from shared.adapters.firestore.google_database import GoogleDatabase
from shared.domain.actors import Actor, Role
from shared.domain.findings.finding import Finding, Severity
from shared.domain.notifications.notification import NotificationId, SubmissionCheck
from shared.domain.notifications.review import ReviewPolicy
from shared.stores.notifications import Notifications
from shared.wiring import replaced
from tests.adapters.test_others import not_again
from tests.builders import MODERATOR, NOON, PROVIDER, a_notification
from tests.parts import memory_parts

N1 = NotificationId("n1")
SECOND = Actor(Role.MODERATOR, "m2")
RED = Finding("ipHost", Severity.RED, "url", "The address names a machine by number.")
MOVES = ["submit", "findings", "claim", "endorse", "approve"]
OTHERWISE = {
    "number": 7,
    "move": "reject",
    "from": "draft",
    "to": "rejected",
    "actor": "moderator:somebody",
    "at": NOON + timedelta(microseconds=1),
    "reason": "no reason",
    "revision": 2,
    "previous": "0" * 64,
    "hash": "0" * 64,
}

History = Callable[[], Result]


@pytest.fixture
def fanfare_history(client: Client, monkeypatch: pytest.MonkeyPatch) -> Iterator[History]:
    """Write the history of a notification with a red finding, which two moderators approved."""
    parts: Any = memory_parts()
    store = parts.notifications = Notifications(GoogleDatabase(client, not_again))
    looked = SubmissionCheck((RED,), 3)
    new = a_notification(N1, status=None)
    store.create(new.submit(PROVIDER, NOON, admin_hwid=False, check=looked))
    store.change(N1, lambda it: it.take(MODERATOR, NOON))
    store.change(N1, lambda it: it.approve(MODERATOR, NOON, policy=ReviewPolicy()))
    store.change(N1, lambda it: it.approve(SECOND, NOON, policy=ReviewPolicy()))
    monkeypatch.setenv("GOOGLE_CLOUD_PROJECT", client.project)
    with replaced(parts):
        yield lambda: CliRunner().invoke(main, ["history", N1])


def link(client: Client, number: int) -> DocumentReference:
    return client.document("pendingNotifications", N1, "history", f"{number:06d}")


def facts(client: Client, number: int) -> dict[str, Any]:
    return link(client, number).get().to_dict() or {}


def test_it_is_sound_as_it_was_written(fanfare_history: History) -> None:
    told = fanfare_history()
    assert told.exit_code == 0, told.output
    moves = [line.split()[4] for line in told.output.splitlines() if line[:4].strip().isdigit()]
    assert moves == MOVES
    assert told.output.endswith("history chain: sound, 5 entries\n")


@pytest.mark.parametrize("field", OTHERWISE)
def test_an_altered_document_is_an_error(
    fanfare_history: History, client: Client, field: str
) -> None:
    assert set(facts(client, 4)) == set(OTHERWISE)
    link(client, 4).update({f"`{field}`": OTHERWISE[field]})
    _is_broken(fanfare_history())


@pytest.mark.parametrize("number", range(1, len(MOVES) + 1))
def test_a_missing_document_is_an_error(
    fanfare_history: History, client: Client, number: int
) -> None:
    link(client, number).delete()
    _is_broken(fanfare_history())


def test_documents_that_changed_places_are_an_error(
    fanfare_history: History, client: Client
) -> None:
    second, third = facts(client, 2), facts(client, 3)
    link(client, 2).set({**third, "number": 2})
    link(client, 3).set({**second, "number": 3})
    _is_broken(fanfare_history())


def test_a_history_that_another_end_was_written_for_is_an_error(
    fanfare_history: History, client: Client
) -> None:
    client.document("pendingNotifications", N1).update({"historyHash": "0" * 64})
    _is_broken(fanfare_history())


def _is_broken(result: Result) -> None:
    assert result.exit_code == 1
    assert "history chain: BROKEN" in result.output
    assert "is not what was written" in result.output
