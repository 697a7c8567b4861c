"""The tokens of a request, whoever is to judge them: of the person or device, and of the app."""

from flask import Request

from shared.domain.errors import Unauthenticated

APP_CHECK = "X-Firebase-AppCheck"
MOST_TOKEN_CHARACTERS = 8192


def bearer(request: Request) -> str:
    """Return the token in the ``Authorization`` header; raises ``Unauthenticated`` without one."""
    scheme, _, token = request.headers.get("Authorization", "").partition(" ")
    token = token.strip()
    if scheme.lower() != "bearer" or not token:
        raise Unauthenticated("send your token in the header Authorization: Bearer …")
    if not _readable(token):
        raise Unauthenticated("the token is not valid")
    return token


def app_token(request: Request) -> str:
    """Return the app's own token; raises ``Unauthenticated`` without one."""
    token = request.headers.get(APP_CHECK, "").strip()
    if not token or not _readable(token):
        raise Unauthenticated(
            f"send your app's App Check token in the header {APP_CHECK}", code="appCheckFailed"
        )
    return token


def _readable(token: str) -> bool:
    return len(token) <= MOST_TOKEN_CHARACTERS and token.isascii() and token.isprintable()
