"""A desktop's own Firestore document, read under the security rules with the device's ID token.

Other than ``/pending`` it tells when a notification expires, and costs one read and no call of a
function. The custom token of a registration is exchanged once; its refresh token goes on.
"""

from dataclasses import dataclass
from datetime import UTC, datetime
from email.utils import parsedate_to_datetime
from typing import Final
from urllib.parse import quote

import httpx

from cli.desktop.door import UNKNOWN, Refused, answer_to, answered, read
from cli.desktop.note import IN_DOCUMENT, Note, from_document

_SIGN_IN_AGAIN: Final = frozenset({401, 403})
_NOT_THERE: Final = 404


@dataclass(frozen=True, slots=True)
class Project:
    """Addresses of a Firebase project's sign-in and database, and its web API key."""

    id: str
    key: str
    sign_in: str = "https://identitytoolkit.googleapis.com"
    tokens: str = "https://securetoken.googleapis.com"
    firestore: str = "https://firestore.googleapis.com"

    @classmethod
    def local(cls, id: str, *, auth: str, firestore: str) -> "Project":
        """Return the addresses of emulators."""
        return cls(
            id,
            "local",
            sign_in=f"http://{auth}/identitytoolkit.googleapis.com",
            tokens=f"http://{auth}/securetoken.googleapis.com",
            firestore=f"http://{firestore}",
        )


class OwnDocument:
    """The document ``devices/{hwid}`` as its device may read it."""

    def __init__(self, client: httpx.Client, project: Project, hwid: str) -> None:
        self._client, self._project = client, project
        path = f"{project.id}/databases/(default)/documents/devices/{quote(hwid, safe='')}"
        self._document = f"{project.firestore}/v1/projects/{path}"
        self._id_token = self._refresh_token = ""

    def signed_in(self, custom_token: str) -> None:
        """Sign in with the token that a registration answered."""
        body = {"token": custom_token, "returnSecureToken": True}
        url = f"{self._project.sign_in}/v1/accounts:signInWithCustomToken"
        answer = answer_to(lambda: self._client.post(url, params=self._key, json=body))
        self._id_token = str(answer.get("idToken", ""))
        self._refresh_token = str(answer.get("refreshToken", ""))

    def pending(self) -> Note | None:
        """Read what this computer is to show, by the server's clock."""
        try:
            return self._slot()
        except Refused as refusal:
            if refusal.status not in _SIGN_IN_AGAIN:
                raise
        self._renew()
        return self._slot()

    @property
    def _key(self) -> dict[str, str]:
        return {"key": self._project.key}

    def _renew(self) -> None:
        form = {"grant_type": "refresh_token", "refresh_token": self._refresh_token}
        url = f"{self._project.tokens}/v1/token"
        try:
            answer = answer_to(lambda: self._client.post(url, params=self._key, data=form))
        except Refused:
            raise _unknown() from None
        self._id_token = str(answer.get("id_token", ""))
        self._refresh_token = str(answer.get("refresh_token", "")) or self._refresh_token

    def _slot(self) -> Note | None:
        """Get the slot's fields and no others. A document that is gone is one to register again."""
        mask = {"mask.fieldPaths": list(IN_DOCUMENT)}
        headers = {"Authorization": f"Bearer {self._id_token}"}
        answer = answered(lambda: self._client.get(self._document, params=mask, headers=headers))
        if answer.status_code == _NOT_THERE:
            raise _unknown()
        note = from_document(read(answer))
        return None if note and note.is_over(_date(answer)) else note


def _unknown() -> Refused:
    return Refused(401, UNKNOWN, "the server does not know this computer")


def _date(answer: httpx.Response) -> datetime:
    try:
        return parsedate_to_datetime(answer.headers.get("Date", ""))
    except ValueError:
        return datetime.now(UTC)
