"""REST doors: a table of routes, and everything that is the same for all of them.

A route says who may call it, what it takes and what it answers. The same table is served, tested
for authorisation row by row (``docs/authorisation.md``) and described as OpenAPI.
"""

import json
from collections.abc import Callable, Iterable, Mapping
from dataclasses import dataclass, field
from functools import cached_property, partial
from typing import Any, Generic, TypeVar

from flask import Request, Response
from pydantic import BaseModel
from werkzeug.exceptions import MethodNotAllowed as WrongMethod
from werkzeug.exceptions import NotFound as NoRule
from werkzeug.routing import BaseConverter, Map, Rule

from functions.http.bodies import body, private_in, query
from functions.http.callers import Caller, Path, Who
from functions.http.cors import for_browsers, preflight
from functions.http.errors import MethodNotAllowed, NoSuchEndpoint, Told, note, tell
from functions.http.logs import trace_of
from shared.domain.errors import FieldError

JSON = "application/json"
PROBLEM = "application/problem+json"
I = TypeVar("I", bound=BaseModel)  # noqa: E741 - I for input


Choose = Callable[[Mapping[str, object]], type[I]]
Further = Callable[[Caller, Mapping[str, object]], Iterable[FieldError]]


class Id(BaseConverter):
    """A notification's id, or an API key's."""

    regex = r"[A-Za-z0-9_-]{1,128}"


class Account(BaseConverter):
    """A uid that can name a document."""

    regex = r"(?!\.{1,2}(?:/|$))(?!__)[^/]{1,128}"


@dataclass(frozen=True, slots=True)
class Call(Generic[I]):
    """One request, decoded and authorised."""

    request: Request
    caller: Caller
    path: Path
    given: I


@dataclass(frozen=True, slots=True)
class Reply:
    """What a handler answers; ``None`` is an empty body, and a text is JSON already."""

    body: BaseModel | Mapping[str, object] | str | None
    status: int = 200
    headers: Mapping[str, str] = field(default_factory=dict)


@dataclass(frozen=True, slots=True)
class Route:
    """One row of a door's table.

    ``given`` is what the route takes: of a GET its query, of all others its JSON body. With
    ``choose`` the body itself says which model it is to be read as; ``further`` finds, in a body
    that has faults, those that depend on the caller. ``answer`` describes the body of ``status``.
    """

    method: str
    path: str
    who: Who
    handler: Callable[[Call[Any]], Reply]
    given: type[BaseModel]
    answer: type[BaseModel] | None
    status: int
    choose: Choose[BaseModel] | None = None
    further: Further | None = None
    headers: tuple[str, ...] = ()

    @property
    def template(self) -> str:
        """The path as people write it: ``/v1/notifications/{id}``."""
        return "".join(
            "{" + part.rpartition(":")[2] + "}" if number % 2 else part
            for number, part in enumerate(self.path.replace("<", ">").split(">"))
        )

    def read(self, request: Request, caller: Caller) -> BaseModel:
        """What was sent, as what the route takes."""
        if self.method == "GET":
            return query(request, self.given)
        further = partial(self.further, caller) if self.further else None
        return body(request, self.given, self.choose, further)


