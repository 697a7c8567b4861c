"""The moderators' chat, as doors reach it: if there is a bot, and without making a noise.

What only an operator can mend (a wrong token, a bot that was thrown out) is logged once by each
process, and the caller goes on: to be called again would not help.
"""

from collections.abc import Callable

from functions.http.logs import log
from shared.domain.errors import TryAgain
from shared.flow.chat.moderator_chat import ModeratorChat
from shared.ports import ChatClosed, ChatMoved, ChatRefused
from shared.wiring import moderator_chat, parts

_logged: set[str] = set()


def in_moderator_chat(work: Callable[[ModeratorChat], None]) -> bool:
    """Do work in the moderators' chat; return whether there is one. Raises ``TryAgain``."""
    chat = moderator_chat(parts())
    if chat is None:
        return False
    try:
        work(chat)
    except (ChatClosed, ChatRefused) as fault:
        _log_once(f"the moderators' chat: {fault}")
    except ChatMoved:
        raise TryAgain("the moderators' chat has moved twice") from None
    return True


def _log_once(message: str) -> None:
    if message not in _logged:
        _logged.add(message)
        log("ERROR", message)
