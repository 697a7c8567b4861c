"""Requests and answers for the documents: those in ``tests/recorded/answers``.

So nobody makes up an example, and what a door answers differently tomorrow, the documents show.
Only what is left out of recordings, because it is new each time, gets the look of a secret again.
"""

import json
import re
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from functools import cache
from typing import Any
from urllib.parse import parse_qsl, unquote

from functions.http.routes import Protocol, Route
from functions.table import routes
from tests.recorded.asking import ANSWERS, AS
from tests.recorded.pages import load

ROWS = tuple(routes())
FUNCTIONS = tuple(dict.fromkeys(row.function for row in ROWS))


@dataclass(frozen=True, slots=True)
class Exchange:
    """A recorded request to a row with its answer; ``answer`` is ``None`` for an empty body."""

    about: str
    path: str
    body: Any
    status: int
    answer: Any
    headers: Mapping[str, str]
    sent: Mapping[str, str]

    @property
    def code(self) -> str:
        """The code with which it was refused."""
        if self.status < 400:
            return ""
        error = self.answer.get("error")
        return str(error["details"]["code"] if error else self.answer["code"])

    @property
    def query(self) -> Mapping[str, str]:
        """The parameters of the query."""
        return dict(parse_qsl(self.path.partition("?")[2]))


@cache
def of_row(route: Route) -> Sequence[Exchange]:
    """List what is recorded of a row: requests whose method and path are its own."""
    return [each for endpoint, each in _recorded(route.function) if _is_of(each, endpoint, route)]


def of_function(function: str) -> Iterator[Exchange]:
    """Yield all that is recorded of a function, whatever it was that was asked for."""
    yield from (each for _, each in _recorded(function))


def path_values(route: Route, path: str) -> dict[str, str]:
    """Read the values that a path has for the parts of the row's template."""
    found = _pattern(route).fullmatch(path.partition("?")[0])
    assert found, path
    return {name: unquote(value) for name, value in found.groupdict().items()}


def refusals(function: str) -> dict[str, Exchange]:
    """Find a refusal for each code, the function's own first, else another's of its protocol."""
    protocols = {row.function: row.protocol for row in ROWS}
    own = protocols[function]
    others = [it for it in FUNCTIONS if protocols[it] is own and it != function]
    found: dict[str, Exchange] = {}
    for each in (it for name in (function, *others) for it in of_function(name)):
        if each.code:
            found.setdefault(each.code, each)
    return found


@cache
def _recorded(function: str) -> Sequence[tuple[str, Exchange]]:
    recording = load(ANSWERS / f"{function}.json")
    usual, requests = recording["usual headers"], recording["requests"]
    return [
        (request["endpoint"], _exchange(about, request, requests, usual))
        for about, request in requests.items()
    ]


def _exchange(
    about: str, request: Any, requests: Mapping[str, Any], usual: Mapping[str, str]
) -> Exchange:
    answer = request["answer"]
    answer = requests[answer[AS]]["answer"] if AS in answer else answer
    body = answer.get("body")
    if "text" in answer:
        body = json.loads(answer["text"])
    headers = {**usual, **answer.get("headers", {})}
    return Exchange(
        about=about,
        path=request["path"],
        body=request.get("body"),
        status=answer["status"],
        answer=body,
        headers={name: value for name, value in headers.items() if value is not None},
        sent=request.get("headers", {}),
    )


def presentable(value: Any) -> Any:
    """Show secrets as beginnings of secrets."""
    if isinstance(value, dict):
        return {name: presentable(each) for name, each in value.items()}
    if isinstance(value, str):
        return _CUSTOM_TOKEN.sub("eyJhbGciOiJSUzI1NiIs…", value).replace("<43 characters>", "kM8v…")
    return value


_CUSTOM_TOKEN = re.compile(r"custom token of device:.*")


def _is_of(exchange: Exchange, endpoint: str, route: Route) -> bool:
    if endpoint != f"{route.method} {route.template}":
        return False
    path = exchange.path.partition("?")[0]
    return route.protocol is Protocol.CALLABLE or bool(_pattern(route).fullmatch(path))


def _pattern(route: Route) -> re.Pattern[str]:
    return re.compile(re.sub(r"{(\w+)}", r"(?P<\1>[^/]+)", route.template))
