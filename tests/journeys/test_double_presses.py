"""Fifty notifications, each decided on by two moderators in the same moment, on the wire.

All hundred presses are told to the webhook at once. Whatever order the functions take them in,
each notification is decided on once, and whoever came second is told so.
"""

import time
from collections import Counter
from collections.abc import Iterator, Mapping
from itertools import cycle

import httpx
import pytest
from google.auth.credentials import AnonymousCredentials
from google.cloud.firestore import Client

from local import demo
from local.journey import Person
from local.stack_file import Stack
from shared.adapters.firestore.google_database import GoogleDatabase
from shared.domain.notifications.history import chain_faults
from shared.domain.notifications.notification import NotificationId
from shared.stores.notifications import Notifications
from tests.adapters.test_others import not_again
from tests.conftest import eventually
from tests.journeys.room import MIRA, NIK, Chat
from tests.journeys.test_core_journey import ended, received

pytestmark = [pytest.mark.slow, pytest.mark.xdist_group("stack")]

NUMBER = 50
BOTH_APPROVE, ONE_REJECTS = ("Approve", "Approve"), ("Approve", "Reject")
IN_TURN = (BOTH_APPROVE, BOTH_APPROVE, BOTH_APPROVE, ONE_REJECTS)
ASKED = "Reply to my question with the reason."
NAMES = {demo.MIRA.uid: "Mira", "moderator-nik": "Nik"}


@pytest.fixture
def records(stack: Stack, monkeypatch: pytest.MonkeyPatch) -> Iterator[Notifications]:
    monkeypatch.setenv("FIRESTORE_EMULATOR_HOST", stack.firestore)
    client = Client(project=stack.project, credentials=AnonymousCredentials())
    yield Notifications(GoogleDatabase(client, not_again))
    client.close()


@pytest.fixture
def phone(stack: Stack) -> str:
    """Register one phone of the provider's audience, so that a decision is one push."""
    hwid = f"pressed-{time.time_ns()}"
    device = {
        "hwid": hwid,
        "platform": "android",
        "domains": [demo.AURORA_DOMAIN],
        "pushAddress": {"kind": "fcm", "value": f"token-{hwid}"},
    }
    with httpx.Client(base_url=stack.functions, timeout=30) as nobody:
        Person(nobody).call("POST", "/device-api/v1/devices", json=device)
    return hwid


def submitted(provider: Person, hwid: str, number: int) -> str:
    body = {"title": f"Double {number}", "body": "-", "targetSegment": {"hwid": hwid}}
    return str(provider.call("POST", "/provider-api/v1/notifications", json=body)["id"])


def heard_by_all(chat: Chat, queries: list[str]) -> Mapping[str, str]:
    """List what each presser was answered; each press is answered once."""

    def texts() -> list[Mapping[str, str]]:
        return [a for a in chat.answers() if a["callback_query_id"] in queries]

    eventually(lambda: len(texts()) >= len(queries), "every press is answered", seconds=90)
    answers = texts()
    assert Counter(a["callback_query_id"] for a in answers) == Counter(queries)
    return {a["callback_query_id"]: a["text"] for a in answers}


def test_of_fifty_double_presses_at_once_each_makes_one_decision(
    stack: Stack, provider: Person, chat: Chat, records: Notifications, phone: str
) -> None:
    ids = [submitted(provider, phone, number) for number in range(NUMBER)]
    for id in ids:
        chat.about(id)
    pairs = [
        [chat.press(MIRA, id, of_mira, hold=True), chat.press(NIK, id, of_nik, hold=True)]
        for id, (of_mira, of_nik) in zip(ids, cycle(IN_TURN), strict=False)
    ]
    chat.release(backwards=False)
    heard = heard_by_all(chat, [query for pair in pairs for query in pair])

    asked = {id for id, (_, nik) in zip(ids, pairs, strict=True) if heard[nik] == ASKED}
    for id in asked:
        chat.reply(NIK, chat.question_to(id)["message_id"], "No source is named.")
    for id, pair in zip(ids, pairs, strict=True):
        said = Counter(heard[query] for query in pair)
        assert said["Approved."] == (0 if id in asked else 1), said
        assert len(said) == 2, "whoever comes second hears something else"

        final = ended(provider, id)
        rejected = id in asked
        assert final["status"] == ("rejected" if rejected else "approved")
        assert len(received(stack, id)) == (0 if rejected else 1)

        name = NAMES[final["moderatorId"]]
        message = chat.says(id, f"{'Rejected' if rejected else 'Approved'} by {name}")
        assert "reply_markup" not in message

        it, chain = records.get(NotificationId(id)), records.history(NotificationId(id))
        decisions = [entry for entry in chain if entry.move in {"approve", "reject"}]
        assert [entry.actor for entry in decisions] == [f"moderator:{final['moderatorId']}"]
        assert chain_faults(chain, it.head.count, it.head.hash) == []
    posted = [c for c in chat.calls("sendMessage") if c["status"] == 200]
    about = Counter(c["given"]["text"].rpartition(" ")[2] for c in posted)
    assert {about[id] for id in ids} == {1}
