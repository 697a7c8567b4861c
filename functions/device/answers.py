"""Answers of ``device-api``."""

from functions.http.models import Answer, Moment


class RegisteredAnswer(Answer):
    """A device's sign-in from now on; its secret comes with the first registration only."""

    custom_token: str
    device_secret: str | None = None


class PendingNotification(Answer):
    """A notification as a desktop shows it."""

    id: str
    title: str
    body: str
    at: Moment
    url: str | None
    url_button_name: str | None
    force_timer: int | None
    image: str | None


class PendingAnswer(Answer):
    """A desktop's one slot."""

    notification: PendingNotification | None
