"""The push services we speak to, each with its name and its renderer; there is no other list."""

from collections.abc import Callable, Mapping
from typing import NamedTuple

from shared.domain.audience.device import AddressKind
from shared.domain.content.shown import Shown
from shared.domain.push import apns, fcm, hms
from shared.domain.push.answers import Unsendable
from shared.domain.push.rendering import Options, Payload


class Language(NamedTuple):
    """The name, the renderer and the size limit of one push service.

    ``answers_together``: it gives one answer to a request for many addresses.
    """

    name: str
    log_name: str
    payload: Callable[[Shown, Options], Payload | Unsendable]
    size: Callable[[Shown, Options], int]
    most_bytes: int
    answers_together: bool = False


LANGUAGES: Mapping[AddressKind, Language] = {
    AddressKind.FCM: Language("FCM", "FCM", fcm.payload, fcm.size, fcm.MOST_BYTES),
    AddressKind.APNS: Language("APNs", "APNs", apns.payload, apns.size, apns.MOST_BYTES),
    AddressKind.HMS: Language(
        "Huawei Push Kit", "HMS", hms.payload, hms.size, hms.MOST_BYTES, answers_together=True
    ),
}
