"""News in the moderators' chat of every change of the way round them: a domain's admin HWIDs."""

import logging
from datetime import timedelta

from shared.domain.chat.cards import devices_changed
from shared.flow.chat.moderator_chat import ModeratorChat
from shared.ports import ChatRefused

TOLD_FOR = timedelta(days=1)
"""An older change is news no more: it was made before there was a bot, or while it was away."""
MOST_AT_ONCE = 10
_log = logging.getLogger(__name__)


def tell_changes(*, moderator_chat: ModeratorChat) -> None:
    """Post the changes that moderators were not told of yet; a change whose note is lost is posted
    twice, and none is left out but those that are old or that the chat refuses.

    Other troubles of the chat end the call, which is made again in a minute.
    """
    for change in moderator_chat.providers.untold_changes(MOST_AT_ONCE):
        if moderator_chat.clock.now() - change.at <= TOLD_FOR:
            try:
                moderator_chat.say(devices_changed(change))
            except ChatRefused:
                _log.exception("moderators were not told of %s's admin HWIDs", change.domain)
        moderator_chat.providers.note_told(change.id)
