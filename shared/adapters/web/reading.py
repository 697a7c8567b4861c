"""The kind of an answer from the web: a page, an image, or a file to download."""

import re
from collections.abc import Mapping
from dataclasses import replace
from urllib.parse import urlsplit

from shared.adapters.web.http import WebAnswer
from shared.adapters.web.images import read_image
from shared.domain.findings.fetch_result import MOST_IMAGE_BYTES, FetchResult

SNIFFED_BYTES = 64
_DOWNLOADS = frozenset(
    {
        "application/octet-stream",
        "application/vnd.android.package-archive",
        "application/x-apple-aspen-config",
        "application/x-msdownload",
        "application/x-msi",
        "application/x-apple-diskimage",
        "application/java-archive",
    }
)
_FILE_NAME = re.compile(r"filename\*?=\s*(?:UTF-8'')?\"?([^\";]+)", re.IGNORECASE)


def bytes_to_read(status: int, headers: Mapping[str, str]) -> int:
    """Return how many bytes of the body to read: none of a page, of an image as many as it may
    have.
    """
    if not 200 <= status < 300:
        return 0
    kind = _content_type(headers)
    if kind.startswith("image/"):
        return MOST_IMAGE_BYTES + 1
    return 0 if kind in ("text/html", "application/xhtml+xml") else SNIFFED_BYTES


def _content_type(headers: Mapping[str, str]) -> str:
    return headers.get("content-type", "").partition(";")[0].strip().lower()


def with_answer(result: FetchResult, answer: WebAnswer) -> FetchResult:
    kind = _content_type(answer.headers)
    image = read_image(answer.body)
    return replace(
        result,
        status=answer.status,
        content_type=kind,
        size=len(answer.body),
        kind=image.kind,
        width=image.width,
        height=image.height,
        attachment=_attachment(result.url, kind, answer.headers),
    )


def _attachment(url: str, kind: str, headers: Mapping[str, str]) -> str:
    disposition = headers.get("content-disposition", "")
    named = _FILE_NAME.search(disposition)
    if disposition.strip().lower().startswith("attachment"):
        return named[1] if named else "without a name"
    if kind in _DOWNLOADS:
        return urlsplit(url).path.rpartition("/")[2] or "without a name"
    return ""
