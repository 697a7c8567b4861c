"""What is sent to the push services, for contents of many kinds."""

import json
from collections.abc import Mapping
from pathlib import Path

from tests.recorded.entrances.pushes import request_texts
from tests.recorded.pages import HERE, Json

FILE: Path = HERE / "wire" / "push-requests.json"

PLAIN = {"title": "Sale", "body": "Everything must go"}
FULL = {
    **PLAIN,
    "image": "https://cdn.example.com/sale.png",
    "url": "https://example.com/sale?from=push&x=1",
    "urlButtonName": "To the sale",
    "forceTimer": 5,
    "expirySeconds": 3600,
}
CONTENTS: Mapping[str, tuple[Mapping[str, Json], int | None, bool]] = {
    "plain": (PLAIN, None, False),
    "everything": (FULL, 3600, False),
    "urgent": (PLAIN, None, True),
    "expired by now": (PLAIN, 5, False),
    "a year": (PLAIN, 31_536_000, False),
    "an image only": ({**PLAIN, "image": "https://cdn.example.com/a.png"}, None, False),
    "a link without a name": ({**PLAIN, "url": "https://example.com/"}, None, False),
    "a deep link": ({**PLAIN, "url": "acme://sale/7", "urlButtonName": "Show"}, None, False),
    "other scripts": (
        {"title": 'Распродажа 🎉 "50 %"', "body": "שלום\nعالم \\ </script>"},
        60,
        True,
    ),
    "the largest text": ({"title": "😀" * 100, "body": "😀" * 500}, None, False),
    "too large": ({**PLAIN, "url": f"https://example.com/{'é' * 2000}"}, None, False),
}


def requests() -> Json:
    """Tell the requests for all contents: bodies as JSON where that gives the same bytes again."""
    return {
        about: {
            "content": dict(content),
            "expires in": expires_in,
            "urgent": urgent,
            "requests": {
                service: _readable(request)
                for service, request in request_texts(content, expires_in, urgent).items()
            },
        }
        for about, (content, expires_in, urgent) in CONTENTS.items()
    }


def _readable(request: Json) -> Json:
    if "body" not in request:
        return request
    value = json.loads(request["body"])
    same = json.dumps(value, ensure_ascii=False, separators=(",", ":")) == request["body"]
    return {**request, "body": value} if same else request
