"""``fanfare telegram``: what an operator sees who sets the bot up."""

from collections.abc import Iterator

import pytest
from click.testing import CliRunner, Result

from cli.main import main
from shared.adapters.memory.chat import MemoryChat
from shared.settings import read
from shared.wiring import replaced
from tests.builders import a_domain, a_notification, a_provider
from tests.moderation.chatroom import ROOM, SECRET, TOKEN, Line, line
from tests.notification_documents import keep
from tests.parts import PROJECT, MemoryParts, memory_parts

ANN = {
    "id": 7005,
    "is_bot": False,
    "first_name": "Ann",
    "last_name": "Example",
    "username": "ann_example",
}
URL = f"https://europe-west1-{PROJECT}.cloudfunctions.net/telegram-webhook"


@pytest.fixture
def wire() -> Iterator[Line]:
    with line() as opened:
        yield opened


@pytest.fixture
def world(wire: Line) -> Iterator[MemoryParts]:
    parts = memory_parts(a_provider(), a_domain())
    parts.settings = read(settings_of(wire))
    with replaced(parts):
        yield parts


def settings_of(wire: Line) -> dict[str, str]:
    return {
        "GOOGLE_CLOUD_PROJECT": PROJECT,
        "TELEGRAM_BASE_URL": wire.url,
        "FANFARE_TELEGRAM_BOT_TOKEN": TOKEN,
        "FANFARE_TELEGRAM_WEBHOOK_SECRET": SECRET,
        "FANFARE_TELEGRAM_CHAT_ID": str(ROOM),
    }


def fanfare(*words: str) -> Result:
    return CliRunner().invoke(main, words, env={"GOOGLE_CLOUD_PROJECT": PROJECT})


def test_setup_agrees_with_telegram_and_says_what_it_found(world: MemoryParts, wire: Line) -> None:
    done = fanfare("telegram", "setup")
    assert done.exit_code == 0, done.output
    assert done.output.splitlines() == [
        "bot      Fanfare (@fanfare_bot, 4242)",
        f"chat     Moderators (supergroup, {ROOM})",
        "rights   member: it may write, and it hears presses and replies to itself",
        f"webhook  {URL}",
        "updates  message, callback_query",
        "waiting  0",
    ]
    webhook = wire.telegram.updates.webhook
    assert webhook is not None
    assert (webhook.url, webhook.secret_token) == (URL, SECRET)
    assert webhook.allowed_updates == ["message", "callback_query"]


def test_a_check_agrees_on_nothing(world: MemoryParts, wire: Line) -> None:
    done = fanfare("telegram", "setup", "--check")
    assert "webhook  none (not ours" in done.output
    assert wire.telegram.updates.webhook is None


@pytest.mark.parametrize("missing", ["BOT_TOKEN", "WEBHOOK_SECRET", "CHAT_ID"])
def test_what_is_not_set_is_named(world: MemoryParts, wire: Line, missing: str) -> None:
    name = f"FANFARE_TELEGRAM_{missing}"
    given = {key: value for key, value in settings_of(wire).items() if key != name}
    world.settings = read(given)
    done = fanfare("telegram", "setup")
    assert done.exit_code == 1
    assert name in done.output


def test_a_wrong_token_and_a_wrong_chat_are_named_without_the_token(
    world: MemoryParts, wire: Line
) -> None:
    given = {**settings_of(wire), "FANFARE_TELEGRAM_BOT_TOKEN": "4242:wrong-one"}
    world.settings = read(given)
    done = fanfare("telegram", "setup")
    assert (done.exit_code, "FANFARE_TELEGRAM_BOT_TOKEN" in done.output) == (1, True)
    assert "wrong-one" not in done.output
    world.settings = read({**settings_of(wire), "FANFARE_TELEGRAM_CHAT_ID": "-5"})
    assert "chat not found" in fanfare("telegram", "setup").output


