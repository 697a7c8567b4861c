"""What one attempt at one push address was answered, whichever push service it was."""

from collections.abc import Mapping
from dataclasses import dataclass
from datetime import datetime
from typing import Protocol


class Response(Protocol):
    """A push service's own words: what came back over the wire. Names of headers in lower case."""

    @property
    def status(self) -> int: ...
    @property
    def headers(self) -> Mapping[str, str]: ...
    @property
    def body(self) -> bytes: ...


@dataclass(frozen=True, slots=True)
class Accepted:
    """The push service took it; ``receipt`` is its own name for the message."""

    receipt: str = ""


@dataclass(frozen=True, slots=True)
class Rejected:
    """It will never take this one. The address is kept: nothing is wrong with it."""

    code: str


@dataclass(frozen=True, slots=True)
class AddressGone:
    """The address is dead. With ``as_of``, only if it was registered no later than that."""

    code: str
    as_of: datetime | None = None


@dataclass(frozen=True, slots=True)
class Later:
    """Not now. ``ambiguous``: it may have been taken, the answer was lost.

    Not ``tried``: there was no turn for it, so it says nothing of how the service is. ``of_app``:
    the service said in so many words that the whole app asks for too much, not this address.
    """

    code: str
    retry_after_seconds: float | None = None
    ambiguous: bool = False
    tried: bool = True
    of_app: bool = False


@dataclass(frozen=True, slots=True)
class Misconfigured:
    """Our credentials or configuration are refused, as far as this address tells. It is kept.

    It may be the address alone (a development build), or pass. So it is asked again, and believed
    of others only as ``shared.domain.delivery.evidence`` says. ``certain``: no service said so, we
    know it.
    """

    code: str
    certain: bool = False


@dataclass(frozen=True, slots=True)
class Unsendable:
    """The content is refused for this address. Others may well take it."""

    code: str


Answer = Accepted | Rejected | AddressGone | Later | Misconfigured | Unsendable
