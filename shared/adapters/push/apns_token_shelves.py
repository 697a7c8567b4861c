"""The shelf of provider tokens: in Firestore for all instances, in memory for one process.

Whoever finds no good token mints one and puts it there on the condition that nobody else did
meanwhile; the loser takes the winner's. So at most one token a slot ever reaches Apple.
"""

import threading
from collections.abc import Callable
from datetime import UTC, datetime

from shared.adapters.firestore.contended import put_if_still
from shared.adapters.firestore.rest import FirestoreRest
from shared.adapters.firestore.rest_values import Raw, decode_fields, encode, moment
from shared.adapters.push.apns_credentials import Minted
from shared.domain.errors import TryAgain

COLLECTION = "apnsTokens"
ROUNDS = 5


class MemoryTokenShelf:
    """For one process."""

    def __init__(self) -> None:
        self._lock = threading.Lock()
        self.minted: dict[str, Minted] = {}

    def take(self, key_id: str, change: Callable[[Minted | None], Minted]) -> Minted:
        """Read, apply ``change``, keep what it returns."""
        with self._lock:
            taken = self.minted[key_id] = change(self.minted.get(key_id))
            return taken


class FirestoreTokenShelf:
    """``apnsTokens/{keyId}``, which no rule lets anybody but our functions read."""

    def __init__(self, rest: FirestoreRest) -> None:
        self._rest = rest

    def take(self, key_id: str, change: Callable[[Minted | None], Minted]) -> Minted:
        """Read, apply ``change``, write if it is new and the document still is what was read.

        Raises ``TryAgain``.
        """
        name = self._rest.name(COLLECTION, key_id)
        for _ in range(ROUNDS):
            document = self._rest.get(name)
            shelved = _minted(document)
            taken = change(shelved)
            if taken == shelved or self._put(name, document, taken):
                return taken
        raise TryAgain("too many instances want to mint a provider token")

    def _put(self, name: str, document: Raw | None, minted: Minted) -> bool:
        fields = {
            "token": encode(minted.token),
            "mintedAt": encode(datetime.fromtimestamp(minted.at, UTC)),
        }
        return put_if_still(self._rest, name, document, fields)


def _minted(document: Raw | None) -> Minted | None:
    """Nothing, too, for a document that somebody else's hand has spoilt: it is minted anew."""
    fields = decode_fields(document or {}, moment)
    token, at = fields.get("token"), fields.get("mintedAt")
    if not isinstance(token, str) or not isinstance(at, datetime):
        return None
    return Minted(token, at.timestamp())
