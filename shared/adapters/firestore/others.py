"""Documents that others write, read whatever is in them.

Google's client decodes all of an answer or nothing, and a reference into another database, of
which a copied project is full, is an error to it: one such value would hide every document beside
it. What it cannot decode is read again through REST, whose values we decode ourselves.
"""

from collections.abc import Callable, Sequence
from typing import TYPE_CHECKING, Any

from google.api_core.datetime_helpers import DatetimeWithNanoseconds
from google.cloud.firestore import Client, DocumentReference, DocumentSnapshot, Query

from shared.adapters.firestore import calls
from shared.adapters.firestore.calls import Snapshot
from shared.adapters.firestore.rest_values import Raw, decode_fields, moment

if TYPE_CHECKING:
    from shared.adapters.firestore.rest import FirestoreRest


class OthersDocuments:
    """Reads as ``calls`` does; ``again`` is asked for only where Google's client fails."""

    def __init__(self, client: Client, again: "Callable[[], FirestoreRest]") -> None:
        self._client = client
        self._again = again

    def fetch(self, place: DocumentReference) -> Snapshot:
        """The document, which may not exist."""
        try:
            return calls.fetch(place)
        except ValueError:
            return self._decoded([place])[0]

    def fetch_all(
        self, places: Sequence[DocumentReference], fields: Sequence[str] | None = None
    ) -> Sequence[Snapshot]:
        """These fields of the documents, as of one moment and in any order."""
        try:
            return calls.fetch_all(self._client, places, fields)
        except ValueError:
            return self._decoded(places, fields or ())

    def select(self, query: Query) -> Sequence[Snapshot]:
        """All that the query selects, in its order; give it a limit."""
        try:
            return calls.select(query)
        except ValueError:
            found = [it.reference for it in calls.select(query.select([]))]
            return [it for it in self._decoded(found) if it.exists]

    def _decoded(
        self, places: Sequence[DocumentReference], fields: Sequence[str] = ()
    ) -> list[Snapshot]:
        if not places:
            return []
        rest = self._again()
        names = [rest.name(*place.path.split("/")) for place in places]
        found = rest.batch_get(names, fields)
        read_at = DatetimeWithNanoseconds.from_rfc3339(found.read_time)
        return [
            _snapshot(place, found.documents.get(name), read_at)
            for place, name in zip(places, names, strict=True)
        ]


def _snapshot(place: DocumentReference, raw: Raw | None, read_at: Any) -> Snapshot:
    if raw is None:
        return DocumentSnapshot(place, None, False, read_at, None, None)
    created, updated = (
        DatetimeWithNanoseconds.from_rfc3339(raw[name]) for name in ("createTime", "updateTime")
    )
    return DocumentSnapshot(place, decode_fields(raw, moment), True, read_at, created, updated)
