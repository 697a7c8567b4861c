"""Our credentials for Firestore: none of meaning for the emulator, a service account's for Google.

Application default credentials are looked for at the first request, not at import, and refreshed by
whichever thread first finds them about to expire.
"""

import threading
from collections.abc import Callable

from google.auth import default
from google.auth.credentials import Credentials
from google.auth.exceptions import DefaultCredentialsError, GoogleAuthError
from google.auth.transport.requests import Request

from shared.domain.errors import Defect, TryAgain

SCOPE = "https://www.googleapis.com/auth/datastore"


def application_default() -> Credentials:
    """Find the credentials of this machine or service."""
    try:
        credentials, _ = default(scopes=[SCOPE])
    except DefaultCredentialsError as missing:
        raise Defect("no Google credentials: run as a service account, or gcloud auth") from missing
    return credentials


class GoogleBearer:
    """Source of a token that is valid at the moment it is asked for."""

    def __init__(
        self,
        find: Callable[[], Credentials] = application_default,
        request: Callable[[], Request] = Request,
    ) -> None:
        self._find = find
        self._request = request
        self._lock = threading.Lock()
        self._credentials: Credentials | None = None

    def token(self) -> str:
        """Return a token. Raises ``TryAgain`` when it cannot be had right now."""
        with self._lock:
            if self._credentials is None:
                self._credentials = self._find()
            if not self._credentials.valid:
                try:
                    self._credentials.refresh(self._request())
                except GoogleAuthError as away:
                    raise TryAgain("Google's token service cannot be reached") from away
            return str(self._credentials.token)

    def forget(self) -> None:
        """Drop credentials whose token was refused; they are looked for anew."""
        with self._lock:
            self._credentials = None


class EmulatorBearer:
    """Token that the emulator lets pass its security rules."""

    def token(self) -> str:
        return "owner"

    def forget(self) -> None:
        return None
