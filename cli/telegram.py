"""``fanfare telegram``: agree with Telegram on how it calls us, and say what it says of the bot."""

from collections.abc import Mapping
from typing import Any

import click

from cli.errors import cli_errors, failure
from cli.telegram_chats import seen_in
from cli.terminal import say
from shared.adapters.telegram_calls import TelegramCalls, ToldElsewhere
from shared.domain.errors import TryAgain
from shared.domain.notifications.notification import NotificationId
from shared.domain.notifications.queries import QueueQuery
from shared.flow.chat.posts import show
from shared.ports import ChatClosed, ChatMoved, ChatRefused
from shared.settings import Settings
from shared.wiring import moderator_chat, parts

FUNCTION = "telegram-webhook"
UPDATES = ["message", "callback_query"]
NEEDED = {
    "telegram_bot_token": "FANFARE_TELEGRAM_BOT_TOKEN (BotFather gives it)",
    "telegram_webhook_secret": "FANFARE_TELEGRAM_WEBHOOK_SECRET (16 to 256 of A-Z a-z 0-9 _ -)",
    "telegram_chat_id": "FANFARE_TELEGRAM_CHAT_ID (the room's number, negative for a group)",
}

TOLD_ELSEWHERE = (
    "Telegram reports to a webhook already, and then lists nothing here. The group is named by "
    "`fanfare telegram setup --check`, and whoever is no moderator yet reads their number when "
    "they press a button. To list all the same, use --unhook: presses then wait, for a day at "
    "most, until `fanfare telegram setup` is run again."
)
UPDATE_KINDS = [*UPDATES, "my_chat_member"]

JsonObject = Mapping[str, Any]


@click.group()
def telegram() -> None:
    """The bot in the moderators' chat."""


@telegram.command()
@click.option("--unhook", is_flag=True, help="Let presses wait until the next setup.")
@cli_errors
def chats(unhook: bool) -> None:
    """Groups and people the bot has seen, with their numbers.

    Of the last day, and only while Telegram reports to no webhook.
    """
    calls = _calls(parts().settings)
    try:
        bot: JsonObject = calls.call("getMe")
        if unhook:
            calls.call("deleteWebhook")
        seen = seen_in(calls.call("getUpdates", allowed_updates=UPDATE_KINDS))
    except ToldElsewhere:
        raise click.ClickException(TOLD_ELSEWHERE) from None
    except (ChatClosed, ChatRefused, TryAgain) as fault:
        raise failure(str(fault)) from None
    finally:
        calls.close()
    for line in seen:
        say(line)
    if not seen:
        say(f"nobody yet: say /start@{bot.get('username')} in the group, then try again")


@telegram.command()
@click.option("--check", is_flag=True, help="Only say how things are; agree on nothing.")
@cli_errors
def setup(check: bool) -> None:
    """Agree with Telegram on the moderators' bot.

    Tells Telegram where to report presses, and prints what it knows of the bot and the chat.
    """
    settings = parts().settings
    if missing := [what for name, what in NEEDED.items() if getattr(settings, name) is None]:
        raise click.ClickException(f"not set: {'; '.join(missing)}")
    calls = _calls(settings)
    try:
        _introduce(calls, settings)
        if not check:
            _agree(calls, settings)
        _report(calls.call("getWebhookInfo"), settings)
    except ChatMoved as moved:
        raise click.ClickException(
            f"the group became a supergroup: set FANFARE_TELEGRAM_CHAT_ID to {moved.room}"
        ) from None
    except (ChatClosed, ChatRefused, TryAgain) as fault:
        raise failure(str(fault)) from None
    finally:
        calls.close()


@telegram.command(name="show")
@click.argument("ids", nargs=-1)
@cli_errors
def show_(ids: tuple[str, ...]) -> None:
    """Bring messages up to date: of IDS, or of all that wait."""
    p = parts()
    found = moderator_chat(p)
    if found is None:
        raise click.ClickException("there is no bot: `fanfare telegram setup` says what is missing")
    waiting = [] if ids else [it.id for it in p.notifications.queue(QueueQuery()).items]
    try:
        for id in (*ids, *waiting):
            p.notifications.get(NotificationId(id))
            show(NotificationId(id), moderator_chat=found)
            say(f"{id} is shown as it is")
    except (ChatClosed, ChatRefused, ChatMoved, TryAgain) as fault:
        raise failure(str(fault)) from None


def _calls(settings: Settings) -> TelegramCalls:
    if settings.telegram_bot_token is None:
        raise click.ClickException(f"not set: {NEEDED['telegram_bot_token']}")
    return TelegramCalls(settings.telegram_bot_token, settings.telegram_url)


def _introduce(calls: TelegramCalls, settings: Settings) -> None:
    bot: JsonObject = calls.call("getMe")
    say(f"bot      {bot.get('first_name')} (@{bot.get('username')}, {bot.get('id')})")
    room: JsonObject = calls.call("getChat", chat_id=settings.telegram_chat_id)
    title = room.get("title") or room.get("first_name")
    say(f"chat     {title} ({room.get('type')}, {room.get('id')})")
    member: JsonObject = calls.call(
        "getChatMember", chat_id=settings.telegram_chat_id, user_id=calls.bot_id
    )
    say(f"rights   {_rights(member)}")


def _rights(member: JsonObject) -> str:
    status = str(member.get("status"))
    may = {"member", "administrator", "creator"}
    if status in may or (status == "restricted" and member.get("can_send_messages")):
        return f"{status}: it may write, and it hears presses and replies to itself"
    return f"{status}: it may NOT write; add it to the group and let it send messages"


def _agree(calls: TelegramCalls, settings: Settings) -> None:
    secret = settings.telegram_webhook_secret
    calls.call(
        "setWebhook",
        url=settings.function_url(FUNCTION),
        secret_token=secret.get_secret_value() if secret else None,
        allowed_updates=UPDATES,
    )


def _report(webhook: JsonObject, settings: Settings) -> None:
    url = str(webhook.get("url", ""))
    ours = url == settings.function_url(FUNCTION)
    say(f"webhook  {url or 'none'}{'' if ours else ' (not ours: run this without --check)'}")
    say(f"updates  {', '.join(webhook.get('allowed_updates', ())) or 'all'}")
    say(f"waiting  {webhook.get('pending_update_count', 0)}")
    if error := webhook.get("last_error_message"):
        say(f"trouble  {error}")
