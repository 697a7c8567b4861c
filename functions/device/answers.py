"""Answers of ``device-api``."""

from functions.http.models import Answer, Moment, with_fields
from shared.domain.content.content import TEXTS
from shared.domain.content.shown import SHOWN_KINDS


class RegisteredAnswer(Answer):
    """A device's sign-in from now on; its secret comes with the first registration only."""

    custom_token: str
    device_secret: str | None = None


@with_fields({name: kind for name, kind in SHOWN_KINDS.items() if name not in TEXTS}, behind="at")
@with_fields(dict.fromkeys(TEXTS, str), behind="id")
class PendingNotification(Answer):
    """A notification as a desktop shows it."""

    id: str
    at: Moment


class PendingAnswer(Answer):
    """A desktop's one slot."""

    notification: PendingNotification | None
