"""The check whether content fits into a push, which only the renderers of the push services can
make.

JSON within JSON, links that stand in several places and characters that are escaped make any other
count wrong; so every service renders the content as it would be sent.
"""

from datetime import UTC, datetime, timedelta
from typing import Final

from pydantic.alias_generators import to_camel

from shared.domain.content.content import CHECKED, Content
from shared.domain.content.shown import Shown, shown
from shared.domain.errors import FieldError
from shared.domain.push.languages import LANGUAGES, Language
from shared.domain.push.rendering import Options

LONGEST_ID: Final = "N" * 20
"""Ids of notifications have this many characters; its number for Huawei is as long as any."""
_ANY_DAY: Final = datetime(2030, 1, 1, tzinfo=UTC)


def oversize(content: Content) -> list[FieldError]:
    """List the fields to shorten so that the content fits into every service's payload.

    Whichever is longest comes first; another is named where that one alone would not do.
    """
    excess = {it: size(content, it) - it.most_bytes for it in LANGUAGES.values()}
    service = max(excess, key=excess.__getitem__)
    left = excess[service]
    faults: list[FieldError] = []
    for name, share in _shares(content, service):
        if left <= 0:
            break
        faults.append(_fault(name, service, excess[service]))
        left -= share
    return faults


def size(content: Content, service: Language) -> int:
    """Count what this content takes of a push at most, whenever it is sent."""
    return service.size(*largest(content))


def largest(content: Content) -> tuple[Shown, Options]:
    """Return what of this content renders longest: sent at once, with all its life before it."""
    life = content.expiry_seconds
    expires_at = None if life is None else _ANY_DAY + timedelta(seconds=life)
    return shown(content), Options(LONGEST_ID, _ANY_DAY, _ANY_DAY, expires_at)


def _shares(content: Content, service: Language) -> list[tuple[str, int]]:
    """List by field how many bytes it takes, most first."""
    whole = size(content, service)
    shares = {
        name: whole - size(content.model_copy(update={name: None}), service)
        for name in Content.model_fields
        if name in CHECKED and getattr(content, name)
    }
    return sorted(shares.items(), key=lambda it: -it[1])


def _fault(name: str, service: Language, excess: int) -> FieldError:
    field, most = to_camel(name), service.most_bytes
    sentence = (
        f"texts and links together take {most + excess} bytes in a push and {service.name} takes"
        f" {most}; shorten {field}"
    )
    return FieldError(field, "payloadTooBig", sentence)
