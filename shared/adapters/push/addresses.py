"""The form of an address at each push service, and where Apple reads it."""

import re
from hashlib import blake2b

MOST_ADDRESS_CHARACTERS = 4096

_HALF_A_PAIR = re.compile("[\ud800-\udfff]")
_IN_A_PATH = re.compile(r"[A-Za-z0-9_-]{1,512}", re.ASCII)


def fits_json(address: str) -> bool:
    """Tell whether FCM or Huawei could know it. Half a surrogate pair is no text, and no token."""
    return 0 < len(address) <= MOST_ADDRESS_CHARACTERS and (
        address.isascii() or not _HALF_A_PAIR.search(address)
    )


def fits_path(address: str) -> bool:
    """Tell whether Apple could know it. Apple promises no length, and may leave hex one day."""
    return _IN_A_PATH.fullmatch(address) is not None


def apns_path(address: str) -> bytes:
    """Name one device in the path of a request to Apple."""
    return b"/3/device/" + address.encode()


def apns_id(notification_id: str, address: str) -> str:
    """Name a request to Apple: the same at every attempt, so that it can be traced.

    A UUID of version 8, made of a hash; ``uuid`` takes six times as long.
    """
    named = f"{notification_id}/{address}".encode()
    it = blake2b(named, digest_size=16).hexdigest()
    return f"{it[:8]}-{it[8:12]}-8{it[13:16]}-a{it[17:20]}-{it[20:32]}"
