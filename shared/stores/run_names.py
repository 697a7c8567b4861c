"""Places of runs. That of a notification which is sent once is the notification's document."""

from shared.domain.delivery.run import RunId
from shared.stores.names import document_name
from shared.stores.notification_codec import NOTIFICATIONS


def run_name(id: RunId, *below: str) -> str:
    """Form the name of a run's document, or of one below it."""
    return document_name(NOTIFICATIONS, id, *below)


def run_of(name: str) -> RunId:
    """Read which run the document of this name, a part or a batch, belongs to."""
    return name.split("/")[-3]
