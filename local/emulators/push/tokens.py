"""Access tokens of a push service's emulator, and OAuth's token endpoint for client credentials."""

import secrets
import time
from collections.abc import Mapping
from dataclasses import dataclass

CLIENT_CREDENTIALS = "client_credentials"
LIFETIME_SECONDS = 3600


@dataclass(frozen=True, slots=True)
class _IssuedToken:
    client: str
    until: float


class IssuedTokens:
    """Tokens that were issued here, with whose they are and how long they are good."""

    def __init__(self) -> None:
        self._issued: dict[str, _IssuedToken] = {}

    def issue(self, token: str, client: str, seconds: float) -> dict[str, object]:
        """Keep a token; return the answer that gives it out."""
        self._issued[token] = _IssuedToken(client, time.time() + seconds)
        return {"access_token": token, "expires_in": seconds, "token_type": "Bearer"}

    def client_of(self, token: str) -> str:
        """Return whose token it is; empty unless it was issued here and is still good."""
        issued = self._issued.get(token)
        return issued.client if issued and issued.until > time.time() else ""

    def forget(self) -> None:
        """Revoke every token issued so far."""
        self._issued.clear()


class RefusedClient(Exception):
    """Refusal of a token; ``error`` is OAuth's own word."""

    def __init__(self, error: str) -> None:
        super().__init__(error)
        self.error = error


class ClientCredentialsEndpoint:
    """Issuer of access tokens for a client, a number, and its secret. Without one, any will do."""

    def __init__(self, secret: str = "") -> None:
        self._secret = secret
        self.issued = IssuedTokens()
        self.requests = 0

    def issue(self, form: Mapping[str, object]) -> dict[str, object]:
        """Issue a token for a good request. Raises ``RefusedClient``."""
        self.requests += 1
        client, secret = str(form.get("client_id", "")), str(form.get("client_secret", ""))
        if form.get("grant_type") != CLIENT_CREDENTIALS:
            raise RefusedClient("invalid_request")
        if not client.isdigit() or not secret or self._secret not in ("", secret):
            raise RefusedClient("invalid_client")
        token = f"DA/{secrets.token_urlsafe(24)}+/="  # every character that may stand in one
        return self.issued.issue(token, client, LIFETIME_SECONDS)
