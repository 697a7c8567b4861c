"""``platform/…``: single documents about the whole platform, and the emergency brake among them."""

from collections.abc import Mapping
from datetime import datetime
from typing import Any

from shared.ports.database import Database, Put
from shared.stores.change import write
from shared.stores.codec import Fields, Reader
from shared.stores.names import document_name

PLATFORM = "platform"
STOP = "stop"


class StopSwitch:
    """``platform/stop``: while on, nothing is sent and nothing is lost; off until it is pulled."""

    def __init__(self, database: Database) -> None:
        self._database = database

    def is_on(self) -> bool:
        """Tell whether the platform is stopped."""
        document = self._database.get(document_name(PLATFORM, STOP))
        return document is not None and stop_from(document.fields)

    def turn(self, on: bool, by: str, reason: str, at: datetime) -> None:
        """Turn the switch on or off, and keep who did so and why."""
        put = Put(document_name(PLATFORM, STOP), stop_fields(on, by, reason, at))
        write(self._database, [put], "the stop switch")


def stop_fields(on: bool, by: str, reason: str, at: datetime) -> Fields:
    """Build the document of the stop switch, with who turned it last and why."""
    return {"on": on, "by": by, "reason": reason, "at": at}


def stop_from(document: Mapping[str, Any]) -> bool:
    """Read whether the platform is stopped."""
    return Reader(PLATFORM, STOP, document).flag("on")
