"""A notification as a desktop polls it: the fields of its slot."""

from dataclasses import dataclass
from datetime import UTC, datetime
from typing import Final

from shared.domain.audience.device import Slot
from shared.domain.content.shown import SLOT_NAMES, Shown
from shared.domain.push.rendering import Json, Options, without_none


@dataclass(frozen=True, slots=True)
class SlotPayload:
    """Content that every desktop's slot is to hold: ``slot`` says which notification, ``fields``
    what.
    """

    slot: Slot
    fields: Json


UNREAD: Final = Slot("", datetime.max.replace(tzinfo=UTC))
"""Stands for a slot that was not read."""


@dataclass(frozen=True, slots=True)
class SlotWrite:
    """A desktop's document to be given this notification.

    ``slot`` is what the document showed at ``read_version``. Left out, the document is read first:
    it may show something newer.
    """

    hwid: str
    read_version: str
    slot: Slot | None = UNREAD


def payload(shown: Shown, options: Options) -> SlotPayload:
    """Render the fields to write; those of a slot that are absent here are to be removed."""
    fields = without_none(
        pendingNotificationId=options.id,
        pendingNotificationAt=options.sending_at,
        pendingNotificationExpiresAt=options.expires_at,
        **{field: getattr(shown, name) for name, field in SLOT_NAMES.items()},
    )
    return SlotPayload(Slot(options.id, options.sending_at), fields)
