"""Whose word about an hwid counts. An hwid names an installation; it is no secret.

Each first registration and each reset begins a new generation of the hwid. What an earlier one
held, its secret and its tokens, ends with it, and what was stored for it is replaced.
"""

import hashlib
import hmac
from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import Final

from shared.domain.audience.device import Device, PushAddress, Reach

INACTIVE_AFTER: Final = timedelta(days=90)
"""After this long without a registration, a device that holds no push address is given up."""


@dataclass(frozen=True, slots=True)
class Credential:
    """What one generation proves itself by: the SHA-256 of its secret, and its own name in tokens.

    Without a digest an operator reset it. Without a name it is from before generations had one, as
    are its tokens.
    """

    digest: str = ""
    generation: str = ""

    def opens(self, secret: str) -> bool:
        """Whether ``secret`` is the one of this generation. Constant time."""
        known, given = self.digest.encode(), digest_of(secret).encode()
        return bool(secret) and hmac.compare_digest(known, given)


@dataclass(frozen=True, slots=True)
class Ownership:
    """What is stored under an hwid and decides whose it is; no ``reach`` without a document."""

    credential: Credential | None = None
    reach: Reach | None = None
    last_active_at: datetime | None = None

    def yields_to(self, shown: PushAddress | None, now: datetime) -> bool:
        """Whether somebody without the secret, who shows this push address, may register.

        Unknown activity is not inactivity: then an operator decides.
        """
        if self.reach is None:
            return True
        if self.reach.address is not None:
            return shown is not None and _same(shown, self.reach.address)
        reset = self.credential is not None and not self.credential.digest
        return reset or (
            self.last_active_at is not None and now - self.last_active_at >= INACTIVE_AFTER
        )

    def consent_to(self, device: Device) -> bool:
        """Whether there is consent in a new generation: a "no" of before is not undone by it."""
        return device.consent and (self.reach is None or self.reach.consent)


@dataclass(frozen=True, slots=True)
class Generation:
    """The beginning of a generation: its credential, and the device; none if nothing is kept."""

    credential: Credential
    device: Device | None


def digest_of(secret: str) -> str:
    """What is kept of a secret."""
    return hashlib.sha256(secret.encode(errors="replace")).hexdigest()


def _same(one: PushAddress, other: PushAddress) -> bool:
    """Whether kind and value are the same, in a time that does not tell how near they are."""
    texts = (digest_of(f"{address.kind}:{address.value}") for address in (one, other))
    return hmac.compare_digest(*texts)
