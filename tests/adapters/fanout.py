"""What the contract tests of the fan-out share: devices as documents, and a line that breaks."""

from collections.abc import Callable, Mapping, Sequence
from typing import Any

import httpx

from shared.adapters.firestore.rest import FirestoreRest
from shared.adapters.firestore.rest_values import decode_fields, encode, write
from shared.domain.audience.device import Device, Slot, derive
from shared.domain.notifications.lifecycle import Status
from shared.domain.notifications.notification import Notification
from shared.stores.codec import present
from shared.stores.device_codec import DEVICES, registration_fields
from shared.wire.kept_transport import KeptTransport
from tests.builders import NOON, a_notification, with_run

Documents = Mapping[str, Mapping[str, Any]]
WITHOUT_WAITING: Callable[[float], None] = lambda seconds: None  # noqa: E731


def as_document(device: Device, **changes: Any) -> dict[str, Any]:
    """Make a device as registration and derivation leave it; ``None`` takes a field away."""
    derived = derive(device.hwid, device.locale, device.domains)
    fields = registration_fields(device, derived)
    if device.slot:
        fields |= slot_document(device.slot)
    return present({**fields, **changes})


def slot_document(slot: Slot) -> dict[str, Any]:
    return {"pendingNotificationId": slot.id, "pendingNotificationAt": slot.at}


def put_devices(rest: FirestoreRest, documents: Documents) -> None:
    """Write whole documents, as an existing back end would."""
    rest.commit(
        [
            write(rest.name(DEVICES, hwid), {name: encode(v) for name, v in document.items()})
            for hwid, document in documents.items()
        ]
    )


def device_document(rest: FirestoreRest, hwid: str) -> dict[str, Any] | None:
    found = rest.get(rest.name(DEVICES, hwid))
    return None if found is None else decode_fields(found)


def a_sending_notification(id: str = "n1", **changes: Any) -> Notification:
    return with_run(a_notification(id, Status.SENDING), sending_at=NOON, **changes)


class BadLine(httpx.BaseTransport):
    """Carries requests until told what to do with the next ones whose path ends with ``ending``.

    ``drop`` loses the request, ``mute`` carries it out and loses the answer, ``late`` carries it
    out only just before the next one. A callable runs after the request was carried out and before
    its answer is lost; a response is given instead.
    """

    def __init__(self, line: httpx.BaseTransport | None = None) -> None:
        self._line = line or KeptTransport()
        self._ending, self._faults = "", list[Any]()
        self._late: list[httpx.Request] = []
        self.requests: list[httpx.Request] = []

    def next(self, ending: str, *faults: "str | httpx.Response | Callable[[], None]") -> None:
        self._ending, self._faults = ending, list(faults)

    def handle_request(self, request: httpx.Request) -> httpx.Response:
        self.requests.append(request)
        if not request.url.path.endswith(self._ending):
            return self._line.handle_request(request)
        while self._late:
            self._carry_out(self._late.pop())
        if not self._faults:
            return self._line.handle_request(request)
        act = self._faults.pop(0)
        if isinstance(act, httpx.Response):
            return act
        if act == "late":
            self._late.append(request)
        elif act != "drop":
            self._carry_out(request)
        if callable(act):
            act()
        raise httpx.ReadError("the line broke")

    def _carry_out(self, request: httpx.Request) -> None:
        answer = self._line.handle_request(request)
        answer.read()
        answer.close()

    def sent(self, ending: str) -> int:
        """Count the requests that went out."""
        return sum(request.url.path.endswith(ending) for request in self.requests)

    def close(self) -> None:
        self._line.close()


def hwids(targets: Sequence[tuple[str, Any]]) -> list[str]:
    return [target.hwid for _, target in targets]
