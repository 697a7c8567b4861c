"""A Fanfare in memory behind its real doors, called the way Google's framework calls them."""

from collections.abc import Callable, Iterator, Mapping
from functools import cache
from pathlib import Path
from typing import Any

import functions_framework
import pytest
from flask.testing import FlaskClient
from werkzeug.test import TestResponse

from shared.wiring import replaced
from tests.builders import a_domain, a_provider, an_enterprise_provider
from tests.parts import MemoryParts, memory_parts, token

SOURCE = Path(__file__).parents[2] / "functions" / "main.py"
ADMIN_HWID = "Admin-1"

Call = Callable[..., TestResponse]


@cache
def client(entry_point: str) -> FlaskClient:
    """Create a client of a function as it is deployed."""
    kind = "cloudevent" if entry_point.startswith("on_") else "http"
    app: Any = functions_framework.create_app(  # type: ignore[no-untyped-call]
        entry_point, str(SOURCE), kind
    )
    return app.test_client()  # type: ignore[no-any-return]


def bearer(credential: str) -> dict[str, str]:
    return {"Authorization": f"Bearer {credential}"}


@pytest.fixture
def world() -> Iterator[MemoryParts]:
    """Build provider p1 (Enterprise, example.com verified), and p2 with a domain of its own."""
    parts = memory_parts(
        an_enterprise_provider("p1"),
        a_provider("p2"),
        a_domain("example.com", "p1", admin_hwids=(ADMIN_HWID,)),
        a_domain("unverified.example", "p1", is_verified=False),
        a_domain("other.example", "p2"),
    )
    with replaced(parts):
        yield parts


def door(entry_point: str, credential: str | None) -> Call:
    """Return calls of one function by one caller."""

    def call(method: str, path: str = "/", json: object = None, **more: Any) -> TestResponse:
        headers: Mapping[str, str] = more.pop("headers", {})
        known = bearer(credential) if credential else {}
        sent: dict[str, Any] = {} if json is None else {"json": json}
        return client(entry_point).open(
            path, method=method, headers={**known, **headers}, **sent, **more
        )

    return call


@pytest.fixture
def provider(world: MemoryParts) -> Call:
    """Return calls by provider p1, signed in."""
    return door("provider_api", token("p1"))


@pytest.fixture
def other_provider(world: MemoryParts) -> Call:
    """Return calls by provider p2, signed in."""
    return door("provider_api", token("p2"))


@pytest.fixture
def operator(world: MemoryParts) -> Call:
    """Return calls by an operator, signed in."""
    return door("operator_api", token("o1", operator=True))


def errors_of(response: TestResponse) -> dict[str, str]:
    """Return the codes by field, after a look at the rest of the problem."""
    assert response.status_code == 422, response.text
    assert response.mimetype == "application/problem+json"
    problem = response.get_json()
    assert problem["status"] == 422
    assert all(error["message"] for error in problem["errors"])
    return {error["field"]: error["code"] for error in problem["errors"]}


def a_body(**fields: Any) -> dict[str, Any]:
    """Build a complete notification for everybody."""
    return {"title": "Sale", "body": "Everything must go", "targetSegment": {}} | fields
