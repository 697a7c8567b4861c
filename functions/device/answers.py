"""What ``device-api`` answers."""

from functions.http.models import Answer, Moment


class RegisteredAnswer(Answer):
    """How a device signs in from now on; the secret is told at its first registration only."""

    custom_token: str
    device_secret: str | None = None


class PendingNotification(Answer):
    """What a desktop shows."""

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
