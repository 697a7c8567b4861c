"""REST doors: how a request finds its row of the table, and how its answer is put."""

import json
from collections.abc import Callable, Iterable
from functools import cached_property, partial

from flask import Request, Response
from pydantic import BaseModel
from werkzeug.exceptions import MethodNotAllowed as WrongMethod
from werkzeug.exceptions import NotFound as NoRule
from werkzeug.routing import BaseConverter, Map, Rule

from functions.http.bodies import body, private_in, query
from functions.http.callers import Caller, Path, Who
from functions.http.cors import for_browsers, preflight
from functions.http.errors import (
    ErrorView,
    MethodNotAllowed,
    NoSuchEndpoint,
    describe_error,
    log_error,
)
from functions.http.logs import trace_of
from functions.http.routes import (
    Body,
    Call,
    Choice,
    Further,
    Handler,
    I,
    Protocol,
    Reply,
    Route,
    Table,
)

JSON = "application/json"
PROBLEM = "application/problem+json"


class Id(BaseConverter):
    """A notification's id, or an API key's."""

    regex = r"[A-Za-z0-9_-]{1,128}"


class Account(BaseConverter):
    """A uid that can name a document."""

    regex = r"(?!\.{1,2}(?:/|$))(?!__)[^/]{1,128}"


class Door(Table):
    """The rows of one REST function, and how a request finds its own."""

    def __init__(
        self, function: str, *, browsers: bool, guard: Callable[[Request], None] | None = None
    ) -> None:
        """Create a door; requests of every row pass the ``guard`` before their caller is known."""
        super().__init__()
        self.function = function
        self.browsers = browsers
        self._guard = guard

    def route(
        self,
        method: str,
        path: str,
        *,
        who: Who,
        input: type[I],
        answer: type[BaseModel] | None,
        status: int = 200,
        others: tuple[int, ...] = (),
        choice: Choice[I] | None = None,
        further: Further | None = None,
        headers: tuple[str, ...] = (),
    ) -> Callable[[Handler[I]], Handler[I]]:
        """Enter the decorated handler into the table."""

        def entered(handler: Handler[I]) -> Handler[I]:
            self.routes.append(
                Route(
                    protocol=Protocol.REST,
                    function=self.function,
                    method=method,
                    path=path,
                    who=who,
                    handler=handler,
                    input=input,
                    answer=answer,
                    status=status,
                    others=others,
                    choice=choice,
                    further=further,
                    headers=headers,
                )
            )
            return handler

        return entered

    def respond(self, request: Request) -> Response:
        """Answer any request; errors as their table says."""
        trace = trace_of(request)
        if self.browsers and request.method == "OPTIONS":
            return preflight(request)
        private: list[str] = []
        try:
            response = self._handled(request, private)
        except Exception as error:  # noqa: BLE001 - the table knows every class
            self._log(error, request, trace, private)
            response = problem(error, trace)
        return for_browsers(request, secured(response)) if self.browsers else secured(response)

    def _handled(self, request: Request, private: list[str]) -> Response:
        """Answer by the request's row; ``private`` is filled with what no error's log may show."""
        route, path = self._match(request)
        private.append(path.get("hwid", ""))
        if self._guard:
            self._guard(request)
        caller = route.who(request, path)
        input = _read(route, request, caller)
        private.extend(private_in(input))
        return _rendered(route.handler(Call(request, caller, path, input)))

    def _match(self, request: Request) -> tuple[Route, Path]:
        adapter = self._map.bind("fanfare")
        try:
            number, path = adapter.match(request.path, request.method)
        except WrongMethod as wrong:
            raise MethodNotAllowed(", ".join(sorted(wrong.valid_methods or ()))) from None
        except NoRule:
            raise NoSuchEndpoint("there is nothing at this path") from None
        return self.routes[int(number)], path

    def _log(self, error: Exception, request: Request, trace: str, private: Iterable[str]) -> None:
        try:
            route, _ = self._match(request)
        except (MethodNotAllowed, NoSuchEndpoint):
            return
        log_error(error, trace, route.endpoint, hide=private)

    @cached_property
    def _map(self) -> Map:
        rules = [
            Rule(route.path, endpoint=str(number), methods=[route.method])
            for number, route in enumerate(self.routes)
        ]
        converters = {"id": Id, "account": Account}
        return Map(rules, converters=converters, merge_slashes=False)


def problem(error: Exception, trace: str) -> Response:
    """Put an error as RFC 9457 has it."""
    view = describe_error(error, trace)
    members: dict[str, object] = {
        "type": f"urn:fanfare:problem:{view.code}",
        "title": view.row.title,
        "status": view.row.status,
        "detail": view.message,
        "instance": f"urn:fanfare:request:{trace}",
        "code": view.code,
    }
    if view.errors:
        members["errors"] = [
            {"field": e.field, "code": e.code, "message": e.message} for e in view.errors
        ]
    if view.details:
        members["details"] = view.details
    response = Response(_dumped(members), view.row.status, mimetype=PROBLEM)
    response.headers.extend(_problem_headers(error, view))
    return response


def secured(response: Response) -> Response:
    """Add the headers that keep an answer from being sniffed, framed, run, or kept unasked."""
    response.headers.setdefault("Cache-Control", "no-store")
    response.headers["X-Content-Type-Options"] = "nosniff"
    response.headers["Content-Security-Policy"] = "default-src 'none'; frame-ancestors 'none'"
    response.headers["Referrer-Policy"] = "no-referrer"
    response.headers["Strict-Transport-Security"] = "max-age=31536000"
    return response


def _read(route: Route, request: Request, caller: Caller) -> BaseModel:
    if route.method == "GET":
        return query(request, route.input)
    pick = route.choice.pick if route.choice else None
    further = partial(route.further, caller) if route.further else None
    return body(request, route.input, pick, further)


def _problem_headers(error: Exception, view: ErrorView) -> dict[str, str]:
    headers = {}
    if view.row.status == 401:
        headers["WWW-Authenticate"] = "Bearer"
    if isinstance(error, MethodNotAllowed):
        headers["Allow"] = error.allowed
    if view.retry_after_seconds is not None:
        headers["Retry-After"] = str(view.retry_after_seconds)
    return headers


def _rendered(reply: Reply) -> Response:
    if reply.body is None:
        response = Response(b"", reply.status)
        del response.headers["Content-Type"]
    else:
        response = Response(_text(reply.body), reply.status, mimetype=JSON)
    response.headers.extend(dict(reply.headers))
    return response


def _text(body: Body) -> str:
    if isinstance(body, BaseModel):
        return body.model_dump_json(by_alias=True, exclude_unset=True)
    return body if isinstance(body, str) else _dumped(body)


def _dumped(value: object) -> str:
    return json.dumps(value, ensure_ascii=False, separators=(",", ":"))
