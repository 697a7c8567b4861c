"""The result of fetching an address: the page or image, or what came in between."""

from dataclasses import dataclass
from enum import StrEnum

MOST_IMAGE_BYTES = 1024 * 1024
MOST_HOPS = 5


class WebFault(StrEnum):
    """The reason why nothing was seen at an address."""

    UNKNOWN_HOST = "unknownHost"
    FORBIDDEN_ADDRESS = "forbiddenAddress"
    TOO_MANY_REDIRECTS = "tooManyRedirects"
    REDIRECT_TO_HTTP = "redirectToHttp"
    BAD_REDIRECT = "badRedirect"
    BAD_CERTIFICATE = "badCertificate"
    UNREACHABLE = "unreachable"
    TOO_SLOW = "tooSlow"
    BAD_ANSWER = "badAnswer"
    NOT_LOOKED_AT = "notLookedAt"


@dataclass(frozen=True, slots=True)
class FetchResult:
    """The result of going to an address.

    ``url`` is where the hops ended. Without ``fault`` there is a status. ``size`` counts
    what was read of the body, which ends just beyond ``MOST_IMAGE_BYTES``.
    """

    url: str
    hops: tuple[str, ...] = ()
    status: int = 0
    content_type: str = ""
    size: int = 0
    kind: str = ""
    """``png``, ``jpeg``, ``gif``, ``webp`` or ``bmp``, by its first bytes."""
    width: int = 0
    height: int = 0
    attachment: str = ""
    """The name under which a browser would save it, if it is told to."""
    fault: WebFault | None = None

    @property
    def reached(self) -> bool:
        """True where there was something to look at."""
        return self.fault is None and 200 <= self.status < 300
