"""An emulator of Firebase App Check: published keys, and tokens signed with the newest of them.

Unlike ID tokens these are signed here too: what is to be tested of them is the signature. An app
gets one as a developer's machine does from Google, for a debug token, of which any UUID will do.
"""

import json
import time
import uuid
from dataclasses import dataclass, field
from typing import Any

import jwt
from cryptography.hazmat.primitives.asymmetric import rsa
from jwt.algorithms import RSAAlgorithm

from local.emulators.auth.accounts import Json, Refusal

PROJECT_NUMBER = "1234567890"
SECONDS_VALID = 3600
ISSUER = "https://firebaseappcheck.googleapis.com/"


@dataclass(frozen=True, slots=True)
class Key:
    """One key, under the id by which tokens name it."""

    id: str
    private: rsa.RSAPrivateKey

    @classmethod
    def new(cls) -> "Key":
        """Create a key that nobody has seen."""
        return cls(
            uuid.uuid4().hex[:6], rsa.generate_private_key(public_exponent=65537, key_size=2048)
        )

    def published(self) -> Json:
        """Return the public half, as Google publishes it."""
        public: Json = json.loads(RSAAlgorithm.to_jwk(self.private.public_key()))
        return public | {"kid": self.id, "alg": "RS256", "use": "sig"}


@dataclass(slots=True)
class AppCheck:
    """Signer of tokens. The newest key signs; the others are still published."""

    keys: list[Key] = field(default_factory=list)

    def jwks(self) -> Json:
        """Return the keys as they are published."""
        self._newest()
        return {"keys": [key.published() for key in self.keys]}

    def rotate(self) -> Json:
        """Sign with a new key from now on, and publish it beside the one before, only."""
        self.keys = [self._newest(), Key.new()]
        return self.jwks()

    def exchange(self, project: str, app: str, body: Json) -> Json:
        """Answer ``exchangeDebugToken``."""
        try:
            uuid.UUID(str(body.get("debugToken", "")))
        except ValueError:
            raise Refusal("App attestation failed.", 403, "PERMISSION_DENIED") from None
        return {"token": self.token(project, app), "ttl": f"{SECONDS_VALID}s"}

    def token(self, project: str, app: str, **changed: Any) -> str:
        """Sign a token for an app; claims can be changed, for tests of what is refused."""
        now, key = int(time.time()), self._newest()
        claims = {
            "iss": f"{ISSUER}{PROJECT_NUMBER}",
            "aud": [f"projects/{PROJECT_NUMBER}", f"projects/{project}"],
            "sub": app,
            "iat": now,
            "exp": now + SECONDS_VALID,
            "jti": uuid.uuid4().hex,
            **changed,
        }
        return jwt.encode(claims, key.private, algorithm="RS256", headers={"kid": key.id})

    def _newest(self) -> Key:
        """Return the key that signs; making one takes a tenth of a second, so it is made late."""
        if not self.keys:
            self.keys.append(Key.new())
        return self.keys[-1]
