"""The right to speak for an hwid. An hwid names an installation; it is no secret.

Each first registration and each reset begins a new generation of the hwid. What an earlier
generation held, its secret and its tokens, ends with it, and what was stored for it is replaced.
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
    """Proof of one generation: the SHA-256 of its secret, and its own name in tokens.

    Without a digest an operator reset the hwid. Without a name the generation is from before
    generations had names, as are its tokens.
    """

    digest: str = ""
    generation: str = ""

    def opens(self, secret: str) -> bool:
        """Tell whether ``secret`` is the secret of this generation. Constant time."""
        known, given = self.digest.encode(), digest_of(secret).encode()
        return bool(secret) and hmac.compare_digest(known, given)


@dataclass(frozen=True, slots=True)
class Ownership:
    """State stored under an hwid that decides whose it is; no ``reach`` without a document."""

    credential: Credential | None = None
    reach: Reach | None = None
    last_active_at: datetime | None = None

    def yields_to(self, address: PushAddress | None, now: datetime) -> bool:
        """Tell whether a caller without the secret, who shows this push address, may register.

        Unknown activity is not inactivity: then an operator decides.
        """
        if self.reach is None:
            return True
        if self.reach.address is not None:
            return address is not None and _same(address, self.reach.address)
        reset = self.credential is not None and not self.credential.digest
        return reset or (
            self.last_active_at is not None and now - self.last_active_at >= INACTIVE_AFTER
        )

    def consent_to(self, device: Device) -> bool:
        """Tell whether there is consent in a new generation; it does not undo a "no" of before."""
        return device.consent and (self.reach is None or self.reach.consent)


@dataclass(frozen=True, slots=True)
class Generation:
    """The beginning of a generation: its credential, and the device; none if nothing is kept."""

    credential: Credential
    device: Device | None


def digest_of(secret: str) -> str:
    """Compute the digest that is kept of a secret."""
    return hashlib.sha256(secret.encode(errors="replace")).hexdigest()


def _same(one: PushAddress, other: PushAddress) -> bool:
    """Compare kind and value, in a time that does not tell how near the addresses are."""
    texts = (digest_of(f"{address.kind}:{address.value}") for address in (one, other))
    return hmac.compare_digest(*texts)
