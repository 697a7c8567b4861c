"""Answers in JSON, by orjson: emulators are the peers of benchmarks too."""

import orjson
from aiohttp import web


def in_json(value: object, status: int = 200) -> web.Response:
    """Answer with any value."""
    return ready_json(orjson.dumps(value), status)


def ready_json(body: bytes, status: int = 200) -> web.Response:
    """Answer with bytes that are JSON already."""
    return web.Response(body=body, status=status, content_type="application/json")
