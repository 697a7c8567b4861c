"""The callable protocol of Firebase, spoken by ourselves: ``{"data"}`` in, ``{"result"}`` out.

Google's own wrapper answers malformed JSON with 500 and any trouble with a token with 401; by the
protocol the one is 400 INVALID_ARGUMENT, and only a bad token is 401.
"""

import json
import re
from collections.abc import Callable, Mapping
from typing import Any, TypeVar

from flask import Request, Response

from functions.http.api import secured
from functions.http.bodies import Given, decode, parse, read
from functions.http.callers import Caller, Who
from functions.http.cors import for_browsers, preflight
from functions.http.errors import note, tell
from functions.http.logs import trace_of
from shared.domain.errors import Malformed

G = TypeVar("G", bound=Given)

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
"""The protocol's HTTP status for each word we use; it is not always the one of REST."""

_WHOLE_NUMBERS = frozenset(
    f"type.googleapis.com/google.protobuf.{kind}Value" for kind in ("Int64", "UInt64")
)
_DIGITS = re.compile(r"-?[0-9]{1,20}")


def answered(
    request: Request,
    function: str,
    who: Who,
    model: type[G],
    verb: Callable[[Caller, G], object],
    *,
    choose: Callable[[Mapping[str, object]], type[G]] | None = None,
) -> Response:
    """Call ``verb`` with what was sent, if ``who`` lets the caller through.

    ``choose`` picks the model where it depends on what was sent.
    """
    if request.method == "OPTIONS":
        return preflight(request)
    trace = trace_of(request)
    try:
        data = _data(request)
        caller = who(request, {})
        chosen = choose(data) if choose else model
        result = verb(caller, parse(json.dumps(data).encode(), chosen))
        response = _enveloped({"result": result}, 200)
    except Exception as error:  # noqa: BLE001 - the table knows every class
        note(error, trace, function)
        response = _refused(error, trace)
    return for_browsers(request, secured(response))


def _data(request: Request) -> dict[str, object]:
    if request.method != "POST":
        raise Malformed("call this with POST")
    envelope = decode(read(request))
    if set(envelope) != {"data"}:
        raise Malformed('the body must be {"data": …} and nothing else')
    try:
        data = _plain(envelope["data"])
    except RecursionError:
        raise Malformed("data is nested too deeply") from None
    if data is not None and not isinstance(data, dict):
        raise Malformed("data must be an object")
    return data or {}


def _plain(value: Any) -> Any:
    """Without the wrappers in which SDKs send whole numbers of 64 bits."""
    if isinstance(value, list):
        return [_plain(each) for each in value]
    if not isinstance(value, dict):
        return value
    kind = value.get("@type")
    if isinstance(kind, str) and kind in _WHOLE_NUMBERS:
        return _whole_number(value.get("value"))
    return {name: _plain(each) for name, each in value.items()}


def _whole_number(text: object) -> int:
    if not _DIGITS.fullmatch(str(text)):
        raise Malformed("a wrapped whole number cannot be read")
    return int(str(text))


def _refused(error: Exception, trace: str) -> Response:
    told = tell(error, trace)
    details: dict[str, object] = {"code": told.code, **told.details}
    if told.errors:
        details["errors"] = [
            {"field": e.field, "code": e.code, "message": e.message} for e in told.errors
        ]
    fault = {"status": told.row.word, "message": told.message, "details": details}
    response = _enveloped({"error": fault}, STATUSES[told.row.word])
    if told.retry_after_seconds is not None:
        response.headers["Retry-After"] = str(told.retry_after_seconds)
    return response


def _enveloped(value: object, status: int) -> Response:
    text = json.dumps(value, ensure_ascii=False, separators=(",", ":"))
    return Response(text, status, mimetype="application/json")
