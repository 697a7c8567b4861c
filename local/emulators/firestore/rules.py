"""The rules for whoever comes without an administrator's token: ``firestore.rules``, in Python.

Everything is denied but what stands here: a desktop reads its own document. The tests of the rules
run on Google's emulator, which reads the file, and on this.
"""

import base64
import binascii
import json
import time
from collections.abc import Mapping
from typing import Any

from shared.ports.database import Database, Document

OWNER = "Bearer owner"
_DEVICES = "devices"
_DEVICE_SECRETS = "deviceSecrets"
_NOBODY: Mapping[str, Any] = {}


def is_owner(authorization: str) -> bool:
    """Tell whether the caller is an administrator, as the functions are."""
    return authorization == OWNER


def claims_of(authorization: str, project: str) -> Mapping[str, Any]:
    """Read the claims of a sign-in token of this project; none of a bad one.

    As Google's emulator does, this one takes tokens that nobody signed.
    """
    try:
        _, payload, _ = authorization.removeprefix("Bearer ").split(".")
        claims = json.loads(base64.urlsafe_b64decode(payload + "=" * (-len(payload) % 4)))
        is_valid = claims["aud"] == project and claims["exp"] > time.time()
    except (ValueError, LookupError, TypeError, binascii.Error):
        return _NOBODY
    return claims if is_valid else _NOBODY


def may_get(database: Database, name: str, claims: Mapping[str, Any]) -> bool:
    """Tell whether a user with these claims may read the document of this name."""
    collection, _, hwid = name.partition("/")
    if collection != _DEVICES or "/" in hwid or claims.get("sub") != f"device:{hwid}":
        return False
    device = database.get(name)
    return device is None or _generation(database, device) == claims.get("generation", "")


def _generation(database: Database, device: Document) -> Any:
    """Find the generation of a device: its record of the secret has it where the device has not.

    Without that record nobody has the device's generation.
    """
    if "generation" in device.fields:
        return device.fields["generation"]
    secret = database.get(f"{_DEVICE_SECRETS}/{device.id}")
    return _Nobody() if secret is None else secret.fields.get("generation", "")


class _Nobody:
    """Generation that equals no other."""
