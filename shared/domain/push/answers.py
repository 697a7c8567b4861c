"""An answer to one attempt at one push address, whichever push service gave it."""

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
    """Acceptance by the push service; ``receipt`` is the service's own name for the message."""

    receipt: str = ""


@dataclass(frozen=True, slots=True)
class Rejected:
    """Final refusal of this push. The address is kept: nothing is wrong with it."""

    code: str


@dataclass(frozen=True, slots=True)
class AddressGone:
    """Dead address. With ``as_of``, only if the address was registered no later than that."""

    code: str
    as_of: datetime | None = None


@dataclass(frozen=True, slots=True)
class RetryLater:
    """Refusal for now. ``ambiguous``: the push may have been taken, the answer was lost.

    Not ``tried``: there was no turn for the push, so the answer says nothing of how the service is.
    ``of_app``: the service said in so many words that the whole app asks for too much, not this
    address.
    """

    code: str
    retry_after_seconds: float | None = None
    ambiguous: bool = False
    tried: bool = True
    of_app: bool = False


@dataclass(frozen=True, slots=True)
class Misconfigured:
    """Refusal of our credentials or configuration, as far as this address tells. The address is
    kept.

    The refusal may be of the address alone (a development build), or pass. So the address is asked
    again, and the refusal believed of others only as ``shared.domain.delivery.evidence`` says.
    ``certain``: no service said so, we know it of our own configuration.
    """

    code: str
    certain: bool = False


@dataclass(frozen=True, slots=True)
class Unsendable:
    """Refusal of the content for this address. Others may well take the content."""

    code: str


Answer = Accepted | Rejected | AddressGone | RetryLater | Misconfigured | Unsendable
