"""The OpenAPI document, whole, as it is sent."""

import json
from pathlib import Path

from tests.recorded.entrances.doors import call
from tests.recorded.entrances.running import in_memory
from tests.recorded.pages import HERE, Json

FILE: Path = HERE / "openapi" / "provider-api-description.json"


def description() -> Json:
    """Read the document, with the names in their order."""
    text = sent()
    return json.loads(text)


def sent() -> str:
    """Ask for ``GET /openapi.json``."""
    with in_memory({}):
        return call("provider-api", "GET", "/openapi.json").text
