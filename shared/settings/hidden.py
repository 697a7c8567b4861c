"""How an hwid, a token or another secret looks in a log: as a keyed hash.

An hwid is short and often a serial number, so a plain hash of it is found by trying them all.
"""

import hashlib
import hmac
import secrets
from functools import cache

from shared.settings import SettingsError, settings


def hidden(text: str) -> str:
    """Enough to see that two texts are the same, nothing to find out which."""
    digest = hmac.digest(_key(), text.encode(errors="replace"), hashlib.sha256)
    return f"hmac:{digest.hex()[:16]}"


@cache
def _key() -> bytes:
    """The deployment's key; without one, this process's own."""
    try:
        given = settings().log_key
    except SettingsError:
        given = None
    return given.get_secret_value().encode() if given else secrets.token_bytes(32)
