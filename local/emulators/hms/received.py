"""The requests that the Huawei emulator received: an entry for each address, by its request's
number.
"""

from collections.abc import Mapping
from dataclasses import dataclass

import orjson

from local.emulators.fcm.received import MessageEntry
from local.emulators.push.received import RequestLog

Json = Mapping[str, object]


@dataclass(frozen=True, slots=True)
class RequestEntry(MessageEntry):
    """One address of the request with this number. ``status`` is Huawei's code if there is one."""

    request: int


class HmsReceived(RequestLog):
    """Addresses, with a count of requests."""

    def forget(self) -> None:
        """Reset all counts."""
        super().forget()
        self._requests = 0

    def request(self) -> int:
        """Count one more; returns which one it is."""
        self._requests += 1
        return self._requests

    def summary(self) -> dict[str, object]:
        """Return the number of requests, and the sums over addresses."""
        return {"requests": self._requests, **super().summary()}


def notification_id(message: Json) -> str:
    """Read the notification's id from the message's data."""
    try:
        data = orjson.loads(str(message.get("data")))
    except orjson.JSONDecodeError:
        return ""
    return str(data.get("notificationId", "")) if isinstance(data, dict) else ""


def replace_key(message: Json) -> str:
    """Return the tag, empty unless there is also a number to replace by."""
    android = message.get("android")
    shown = android.get("notification") if isinstance(android, dict) else None
    if not isinstance(shown, dict) or not shown.get("notify_id"):
        return ""
    return str(shown.get("tag", ""))
