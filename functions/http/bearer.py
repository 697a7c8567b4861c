"""The token of a request, whoever is to judge it."""

from flask import Request

from shared.domain.errors import Unauthenticated

MOST_TOKEN_CHARACTERS = 8192


def bearer(request: Request) -> str:
    """Return the token in the ``Authorization`` header; raises ``Unauthenticated`` without one."""
    scheme, _, token = request.headers.get("Authorization", "").partition(" ")
    token = token.strip()
    if scheme.lower() != "bearer" or not token:
        raise Unauthenticated("send your token in the header Authorization: Bearer …")
    if len(token) > MOST_TOKEN_CHARACTERS or not token.isascii() or not token.isprintable():
        raise Unauthenticated("the token is not valid")
    return token
