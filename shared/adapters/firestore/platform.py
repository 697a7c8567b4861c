"""The platform's emergency brake in Firestore: one document, off until somebody pulls it."""

from datetime import datetime

from google.cloud.firestore import Client

from shared.adapters.documents.provider import PLATFORM, STOP, stop_fields, stop_from
from shared.adapters.firestore.calls import commit, data_of, fetch


class FirestoreStopSwitch:
    """``platform/stop``."""

    def __init__(self, client: Client) -> None:
        self._client = client
        self._reference = client.collection(PLATFORM).document(STOP)

    def is_on(self) -> bool:
        return stop_from(data_of(fetch(self._reference)))

    def turn(self, on: bool, by: str, reason: str, at: datetime) -> None:
        batch = self._client.batch()
        batch.set(self._reference, stop_fields(on, by, reason, at))
        commit(batch, "the stop switch")
