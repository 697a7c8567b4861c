"""The Firestore client of this process, for everything that is not on the hot path."""

from google.auth.credentials import AnonymousCredentials
from google.cloud import firestore

from shared.settings import Settings


def client(settings: Settings) -> firestore.Client:
    """Create the client; for the emulator, which the library finds by its own variable, without
    credentials.
    """
    if settings.firestore_emulator:
        return firestore.Client(project=settings.project, credentials=AnonymousCredentials())
    return firestore.Client(project=settings.project)
