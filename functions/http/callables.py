"""The callable protocol of Firebase, spoken by ourselves: ``{"data"}`` in, ``{"result"}`` out.

Google's own wrapper answers malformed JSON with 500 and any trouble with a token with 401; by the
protocol the one is 400 INVALID_ARGUMENT, and only a bad token is 401.
"""

import json
import re
from collections.abc import Callable
from functools import wraps
from typing import Any

from flask import Request, Response
from pydantic import BaseModel

from functions.http.api import JSON, secured
from functions.http.bodies import decode, parse, read
from functions.http.callers import Who
from functions.http.cors import for_browsers, preflight
from functions.http.errors import STATUSES, describe_error, log_error
from functions.http.logs import trace_of
from functions.http.routes import Call, Choice, Handler, I, Protocol, Reply, Route, Table
from shared.domain.errors import Malformed

EntryPoint = Callable[[Request], Response]

_WHOLE_NUMBERS = frozenset(
    f"type.googleapis.com/google.protobuf.{kind}Value" for kind in ("Int64", "UInt64")
)
_DIGITS = re.compile(r"-?[0-9]{1,20}")


class Callables(Table):
    """The rows of callables, each a function of its own."""

    def callable(
        self,
        *,
        who: Who,
        input: type[I],
        answer: type[BaseModel],
        choice: Choice[I] | None = None,
    ) -> Callable[[Handler[I]], EntryPoint]:
        """Enter the decorated handler into the table and make it an entry point of its name."""

        def entered(handler: Handler[I]) -> EntryPoint:
            route = Route(
                protocol=Protocol.CALLABLE,
                function=handler.__name__.replace("_", "-"),
                method="POST",
                path="/",
                who=who,
                handler=handler,
                input=input,
                answer=answer,
                choice=choice,
            )
            self.routes.append(route)

            @wraps(handler)
            def entry_point(request: Request) -> Response:
                return _respond(route, request)

            return entry_point

        return entered


def _respond(route: Route, request: Request) -> Response:
    """Answer any request to a callable; errors as their table says."""
    if request.method == "OPTIONS":
        return preflight(request)
    trace = trace_of(request)
    try:
        data = _data(request)
        caller = route.who(request, {})
        model = route.choice.pick(data) if route.choice else route.input
        input = parse(json.dumps(data).encode(), model)
        result = _result(route.handler(Call(request, caller, {}, input)))
        response = _enveloped({"result": result}, 200)
    except Exception as error:  # noqa: BLE001 - the table knows every class
        log_error(error, trace, route.function)
        response = _refused(error, trace)
    return for_browsers(request, secured(response))


def _data(request: Request) -> dict[str, object]:
    if request.method != "POST":
        raise Malformed("call this with POST")
    envelope = decode(read(request))
    if set(envelope) != {"data"}:
        raise Malformed('the body must be {"data": …} and nothing else')
    try:
        data = _unwrapped(envelope["data"])
    except RecursionError:
        raise Malformed("data is nested too deeply") from None
    if data is not None and not isinstance(data, dict):
        raise Malformed("data must be an object")
    return data or {}


def _unwrapped(value: Any) -> Any:
    """Take off the wrappers in which SDKs send whole numbers of 64 bits."""
    if isinstance(value, list):
        return [_unwrapped(each) for each in value]
    if not isinstance(value, dict):
        return value
    kind = value.get("@type")
    if isinstance(kind, str) and kind in _WHOLE_NUMBERS:
        return _whole_number(value.get("value"))
    return {name: _unwrapped(each) for name, each in value.items()}


def _whole_number(text: object) -> int:
    if not _DIGITS.fullmatch(str(text)):
        raise Malformed("a wrapped whole number cannot be read")
    return int(str(text))


def _result(reply: Reply) -> object:
    body = reply.body
    if isinstance(body, BaseModel):
        return body.model_dump(mode="json", by_alias=True, exclude_unset=True)
    return body


def _refused(error: Exception, trace: str) -> Response:
    view = describe_error(error, trace)
    details: dict[str, object] = {"code": view.code, **view.details}
    if view.errors:
        details["errors"] = [
            {"field": e.field, "code": e.code, "message": e.message} for e in view.errors
        ]
    fault = {"status": view.row.word, "message": view.message, "details": details}
    response = _enveloped({"error": fault}, STATUSES[view.row.word])
    if view.retry_after_seconds is not None:
        response.headers["Retry-After"] = str(view.retry_after_seconds)
    return response


def _enveloped(value: object, status: int) -> Response:
    text = json.dumps(value, ensure_ascii=False, separators=(",", ":"))
    return Response(text, status, mimetype=JSON)
