"""Huawei's OAuth token endpoint, as far as client credentials need it."""

import secrets
import time
from collections.abc import Mapping
from dataclasses import dataclass

GRANT = "client_credentials"
LIFETIME_SECONDS = 3600


class RefusedClient(Exception):
    """Refusal of a token; ``error`` is one of Huawei's numbers, ``name`` OAuth's own word."""

    def __init__(self, error: int, name: str) -> None:
        super().__init__(name)
        self.body = {"error": error, "sub_error": error * 10 + 1, "error_description": name}


@dataclass(frozen=True, slots=True)
class _IssuedToken:
    client: str
    until: float


class HmsTokenEndpoint:
    """Issuer of access tokens, which knows those it issued. Without a secret, any will do."""

    def __init__(self, app_secret: str = "") -> None:
        self._secret = app_secret
        self._issued: dict[str, _IssuedToken] = {}
        self.requests = 0

    def issue(self, form: Mapping[str, object]) -> dict[str, object]:
        """Issue a token for a good request. Raises ``RefusedClient``."""
        self.requests += 1
        client, secret = str(form.get("client_id", "")), str(form.get("client_secret", ""))
        if form.get("grant_type") != GRANT:
            raise RefusedClient(1101, "invalid_request")
        if not client.isdigit() or not secret or self._secret not in ("", secret):
            raise RefusedClient(1203, "invalid_client")
        token = f"DA/{secrets.token_urlsafe(24)}+/="
        self._issued[token] = _IssuedToken(client, time.time() + LIFETIME_SECONDS)
        return {"access_token": token, "expires_in": LIFETIME_SECONDS, "token_type": "Bearer"}

    def client_of(self, token: str) -> str:
        """Return whose token it is; empty unless it was issued here and is still good."""
        issued = self._issued.get(token)
        return issued.client if issued and issued.until > time.time() else ""

    def forget(self) -> None:
        """Revoke every token issued so far."""
        self._issued.clear()
