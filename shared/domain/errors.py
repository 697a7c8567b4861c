"""Errors: every way in which Fanfare can refuse a request.

    Refusal          the caller asked for something that cannot be done; repeating it will not help
      Malformed, InvalidInput, Unauthenticated, Forbidden, NotFound, WrongState, InProgress, TooMany
    TryAgain         nothing is wrong with the request; later it will work
    LostLease        another task owns the record by now; this one stops at once
    Defect           our own data or code is broken; a person must look

Doors translate these once, in ``functions/http/errors.py``. A ``code`` is stable and part of the
API; the sentence is for people and says what to do next.
"""

from collections.abc import Iterable, Mapping
from dataclasses import dataclass


@dataclass(frozen=True, slots=True)
class FieldError:
    """One fault of one field: where (``targetSegment.region.0``), which (stable), and why."""

    field: str
    code: str
    message: str


class Refusal(Exception):
    """The request is understood and refused. ``details`` is sent to the caller as it is."""

    code = "refused"

    def __init__(
        self, message: str, *, code: str | None = None, details: Mapping[str, object] | None = None
    ) -> None:
        super().__init__(message)
        self.message = message
        self.code = code or self.code
        self.details = dict(details or {})


class Malformed(Refusal):
    """The request could not be read at all: not JSON, too large, wrong content type."""

    code = "malformed"


class InvalidInput(Refusal):
    """Readable, but with faults in its fields: all of them, at once."""

    code = "invalidInput"

    def __init__(self, errors: Iterable[FieldError], message: str = "") -> None:
        self.errors = tuple(errors)
        what = "field" if len(self.errors) == 1 else "fields"
        super().__init__(message or f"{len(self.errors)} {what} must be corrected")


class Unauthenticated(Refusal):
    """A caller we do not know: no credential, or one forged, expired or for someone else."""

    code = "unauthenticated"


class Forbidden(Refusal):
    """Known, but not allowed: another role, no premium, a lesser plan."""

    code = "forbidden"


class NotFound(Refusal):
    """There is none, or it belongs to someone else; the two look the same on purpose."""

    code = "notFound"


class WrongState(Refusal):
    """The move is not in the lifecycle table for the state the record is in by now."""

    code = "wrongState"


class InProgress(Refusal):
    """The same request is being handled right now; ask again in a moment."""

    code = "inProgress"

    def __init__(self, message: str, *, retry_after_seconds: int = 1) -> None:
        super().__init__(message)
        self.retry_after_seconds = retry_after_seconds


class TooMany(Refusal):
    """A limit is reached. ``retry_after_seconds`` says when it may be tried again."""

    code = "tooMany"

    def __init__(self, message: str, *, retry_after_seconds: int, code: str | None = None) -> None:
        super().__init__(message, code=code, details={"retryAfterSeconds": retry_after_seconds})
        self.retry_after_seconds = retry_after_seconds


class TryAgain(Exception):
    """A passing hindrance: contention, a held lease, a service that is briefly away."""

    def __init__(self, message: str, *, retry_after_seconds: int = 1) -> None:
        super().__init__(message)
        self.message = message
        self.retry_after_seconds = retry_after_seconds


class LostLease(Exception):
    """Lost claim: another task writes this batch or plan part now; stop at once."""


class Defect(Exception):
    """A record or an answer that cannot be. Says which one, so that it can be found."""
