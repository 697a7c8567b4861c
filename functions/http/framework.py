"""The framework's own answers, before a function is called, in our words.

It answers a path with a line break in it, ``/favicon.ico`` and an event it cannot read by itself:
with a page of HTML, or with 500, for which Eventarc would bring the same event for a day.
"""

from collections.abc import Callable

from flask import Flask, Request, Response, current_app, has_app_context, request
from werkzeug.exceptions import HTTPException

from functions.http.errors import NoSuchEndpoint, service_door
from functions.http.logs import trace_of
from shared.domain.errors import Malformed, Refusal

Answer = HTTPException | Response


def install_error_handlers() -> None:
    """Install our error handlers on the app being created; no-op outside an app context."""
    if not has_app_context():
        return
    app: Flask = current_app._get_current_object()  # type: ignore[attr-defined]
    if app.name.startswith("on_"):
        app.register_error_handler(Exception, _refusing(app.name.replace("_", "-")))
    else:
        app.register_error_handler(HTTPException, _problem)


def _refusing(function: str) -> Callable[[Exception], Answer]:
    """Refuse what the framework could not read as an event; our own answers pass."""

    @service_door(function, "events")
    def refuse(request: Request) -> None:
        del request
        raise Malformed("this is no CloudEvent that can be read")

    def handle(error: Exception) -> Answer:
        if isinstance(error, HTTPException) and error.code in {None, 405}:
            return error
        try:
            return refuse(request)
        except HTTPException as answer:
            return answer

    return handle


def _problem(error: HTTPException) -> Answer:
    from functions.http.api import problem, secured

    if error.code is None:
        return error
    fault: Refusal = Malformed("the request cannot be read")
    if error.code == 404:
        fault = NoSuchEndpoint("there is nothing at this path")
    return secured(problem(fault, trace_of(request)))
