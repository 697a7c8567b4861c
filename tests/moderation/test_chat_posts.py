"""What every store of the chat's posts promises; and decisions that race, on both of them."""

from collections import Counter
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from dataclasses import replace
from datetime import timedelta

import pytest
from google.auth.credentials import AnonymousCredentials
from google.cloud.firestore import Client

from local.firestore import FirestoreEmulator
from shared.adapters.firestore.google_database import GoogleDatabase
from shared.domain.errors import TryAgain
from shared.domain.notifications.history import broken_links
from shared.domain.notifications.lifecycle import Status
from shared.domain.notifications.notification import NotificationId
from shared.flow.chat.posts import show
from shared.flow.chat.press import press, reply
from shared.stores.moderators import Moderators
from shared.stores.notifications import Notifications
from shared.stores.posts import Post, Posts, Prompt, Room
from shared.stores.review_policies import ReviewPolicies
from tests.adapters.test_others import not_again
from tests.builders import NOON, PROVIDER, a_notification
from tests.moderation.chatroom import MIRA, NIK, ROOM, Chatroom

N1 = NotificationId("n1")
PROMPT = Prompt(ROOM, 12, N1, 3, "mira", NOON)


@pytest.fixture
def client(
    firestore_emulator: FirestoreEmulator, project: str, monkeypatch: pytest.MonkeyPatch
) -> Iterator[Client]:
    monkeypatch.setenv("FIRESTORE_EMULATOR_HOST", firestore_emulator.address)
    client = Client(project=project, credentials=AnonymousCredentials())
    yield client
    client.close()


@pytest.fixture(params=["memory", "firestore"])
def room(request: pytest.FixtureRequest) -> Chatroom:
    if request.param == "memory":
        return Chatroom()
    client: Client = request.getfixturevalue("client")
    database = GoogleDatabase(client, not_again)
    return Chatroom(
        posts=Posts(database),
        notifications=Notifications(database),
        moderators=Moderators(database),
        policies=ReviewPolicies(database),
    )


@pytest.fixture
def posts(room: Chatroom) -> Posts:
    found: Posts = room.posts
    return found


@pytest.mark.parametrize("id", ["none", "../x", "a/b", "__x__", "."])
def test_a_press_that_names_nothing_is_answered_and_done_with(room: Chatroom, id: str) -> None:
    update = room.press(data=f"a:{id}:1")
    press(update, moderator_chat=room.moderator_chat)
    assert [said[1:] for said in room.chat.answers] == [
        ("There is no such notification any more.", True)
    ]
    assert room.posts.is_done(update.update)


# ---- the store -------------------------------------------------------------------------------


def test_a_post_begins_empty_and_is_read_as_it_was_written(posts: Posts) -> None:
    assert posts.get(N1) is None
    full = Post(N1, ROOM, 12, 3, "me", NOON)
    assert posts.change(N1, lambda it: replace(it, owner="me")) == Post(N1, owner="me")
    assert posts.change(N1, lambda _: full) == full
    assert posts.get(N1) == full
    posts.change(N1, lambda it: replace(it, owner="", until=None))
    assert posts.get(N1) == replace(full, owner="", until=None)


def test_a_change_that_refuses_writes_nothing(posts: Posts) -> None:
    def refuse(_: Post) -> Post:
        raise TryAgain("taken")

    with pytest.raises(TryAgain):
        posts.change(N1, refuse)
    assert posts.get(N1) is None


def test_of_many_who_begin_a_post_at_once_one_gets_it(posts: Posts) -> None:
    def begin(number: int) -> str:
        def take(it: Post) -> Post:
            return it if it.owner else replace(it, owner=f"o{number}")

        return posts.change(N1, take).owner

    with ThreadPoolExecutor(16) as at_once:
        owners = set(at_once.map(begin, range(16)))
    assert len(owners) == 1


def test_the_room_is_what_was_learned_of_it(posts: Posts) -> None:
    assert posts.room() == Room()
    learned = Room(-1005, NOON)
    assert posts.change_room(lambda _: learned) == learned
    assert posts.room() == learned


def test_a_question_is_found_by_its_message_in_its_room(posts: Posts) -> None:
    posts.keep_prompt(PROMPT)
    assert posts.prompt(ROOM, 12) == PROMPT
    assert posts.prompt(ROOM, 13) is None
    assert posts.prompt(-9, 12) is None


def test_an_update_is_done_once_it_was_noted(posts: Posts) -> None:
    assert not posts.is_done(7)
    posts.note_done(7, NOON)
    posts.note_done(7, NOON + timedelta(days=1))
    assert posts.is_done(7)


