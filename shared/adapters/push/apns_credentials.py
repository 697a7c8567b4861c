"""Our credentials for Apple: a token signed with a P8 key, or a P12 client certificate.

Apple refuses a provider token that is older than an hour, and a new one within twenty minutes of
the last. Functions have many instances: if each minted its own, they would break the second rule
together. So one token is minted, kept on a shelf that all of them read, and used for forty minutes.
"""

import logging
import threading
import time
from collections.abc import Callable
from typing import Protocol

import jwt
from cryptography.hazmat.primitives.asymmetric.ec import EllipticCurvePrivateKey

from shared.domain.errors import TryAgain
from shared.domain.push.apns import SECONDS_BETWEEN_TOKENS
from shared.settings.credentials.apns import ApnsCredentials
from shared.stores.provider_tokens import ProviderToken, TokenShelf

SLOT_SECONDS = 2400.0
OLDEST_SECONDS = 3300.0
"""While no new token can be had, an old one is used beyond its slot, but not beyond this age."""
MOST_SKEW_SECONDS = 60.0
"""How far ahead the clock of the minting instance may be."""

_log = logging.getLogger(__name__)


class CredentialsUnavailable(Exception):
    """Error for a token that cannot be had just now."""


class Credential(Protocol):
    """Proof of who we are to Apple."""

    client_certificate: "ClientCertificate | None"

    def authorization(self, refused: str = "") -> str:
        """Return the header's value, other than ``refused``; empty where a client certificate is
        the proof.

        Raises ``CredentialsRefused`` and ``CredentialsUnavailable``.
        """

    def keep(self) -> None:
        """Keep the current token: Apple saw too many new ones."""


class ClientCertificate(Protocol):
    """Certificate with its key, as PEM, for the handshake."""

    def check_dates(self) -> None:
        """Raise ``CredentialsRefused`` for a certificate outside its dates."""

    def pem(self, password: bytes) -> bytes:
        """Return chain and encrypted key. Raises ``CredentialsRefused`` outside the dates."""


class P8Key:
    """Token authentication. Safe to share between threads."""

    client_certificate: ClientCertificate | None = None

    def __init__(
        self,
        key: EllipticCurvePrivateKey,
        key_id: str,
        team_id: str,
        shelf: TokenShelf,
        clock: Callable[[], float] = time.time,
    ) -> None:
        self._key = key
        self._key_id = key_id
        self._team_id = team_id
        self._shelf = shelf
        self._clock = clock
        self._lock = threading.Lock()
        self._token: ProviderToken | None = None
        self._keep_until = 0.0

    def authorization(self, refused: str = "") -> str:
        """Return the header; ``bearer`` is in lower case, as Apple writes it: some servers accept
        no other form.
        """
        token = self._token
        if token is None or not self._good(token, refused):
            with self._lock:
                token = self._token
                if token is None or not self._good(token, refused):
                    token = self._token = self._renew(refused)
        return _header(token)

    def keep(self) -> None:
        """Mint no token for twenty minutes, unless the current one grows too old."""
        self._keep_until = self._clock() + SECONDS_BETWEEN_TOKENS

    def _renew(self, refused: str) -> ProviderToken:
        try:
            taken = self._shelf.take(self._key_id, lambda it: self._changed(it, refused))
        except TryAgain as away:
            return self._without_shelf(refused, away)
        if _header(taken) == refused:
            _log.error("Apple calls a new token expired: set this machine's clock right (NTP)")
            raise CredentialsUnavailable("this machine's clock is wrong")
        return taken

    def _without_shelf(self, refused: str, away: TryAgain) -> ProviderToken:
        """Return the token held. A token minted now, without the shelf, might be the one that Apple
        finds too many.
        """
        held = self._token
        if held is None or _header(held) == refused or self._age(held) >= OLDEST_SECONDS:
            raise CredentialsUnavailable("the shelf of provider tokens cannot be reached") from away
        _log.warning("the shelf of provider tokens cannot be reached; using an older token")
        return held

    def _changed(self, shelved: ProviderToken | None, refused: str) -> ProviderToken:
        if shelved is None:
            return self._mint()
        if _header(shelved) == refused:
            may_mint = self._age(shelved) >= SECONDS_BETWEEN_TOKENS
            return self._mint() if may_mint else shelved
        return shelved if self._good(shelved, refused) else self._mint()

    def _good(self, minted: ProviderToken, refused: str) -> bool:
        longest = OLDEST_SECONDS if self._clock() < self._keep_until else SLOT_SECONDS
        return -MOST_SKEW_SECONDS <= self._age(minted) < longest and _header(minted) != refused

    def _age(self, minted: ProviderToken) -> float:
        return self._clock() - minted.at

    def _mint(self) -> ProviderToken:
        at = int(self._clock())
        claims = {"iss": self._team_id, "iat": at}
        token = jwt.encode(claims, self._key, algorithm="ES256", headers={"kid": self._key_id})
        return ProviderToken(token, at)


class Certificate:
    """Certificate authentication: the connection says who we are."""

    def __init__(self, certificate: ClientCertificate | None) -> None:
        self.client_certificate = certificate

    def authorization(self, refused: str = "") -> str:
        """Return no header, after a check of the dates, so that an outdated certificate is no
        network's fault.
        """
        del refused
        if self.client_certificate is not None:
            self.client_certificate.check_dates()
        return ""

    def keep(self) -> None:
        """Do nothing: there is no token."""


def credential(read: ApnsCredentials, shelf: TokenShelf) -> Credential:
    """Return what these credentials prove us with."""
    if read.private_key and read.key_id and read.team_id:
        return P8Key(read.private_key, read.key_id, read.team_id, shelf)
    return Certificate(read.certificate)


def _header(minted: ProviderToken) -> str:
    return f"bearer {minted.token}"
