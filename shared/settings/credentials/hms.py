"""``FANFARE_HMS_CREDENTIALS``: an app in AppGallery Connect, and its secret."""

from typing import Annotated

from pydantic import AfterValidator

from shared.settings.credentials.model import PushCredentials, Secret, Text, like

_AS_SHOWN = "must be the number that AppGallery Connect shows"
Number = Annotated[Text, AfterValidator(like("[0-9]{1,32}", _AS_SHOWN))]
NumberIfAny = Annotated[Text, AfterValidator(like("[0-9]{0,32}", _AS_SHOWN))]


class HmsAccount(PushCredentials):
    """An app in AppGallery Connect; with ``project_id`` it sends to every app of its project."""

    app_id: Number
    app_secret: Secret
    project_id: NumberIfAny = ""

    @property
    def send_path(self) -> str:
        """Path of Push Kit's API: version 1 is for one app, version 2 for a project."""
        owner = f"v2/{self.project_id}" if self.project_id else f"v1/{self.app_id}"
        return f"/{owner}/messages:send"
