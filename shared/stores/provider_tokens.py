"""``apnsTokens/{keyId}``, which no rule lets anybody but our functions read.

An instance that finds no good token mints one and puts it there on the condition that nobody else
did meanwhile; the loser takes the winner's. So at most one token a slot ever reaches Apple.
"""

from collections.abc import Callable
from dataclasses import dataclass
from datetime import UTC, datetime

from shared.ports.database import Database, Document, Fields
from shared.stores.change import Step, change
from shared.stores.codec import difference
from shared.stores.names import document_name

APNS_TOKENS = "apnsTokens"


@dataclass(frozen=True, slots=True)
class ProviderToken:
    """A provider token and when it was minted, in seconds since 1970."""

    token: str
    at: float


class TokenShelf:
    """Shelf on which the instances leave the one token they share."""

    def __init__(self, database: Database) -> None:
        self._database = database

    def take(
        self, key_id: str, mint: Callable[[ProviderToken | None], ProviderToken]
    ) -> ProviderToken:
        """Read, apply ``mint`` (which may run several times), and write what it returns if that is
        new; raises ``TryAgain``.
        """

        def decide(document: Document | None) -> Step[ProviderToken]:
            stored = document.fields if document else {}
            shelved = minted_from(stored)
            taken = mint(shelved)
            new = {} if taken == shelved else difference(stored, minted_fields(taken))
            return Step(taken, new)

        name = document_name(APNS_TOKENS, key_id)
        return change(self._database, name, decide, "the provider token")


def minted_fields(minted: ProviderToken) -> Fields:
    """Build the document of a token."""
    return {"token": minted.token, "mintedAt": datetime.fromtimestamp(minted.at, UTC)}


def minted_from(fields: Fields) -> ProviderToken | None:
    """Read a token; ``None``, too, for a document that was spoilt from outside: the token is minted
    anew.
    """
    token, at = fields.get("token"), fields.get("mintedAt")
    if not isinstance(token, str) or not isinstance(at, datetime):
        return None
    return ProviderToken(token, at.timestamp())
