"""What the Huawei stand-in received: an entry for each address, under the number of its request."""

from collections.abc import Mapping
from dataclasses import dataclass

import orjson

from local.emulators.fcm.received import MessageEntry
from local.emulators.push.received import Received

Json = Mapping[str, object]


@dataclass(frozen=True, slots=True)
class RequestEntry(MessageEntry):
    """One address of the request with this number. ``status`` is Huawei's code if there is one."""

    request: int


class HmsReceived(Received):
    """Counts requests besides addresses."""

    def forget(self) -> None:
        """As if nothing had come yet."""
        super().forget()
        self._requests = 0

    def request(self) -> int:
        """Count one more; returns which one it is."""
        self._requests += 1
        return self._requests

    def summary(self) -> dict[str, object]:
        """How many requests, and the sums over addresses."""
        return {"requests": self._requests, **super().summary()}


def notification_id(message: Json) -> str:
    """Which notification this is, as its data says."""
    try:
        data = orjson.loads(str(message.get("data")))
    except orjson.JSONDecodeError:
        return ""
    return str(data.get("notificationId", "")) if isinstance(data, dict) else ""


def replace_key(message: Json) -> str:
    """The tag, empty unless there is also a number to replace by."""
    android = message.get("android")
    shown = android.get("notification") if isinstance(android, dict) else None
    if not isinstance(shown, dict) or not shown.get("notify_id"):
        return ""
    return str(shown.get("tag", ""))
