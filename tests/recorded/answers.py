"""The answers of every door, as they are now and as they are recorded."""

from collections.abc import Iterator, Sequence
from pathlib import Path

from functions.http.routes import Protocol
from functions.table import routes
from tests.recorded.asking import ANSWERS, Ask, recorded
from tests.recorded.entrances.doors import endpoints
from tests.recorded.other_asks import of_devices, of_moderators, of_operators, of_service
from tests.recorded.pages import Json
from tests.recorded.provider_asks import asks as of_providers

CALLABLES = {row.function for row in routes() if row.protocol is Protocol.CALLABLE}


def functions() -> Sequence[str]:
    """Name everything that is deployed."""
    return list(dict.fromkeys(endpoint.function for endpoint in endpoints()))


def asks_of(function: str) -> Sequence[Ask]:
    """List all requests to a door: those that are written down, and each endpoint by nobody."""
    return [*_written_down(function), *_by_nobody(function)]


def file_of(function: str) -> Path:
    """Say where a door's answers are recorded."""
    return ANSWERS / f"{function}.json"


def answers_of(function: str) -> Json:
    """Ask a door everything, as it is now."""
    return recorded(function, asks_of(function))


def _written_down(function: str) -> Iterator[Ask]:
    if function == "provider-api":
        return of_providers()
    if function == "device-api":
        return of_devices()
    if function == "operator-api":
        return of_operators()
    return of_moderators(function) if function in CALLABLES else of_service(function)


def _by_nobody(function: str) -> Iterator[Ask]:
    for endpoint in endpoints():
        if endpoint.function == function and endpoint.template not in {"/", "/openapi.json"}:
            yield Ask(f"by nobody: {endpoint.name}", endpoint.name, "nobody")
            if function != "provider-api":
                yield Ask(f"by a provider: {endpoint.name}", endpoint.name, "owner")
            else:
                yield Ask(f"by a moderator: {endpoint.name}", endpoint.name, "moderator")