# ---- races -----------------------------------------------------------------------------------


def test_of_fifty_double_presses_by_two_moderators_each_comes_to_one_decision(
    room: Chatroom,
) -> None:
    """Two buttons, two people, every update twice, all at once."""
    ids = [f"n{number}" for number in range(50)]
    for id in ids:
        room.add_notification(a_notification(id))
    updates = [
        update
        for id in ids
        for update in (room.press(MIRA, "a", id=id), room.press(NIK, "a", id=id))
    ]

    def act(number: int) -> None:
        update = updates[number % len(updates)]
        for _ in range(20):
            try:
                press(update, moderator_chat=room.moderator_chat)
            except TryAgain:
                continue
            return
        raise AssertionError("it is busy for ever")

    with ThreadPoolExecutor(32) as at_once:
        list(at_once.map(act, range(2 * len(updates))))
    heard: dict[str, list[str]] = {}
    for query, words, _ in room.chat.answers:
        heard.setdefault(query, []).append(words)
    for number, id in enumerate(ids):
        record, chain = room.record(id), room.notifications.history(NotificationId(id))
        assert record.status is Status.SENDING
        assert [entry.move for entry in chain] == ["approve"]
        first, second = updates[2 * number], updates[2 * number + 1]
        winner = first if record.moderator_id == "mira" else second
        loser = second if winner is first else first
        assert set(heard[winner.id]) <= {"Approved.", "You approved it."}
        name = "Mira" if record.moderator_id == "mira" else "Nik"
        assert all(words.startswith(f"Approved by {name}") for words in heard[loser.id])


def test_of_fifty_races_between_a_yes_and_a_reason_each_comes_to_one_decision(
    room: Chatroom,
) -> None:
    ids = [f"n{number}" for number in range(50)]
    for id in ids:
        room.add_notification(a_notification(id))
        room.posts.keep_prompt(Prompt(ROOM, int(id[1:]) + 1, NotificationId(id), 1, "nik", _LATER))

    yes = [room.press(MIRA, "a", id=id) for id in ids]
    no = [room.reply("Bad.", to=int(id[1:]) + 1, user=NIK) for id in ids]

    def act(number: int) -> None:
        for _ in range(20):
            try:
                if number % 2:
                    press(yes[number // 2], moderator_chat=room.moderator_chat)
                else:
                    reply(no[number // 2], moderator_chat=room.moderator_chat)
            except TryAgain:
                continue
            return
        raise AssertionError("it is busy for ever")

    with ThreadPoolExecutor(32) as at_once:
        list(at_once.map(act, range(2 * len(ids))))
    decisions: Counter[Status | None] = Counter()
    for id in ids:
        record, chain = room.record(id), room.notifications.history(NotificationId(id))
        decisions[record.status] += 1
        assert len([entry for entry in chain if entry.move in {"approve", "reject"}]) == 1
        assert record.moderator_id == ("mira" if record.status is Status.SENDING else "nik")
    assert set(decisions) <= {Status.SENDING, Status.REJECTED}
    assert sum(decisions.values()) == 50


_LATER = NOON + timedelta(days=1)


def test_events_and_decisions_at_once_end_in_one_message_that_tells_the_truth(
    room: Chatroom,
) -> None:
    room.add_notification()
    show(N1, moderator_chat=room.moderator_chat)

    def act(number: int) -> None:
        for _ in range(200):
            try:
                if number == 3:
                    press(room.press(MIRA, "a"), moderator_chat=room.moderator_chat)
                else:
                    show(N1, moderator_chat=room.moderator_chat)
            except TryAgain:
                continue
            return

    with ThreadPoolExecutor(8) as at_once:
        list(at_once.map(act, range(16)))
    show(N1, moderator_chat=room.moderator_chat)
    assert len(room.chat.posts) == 1
    assert "Approved by Mira" in room.card().text


def test_the_chain_of_decisions_made_by_buttons_is_sound(room: Chatroom) -> None:
    fresh = replace(a_notification(status=None), version="")
    room.notifications.create(fresh.submit(PROVIDER, NOON, admin_hwid=False))
    press(room.press(NIK, "r"), moderator_chat=room.moderator_chat)
    asked = room.chat.posts[-1][1]
    reply(room.reply("No source.", to=asked, user=NIK), moderator_chat=room.moderator_chat)
    chain = room.notifications.history(N1)
    assert [entry.move for entry in chain] == ["submit", "claim", "reject"]
    assert broken_links(chain) == []
    assert chain[-1].actor == "moderator:nik"
