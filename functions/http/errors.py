"""The conversion of errors to answers: one table for all doors, and the door of Google's services.

REST tells an error as a problem (``api``), callables in their envelope (``callables``). A task,
event or tick must not be repeated for what will never work, so there a refusal is a success.
"""

from collections.abc import Callable, Iterable, Mapping
from dataclasses import dataclass
from functools import wraps
from typing import TypeVar

from flask import Response, abort, request

from functions.http.bearer import APP_CHECK, bearer
from functions.http.logs import log, message_of, trace_of
from shared.domain.errors import (
    Defect,
    FieldError,
    Forbidden,
    InProgress,
    InvalidInput,
    Malformed,
    NotFound,
    Refusal,
    TooMany,
    TryAgain,
    Unauthenticated,
    WrongState,
)
from shared.flow.notifications.once import KeyReused
from shared.wiring import parts

A = TypeVar("A")


class TooLarge(Malformed):
    """A body longer than any request needs."""

    code = "tooLarge"


class UnsupportedMediaType(Malformed):
    """A body that is not said to be JSON in UTF-8."""

    code = "unsupportedMediaType"


class NoSuchEndpoint(Refusal):
    """A path that no door has."""

    code = "noSuchEndpoint"


class MethodNotAllowed(Refusal):
    """A method that the path does not take."""

    code = "methodNotAllowed"

    def __init__(self, allowed: str) -> None:
        super().__init__(f"use one of {allowed}")
        self.allowed = allowed


@dataclass(frozen=True, slots=True)
class Row:
    """One class of error: its status in REST, its word in callables, and its title."""

    status: int
    word: str
    title: str


TABLE: Mapping[type[Exception], Row] = {
    Malformed: Row(400, "INVALID_ARGUMENT", "Malformed request"),
    TooLarge: Row(413, "INVALID_ARGUMENT", "Request too large"),
    UnsupportedMediaType: Row(415, "INVALID_ARGUMENT", "Unsupported media type"),
    InvalidInput: Row(422, "INVALID_ARGUMENT", "Invalid fields"),
    KeyReused: Row(422, "INVALID_ARGUMENT", "Idempotency-Key reused"),
    Unauthenticated: Row(401, "UNAUTHENTICATED", "Not signed in"),
    Forbidden: Row(403, "PERMISSION_DENIED", "Not allowed"),
    NotFound: Row(404, "NOT_FOUND", "Not found"),
    NoSuchEndpoint: Row(404, "NOT_FOUND", "No such endpoint"),
    MethodNotAllowed: Row(405, "INVALID_ARGUMENT", "Method not allowed"),
    WrongState: Row(409, "FAILED_PRECONDITION", "Wrong state"),
    InProgress: Row(409, "ABORTED", "In progress"),
    TooMany: Row(429, "RESOURCE_EXHAUSTED", "Too many requests"),
    Refusal: Row(400, "FAILED_PRECONDITION", "Refused"),
    TryAgain: Row(503, "UNAVAILABLE", "Try again"),
    Exception: Row(500, "INTERNAL", "Internal error"),
}
"""The nearest class counts: an error without a row of its own is told as its parent is."""


STATUSES: Mapping[str, int] = {
    "INVALID_ARGUMENT": 400,
    "FAILED_PRECONDITION": 400,
    "UNAUTHENTICATED": 401,
    "PERMISSION_DENIED": 403,
    "NOT_FOUND": 404,
    "ABORTED": 409,
    "RESOURCE_EXHAUSTED": 429,
    "INTERNAL": 500,
    "UNAVAILABLE": 503,
}
"""The callable protocol's HTTP status for each word we use; it is not always the one of REST."""


@dataclass(frozen=True, slots=True)
class ErrorView:
    """The part of an error that its caller is shown."""

    row: Row
    code: str
    message: str
    details: Mapping[str, object]
    errors: tuple[FieldError, ...] = ()
    retry_after_seconds: int | None = None


def describe_error(error: Exception, trace: str) -> ErrorView:
    """Put ``error`` in words for its caller. Internal errors expose only the trace id."""
    row = next(TABLE[kind] for kind in type(error).__mro__ if kind in TABLE)
    match error:
        case NotFound():  # one sentence, so that another tenant's record cannot be told from none
            return ErrorView(row, error.code, "There is none, or it is not yours.", {})
        case Refusal():
            errors = error.errors if isinstance(error, InvalidInput) else ()
            wait = error.retry_after_seconds if isinstance(error, (TooMany, InProgress)) else None
            return ErrorView(row, error.code, error.message, error.details, errors, wait)
        case TryAgain():
            wait = max(1, error.retry_after_seconds)
            return ErrorView(row, "tryAgain", error.message, {}, (), wait)
    broken = f"Something broke on our side. If it does not pass, tell us this reference: {trace}"
    return ErrorView(row, "internal", broken, {})


def log_error(error: Exception, trace: str, where: str, *, hide: Iterable[str] = ()) -> None:
    """Log what a person may have to look at; a caller's own mistake is not that."""
    token = request.headers.get("Authorization", "").partition(" ")[2]
    secrets = [token, request.headers.get(APP_CHECK, ""), *hide]
    if isinstance(error, TryAgain):
        log("WARNING", f"{where}: try again: {message_of(error)}", trace=trace, hide=secrets)
    elif not isinstance(error, Refusal):
        kind = "defect" if isinstance(error, Defect) else "unexpected"
        log(
            "ERROR", f"{where}: {kind}: {message_of(error)}", trace=trace, error=error, hide=secrets
        )


def service_door(
    function: str, account: str
) -> Callable[[Callable[[A], object]], Callable[[A], Response]]:
    """Let only ``account`` (``tasks``, ``events``, ``scheduler``) call, with a token for
    ``function``; what the handler raises decides whether Google calls again.

    Answers other than 200 are raised, because an event function's return value is not looked at.
    """

    def guarded(handler: Callable[[A], object]) -> Callable[[A], Response]:
        @wraps(handler)
        def door(sent: A) -> Response:
            trace = trace_of(request)
            try:
                _check_service(function, account)
                handler(sent)
            except _NotTheService as refused:
                log("WARNING", f"{function}: {refused}", trace=trace)
                abort(Response("unauthenticated\n", 401, {"WWW-Authenticate": "Bearer"}))
            except Refusal as refusal:
                message = f"{function}: refused for good: {message_of(refusal)}"
                log("WARNING", message, trace=trace, code=refusal.code)
            except Exception as error:  # noqa: BLE001 - the table knows every class
                log_error(error, trace, function)
                abort(_again(describe_error(error, trace)))
            return Response("OK\n", 200, mimetype="text/plain")

        return door

    return guarded


class _NotTheService(Exception):
    """A caller that is not the service; the handler's own ``Unauthenticated`` is another matter."""


def _check_service(function: str, account: str) -> None:
    p = parts()
    try:
        p.identities.verify_service(bearer(request), function, p.settings.account(account))
    except Unauthenticated as refusal:
        raise _NotTheService(refusal.message) from None


def _again(view: ErrorView) -> Response:
    response = Response(f"{view.code}\n", view.row.status, mimetype="text/plain")
    if view.retry_after_seconds is not None:
        response.headers["Retry-After"] = str(view.retry_after_seconds)
    return response
