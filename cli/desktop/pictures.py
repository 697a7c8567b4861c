"""The picture of a notification, as a file that a desktop can show.

Its address is a stranger's. It is asked without a credential, by https and without following
anywhere else; what is no picture, too large or too slow is left out: the words are shown all the
same.
"""

import time
from collections.abc import Callable
from contextlib import suppress
from pathlib import Path
from typing import Final

import httpx

from cli.desktop.note import Note, is_web_page

MOST_BYTES: Final = 2 * 1024 * 1024
MOST_SECONDS: Final = 10.0
ENDINGS: Final = {"image/png": "png", "image/jpeg": "jpg", "image/gif": "gif", "image/webp": "webp"}


class Pictures:
    """The last picture, in a file beside the secret."""

    def __init__(
        self,
        client: httpx.Client,
        file: Path,
        clock: Callable[[], float] = time.monotonic,
    ) -> None:
        self._client, self._file, self._clock = client, file, clock

    def address_of(self, note: Note) -> str:
        """Return the address of the file with the note's picture, or nothing."""
        if not is_web_page(note.image):
            return ""
        with suppress(httpx.HTTPError, httpx.InvalidURL, OSError):
            return self._stored(note.image)
        return ""

    def _stored(self, url: str) -> str:
        with self._client.stream("GET", url) as answer:
            kind = answer.headers.get("Content-Type", "").partition(";")[0].strip().lower()
            body = self._body(answer)
        if answer.status_code != 200 or kind not in ENDINGS or not body:
            return ""
        file = self._file.with_suffix(f".{ENDINGS[kind]}")
        draft = self._file.with_suffix(".picture")
        draft.write_bytes(body)
        draft.replace(file)
        return file.absolute().as_uri()

    def _body(self, answer: httpx.Response) -> bytes:
        body, ends = bytearray(), self._clock() + MOST_SECONDS
        for chunk in answer.iter_bytes():
            body += chunk
            if len(body) > MOST_BYTES or self._clock() > ends:
                return b""
        return bytes(body)