def test_a_group_that_moved_is_told_with_its_new_number(world: MemoryParts, wire: Line) -> None:
    wire.tell("_move", **{"from": ROOM, "to": -1005, "tell": False})
    assert "FANFARE_TELEGRAM_CHAT_ID to -1005" in fanfare("telegram", "setup").output


# ---- which numbers there are -----------------------------------------------------------------


def test_groups_and_people_are_listed_before_there_is_a_webhook(
    world: MemoryParts, wire: Line
) -> None:
    given = settings_of(wire)
    for name in ("WEBHOOK_SECRET", "CHAT_ID"):
        del given[f"FANFARE_TELEGRAM_{name}"]
    world.settings = read(given)
    added = {"chat": {"id": -77, "type": "group", "title": "Mods"}, "from": ANN}
    wire.tell("_update", my_chat_member=added)
    wire.tell("_reply", user=7001, chat=ROOM, text="/start@fanfare_bot")
    wire.tell("_update", message={"chat": {"id": 7005, "type": "private"}, "from": ANN})
    for _ in range(2):  # to look takes nothing away
        done = fanfare("telegram", "chats")
        assert (done.exit_code, done.output.splitlines()) == (
            0,
            [
                "chat     Mods (group, -77)",
                f"chat     Moderators (supergroup, {ROOM})",
                "user     Ann Example (@ann_example, 7005)",
                "user     User 7001 (7001)",
            ],
        )
    assert TOKEN not in done.output


def test_where_nobody_has_written_yet_it_says_what_to_write(world: MemoryParts) -> None:
    said = "nobody yet: say /start@fanfare_bot in the group, then try again\n"
    assert fanfare("telegram", "chats").output == said


def test_a_group_that_became_a_supergroup_is_listed_by_its_new_number(
    world: MemoryParts, wire: Line
) -> None:
    wire.tell("_move", **{"from": ROOM, "to": -1005})
    assert fanfare("telegram", "chats").output == "chat     Moderators (supergroup, -1005)\n"


def test_a_name_cannot_write_on_the_terminal(world: MemoryParts, wire: Line) -> None:
    odd = {"id": 7009, "is_bot": False, "first_name": "\x1b[2JEve\nuser     Mira (7001)\u202e"}
    wire.tell("_update", message={"chat": {"id": -5, "type": "group", "title": "x"}, "from": odd})
    told = fanfare("telegram", "chats").output
    assert len(told.splitlines()) == 2
    assert not {"\x1b", "\u202e"} & set(told)


def test_with_a_webhook_it_says_where_the_numbers_are_and_how_to_list_all_the_same(
    world: MemoryParts, wire: Line
) -> None:
    fanfare("telegram", "setup")
    refused = fanfare("telegram", "chats")
    assert (refused.exit_code, "--unhook" in refused.output) == (1, True)
    assert TOKEN not in refused.output
    assert wire.telegram.updates.webhook is not None
    assert fanfare("telegram", "chats", "--unhook").exit_code == 0
    assert wire.telegram.updates.webhook is None


@pytest.mark.parametrize("answer", ["unauthorized", "unavailable", "garbage", "throttle"])
def test_telegram_in_trouble_is_told_without_the_token(
    world: MemoryParts, wire: Line, answer: str
) -> None:
    wire.next(answer, "getUpdates")
    refused = fanfare("telegram", "chats")
    assert (refused.exit_code, refused.output.startswith("Error: ")) == (1, True)
    assert TOKEN not in refused.output


def test_show_brings_the_chat_up_to_date(world: MemoryParts) -> None:
    it = a_notification()
    keep(world.database, it)
    world.chat = MemoryChat()
    done = fanfare("telegram", "show")
    assert done.output == "n1 is shown as it is\n"
    assert len(world.chat.posts) == 1


def test_nothing_is_shown_of_a_notification_that_is_not_there(world: MemoryParts) -> None:
    world.chat = MemoryChat()
    refused = fanfare("telegram", "show", "nope")
    assert (refused.exit_code, refused.output) == (1, "Error: there is no such notification\n")