class Door:
    """The table of one function's routes, and how a request finds its row."""

    def __init__(self, function: str, *, browsers: bool) -> None:
        self.function = function
        self.browsers = browsers
        self.routes: list[Route] = []

    def route(
        self,
        method: str,
        path: str,
        *,
        who: Who,
        given: type[I],
        answer: type[BaseModel] | None,
        status: int = 200,
        choose: Choose[I] | None = None,
        further: Further | None = None,
        headers: tuple[str, ...] = (),
    ) -> Callable[[Callable[[Call[I]], Reply]], Callable[[Call[I]], Reply]]:
        """Enter the decorated handler into the table."""

        def entered(handler: Callable[[Call[I]], Reply]) -> Callable[[Call[I]], Reply]:
            self.routes.append(
                Route(method, path, who, handler, given, answer, status, choose, further, headers)
            )
            return handler

        return entered

    def answer(self, request: Request) -> Response:
        """Whatever comes in, an answer goes out; errors as their table says."""
        trace = trace_of(request)
        if self.browsers and request.method == "OPTIONS":
            return preflight(request)
        private: list[str] = []
        try:
            response = self._answered(request, private)
        except Exception as error:  # noqa: BLE001 - the table knows every class
            self._note(error, request, trace, private)
            response = problem(error, trace)
        return for_browsers(request, secured(response)) if self.browsers else secured(response)

    def _answered(self, request: Request, private: list[str]) -> Response:
        """The answer; ``private`` is filled with what must not be in the log of an error."""
        route, path = self._match(request)
        private.append(path.get("hwid", ""))
        caller = route.who(request, path)
        given = route.read(request, caller)
        private.extend(private_in(given))
        return _rendered(route.handler(Call(request, caller, path, given)))

    def _match(self, request: Request) -> tuple[Route, Path]:
        adapter = self._map.bind("fanfare")
        try:
            number, path = adapter.match(request.path, request.method)
        except WrongMethod as wrong:
            raise MethodNotAllowed(", ".join(sorted(wrong.valid_methods or ()))) from None
        except NoRule:
            raise NoSuchEndpoint("there is nothing at this path") from None
        return self.routes[int(number)], path

    def _note(self, error: Exception, request: Request, trace: str, private: Iterable[str]) -> None:
        try:
            route, _ = self._match(request)
        except (MethodNotAllowed, NoSuchEndpoint):
            return
        where = f"{self.function} {route.method} {route.template}"
        note(error, trace, where, hide=private)

    @cached_property
    def _map(self) -> Map:
        rules = [
            Rule(route.path, endpoint=str(number), methods=[route.method])
            for number, route in enumerate(self.routes)
        ]
        converters = {"id": Id, "account": Account}
        return Map(rules, converters=converters, merge_slashes=False)


def problem(error: Exception, trace: str) -> Response:
    """An error as RFC 9457 has it."""
    told = tell(error, trace)
    members: dict[str, object] = {
        "type": f"urn:fanfare:problem:{told.code}",
        "title": told.row.title,
        "status": told.row.status,
        "detail": told.message,
        "instance": f"urn:fanfare:request:{trace}",
        "code": told.code,
    }
    if told.errors:
        members["errors"] = [
            {"field": e.field, "code": e.code, "message": e.message} for e in told.errors
        ]
    if told.details:
        members["details"] = told.details
    response = Response(_dumped(members), told.row.status, mimetype=PROBLEM)
    response.headers.extend(_problem_headers(error, told))
    return response


def secured(response: Response) -> Response:
    """Nothing we answer is to be sniffed, framed or run, nor kept unless it says so itself."""
    response.headers.setdefault("Cache-Control", "no-store")
    response.headers["X-Content-Type-Options"] = "nosniff"
    response.headers["Content-Security-Policy"] = "default-src 'none'; frame-ancestors 'none'"
    response.headers["Referrer-Policy"] = "no-referrer"
    response.headers["Strict-Transport-Security"] = "max-age=31536000"
    return response


def _problem_headers(error: Exception, told: Told) -> dict[str, str]:
    headers = {}
    if told.row.status == 401:
        headers["WWW-Authenticate"] = "Bearer"
    if isinstance(error, MethodNotAllowed):
        headers["Allow"] = error.allowed
    if told.retry_after_seconds is not None:
        headers["Retry-After"] = str(told.retry_after_seconds)
    return headers


def _rendered(reply: Reply) -> Response:
    if reply.body is None:
        response = Response(b"", reply.status)
        del response.headers["Content-Type"]
    else:
        response = Response(_text(reply.body), reply.status, mimetype=JSON)
    response.headers.extend(dict(reply.headers))
    return response


def _text(body: BaseModel | Mapping[str, object] | str) -> str:
    if isinstance(body, BaseModel):
        return body.model_dump_json(by_alias=True, exclude_unset=True)
    return body if isinstance(body, str) else _dumped(body)


def _dumped(value: Mapping[str, object]) -> str:
    return json.dumps(value, ensure_ascii=False, separators=(",", ":"))
