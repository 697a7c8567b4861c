"""Whether content fits into a push, which only the renderers of the push services can say.

JSON within JSON, links that stand in several places and characters that are escaped make any other
count wrong; so every service renders the content as it would be sent.
"""

from collections.abc import Callable, Mapping
from typing import NamedTuple

from pydantic.alias_generators import to_camel

from shared.domain.content.content import Content
from shared.domain.errors import FieldError
from shared.domain.push import apns, fcm, hms


class Bound(NamedTuple):
    """How much of a notification's content a push service takes."""

    most: int
    size: Callable[[Content], int]


BOUNDS: Mapping[str, Bound] = {
    "FCM": Bound(fcm.MOST_PAYLOAD_BYTES, fcm.payload_bytes),
    "APNs": Bound(apns.MOST_PAYLOAD_BYTES, apns.payload_bytes),
    "Huawei Push Kit": Bound(hms.MOST_BODY_BYTES, hms.payload_bytes),
}
_SHORTENABLE = ("title", "body", "image", "url", "url_button_name")


def oversize(content: Content) -> list[FieldError]:
    """List the fields to shorten so that the content fits into every service's payload.

    Whichever is longest comes first; another is named where that one alone would not do.
    """
    excess = {name: bound.size(content) - bound.most for name, bound in BOUNDS.items()}
    service = max(excess, key=excess.__getitem__)
    left = excess[service]
    faults: list[FieldError] = []
    for name, share in _shares(content, BOUNDS[service].size):
        if left <= 0:
            break
        faults.append(_fault(name, service, excess[service]))
        left -= share
    return faults


def _shares(content: Content, size: Callable[[Content], int]) -> list[tuple[str, int]]:
    """List by field how many bytes it takes, most first."""
    whole = size(content)
    shares = {
        name: whole - size(content.model_copy(update={name: None}))
        for name in _SHORTENABLE
        if getattr(content, name)
    }
    return sorted(shares.items(), key=lambda it: -it[1])


def _fault(name: str, service: str, excess: int) -> FieldError:
    field, most = to_camel(name), BOUNDS[service].most
    sentence = (
        f"texts and links together take {most + excess} bytes in a push and {service} takes {most};"
        f" shorten {field}"
    )
    return FieldError(field, "payloadTooBig", sentence)
