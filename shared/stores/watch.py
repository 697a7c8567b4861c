"""What a running batch looks at before every chunk, so that a stop takes effect within a chunk.

Both documents are read as of one moment in one request, twice for every fifty devices. Only the
fields that decide are asked for; the notification's words were read when the batch began.
"""

from dataclasses import dataclass

from shared.domain.delivery.run import RunId
from shared.domain.errors import NotFound
from shared.domain.notifications.lifecycle import Status
from shared.ports.database import Database
from shared.stores.codec import Reader
from shared.stores.names import document_name
from shared.stores.notification_codec import NOTIFICATIONS, status_from
from shared.stores.platform import PLATFORM, STOP, stop_from
from shared.stores.run_codec import LOST_DOMAINS, lost_domains_from
from shared.stores.run_names import run_name

WATCHED_FIELDS = ("status", LOST_DOMAINS, "on")


@dataclass(frozen=True, slots=True)
class SendingState:
    """State that decides whether to go on: a notification's status, whether the whole platform is
    stopped, and which of the notification's domains were taken from its provider.
    """

    status: Status | None
    stopped: bool
    lost_domains: tuple[str, ...] = ()


class Watch:
    """``pendingNotifications/{id}`` and ``platform/stop``, both as of one moment."""

    def __init__(self, database: Database) -> None:
        self._database = database

    def look(self, id: RunId) -> SendingState:
        """Read the state. Raises ``NotFound``."""
        name, switch = run_name(id), document_name(PLATFORM, STOP)
        found = self._database.get_many([name, switch], WATCHED_FIELDS).documents
        if name not in found:
            raise NotFound("there is no such notification")
        fields = found[name].fields
        stopped = switch in found and stop_from(found[switch].fields)
        return SendingState(
            status_from(id, fields), stopped, lost_domains_from(Reader(NOTIFICATIONS, id, fields))
        )
