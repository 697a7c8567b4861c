"""Hwids, tokens and other secrets in logs: as a keyed hash.

An hwid is short and often a serial number, so a plain hash of it is found by trying them all.
"""

import hashlib
import hmac
import secrets
from functools import cache

from shared.settings import SettingsError, settings


def hidden(text: str) -> str:
    """Return a keyed hash: it shows that two texts are the same, and nothing else of them."""
    digest = hmac.digest(_key(), text.encode(errors="replace"), hashlib.sha256)
    return f"hmac:{digest.hex()[:16]}"


@cache
def _key() -> bytes:
    """Return the deployment's key; without one, this process's own."""
    try:
        given = settings().log_key
    except SettingsError:
        given = None
    return given.get_secret_value().encode() if given else secrets.token_bytes(32)
