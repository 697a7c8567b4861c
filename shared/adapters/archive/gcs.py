"""The archive in Google Cloud Storage, over its JSON API.

An upload that is to have generation 0 (``ifGenerationMatch=0``) succeeds only where there is
nothing, and is whole or not at all. How long objects are kept is the bucket's own matter: a locked
retention policy. The API is small, and Google's client for it costs a cold start, so httpx it is.
"""

from collections.abc import Iterator, Mapping
from functools import partial
from typing import Any
from urllib.parse import quote

import google.auth
import httpx
from google.auth.credentials import Credentials
from google.auth.exceptions import DefaultCredentialsError

from shared.adapters.firestore.rest import Bearer
from shared.adapters.firestore.rest_auth import EmulatorBearer, GoogleBearer
from shared.domain.errors import TryAgain
from shared.ports import ArchiveFault, Put

HOST = "https://storage.googleapis.com"
SCOPE = "https://www.googleapis.com/auth/devstorage.read_write"
TRIES = 3
_PASSING = {408, 429}


class GcsArchive:
    """An archive in one bucket, below ``prefix``, which is empty or ends with a slash."""

    def __init__(
        self, bucket: str, prefix: str = "", url: str | None = None, bearer: Bearer | None = None
    ) -> None:
        self._bucket = bucket
        self._prefix = prefix
        self._bearer = bearer or (EmulatorBearer() if url else GoogleBearer(_credentials))
        self._client = httpx.Client(
            base_url=url or HOST, timeout=httpx.Timeout(20, connect=5), trust_env=not url
        )

    def close(self) -> None:
        """Close every connection."""
        self._client.close()

    def put_new(self, name: str, content: bytes) -> Put:
        answer = self._request(
            "POST",
            f"/upload/storage/v1/b/{self._bucket}/o",
            {"uploadType": "media", "name": self._prefix + name, "ifGenerationMatch": "0"},
            content,
        )
        if answer.status_code == httpx.codes.PRECONDITION_FAILED:
            return Put.ALREADY_THERE
        if answer.status_code == httpx.codes.FORBIDDEN and self.get(name) is not None:
            return Put.ALREADY_THERE  # the right to replace is checked first, and we lack it
        self._check(answer)
        return Put.WRITTEN

    def get(self, name: str) -> bytes | None:
        where = f"/storage/v1/b/{self._bucket}/o/{quote(self._prefix + name, safe='')}"
        answer = self._request("GET", where, {"alt": "media"})
        if answer.status_code == httpx.codes.NOT_FOUND and not _is_bucket(answer):
            return None
        self._check(answer)
        return answer.content

    def names(self, prefix: str = "") -> Iterator[str]:
        asked = {"prefix": self._prefix + prefix, "fields": "items(name),nextPageToken"}
        while True:
            answer = self._request("GET", f"/storage/v1/b/{self._bucket}/o", asked)
            self._check(answer)
            page: dict[str, Any] = answer.json()
            yield from (each["name"][len(self._prefix) :] for each in page.get("items", ()))
            if "nextPageToken" not in page:
                return
            asked = {**asked, "pageToken": page["nextPageToken"]}

    def _request(
        self, method: str, path: str, query: Mapping[str, str], content: bytes | None = None
    ) -> httpx.Response:
        """Send a request, again while there is no answer: an object that an earlier try wrote is
        found to be there.
        """
        send = partial(self._client.request, method, path, params=query, content=content)
        for left in reversed(range(TRIES)):
            headers = {"Authorization": f"Bearer {self._bearer.token()}"}
            if content is not None:
                headers["Content-Type"] = "application/octet-stream"
            try:
                answer = send(headers=headers)
            except (httpx.TransportError, httpx.DecodingError) as cut:
                if not left:
                    raise TryAgain("Cloud Storage cannot be reached") from cut
                continue
            if answer.status_code == httpx.codes.UNAUTHORIZED:
                self._bearer.forget()
            elif not _passes(answer):
                return answer
        if answer.status_code == httpx.codes.UNAUTHORIZED:
            raise ArchiveFault(
                "identityRefused",
                "Cloud Storage does not accept who we say we are",
                "See that the function's account is there and enabled, and that the machine's "
                "clock is right; at a terminal, gcloud auth application-default login.",
            )
        raise TryAgain(f"Cloud Storage asks to come again: {answer.status_code}")

    def _check(self, answer: httpx.Response) -> None:
        if answer.is_success:
            return
        bucket = f"the bucket {self._bucket}"
        if answer.status_code == httpx.codes.NOT_FOUND:
            remedy = "Create it, with a retention policy, or correct FANFARE_ARCHIVE."
            raise ArchiveFault("missing", f"there is no {bucket.removeprefix('the ')}", remedy)
        if answer.status_code == httpx.codes.FORBIDDEN:
            remedy = "Compare the rights of this account with docs/archive.md."
            raise ArchiveFault("denied", f"Cloud Storage does not let us use {bucket}", remedy)
        what = f"Cloud Storage refuses a request for {bucket}: {answer.status_code}"
        raise ArchiveFault("refused", what, "See docs/archive.md.")


def _passes(answer: httpx.Response) -> bool:
    return answer.status_code in _PASSING or answer.is_server_error


def _is_bucket(answer: httpx.Response) -> bool:
    """Tell whether it is the bucket that was not found, by the sentence of the API; nothing else
    tells.
    """
    return "bucket does not exist" in answer.text


def _credentials() -> Credentials:
    try:
        found: Credentials = google.auth.default(scopes=[SCOPE])[0]
    except DefaultCredentialsError as missing:
        raise ArchiveFault(
            "noCredentials",
            "there are no Google credentials",
            "Run as a service account, or gcloud auth application-default login.",
        ) from missing
    return found
