"""The web pages that may call us (CORS): the panel's, and on the local stack any local one."""

import re

from flask import Request, Response

from shared.wiring import parts

_LOCAL = re.compile(r"http://(127\.0\.0\.1|localhost)(:[0-9]{1,5})?")
_METHODS = "GET, POST, PUT, PATCH, DELETE"
_HEADERS = (
    "Authorization, Content-Type, Idempotency-Key, X-Firebase-AppCheck, Firebase-Instance-ID-Token"
)
_EXPOSED = "Location, Retry-After"
_SECONDS_KEPT = "3600"


def preflight(request: Request) -> Response:
    """Answer what a browser asks before it sends anything; an unknown page is told nothing."""
    response = for_browsers(request, Response(b"", 204))
    del response.headers["Content-Type"]
    if "Access-Control-Allow-Origin" in response.headers:
        response.headers["Access-Control-Allow-Methods"] = _METHODS
        response.headers["Access-Control-Allow-Headers"] = _HEADERS
        response.headers["Access-Control-Max-Age"] = _SECONDS_KEPT
    return response


def for_browsers(request: Request, response: Response) -> Response:
    """Make the answer readable by the page that asked, if that page is one of ours."""
    response.headers.add("Vary", "Origin")
    origin = request.headers.get("Origin", "")
    if _allowed(origin):
        response.headers["Access-Control-Allow-Origin"] = origin
        response.headers["Access-Control-Expose-Headers"] = _EXPOSED
    return response


def _allowed(origin: str) -> bool:
    settings = parts().settings
    if settings.local and _LOCAL.fullmatch(origin):
        return True
    listed = {each.strip().rstrip("/") for each in settings.panel_origins.split(",")}
    return bool(origin) and origin in listed
