"""Key material as it comes out of editors, shells and secret stores.

A file that passed through JSON, YAML, a shell variable or a clipboard is still that file: its line
ends may be escaped once or more often, or gone, and a mark, quotes or blanks may stand around it.
"""

import base64
import binascii
import json
import re
from collections.abc import Mapping

from shared.settings.credentials import CredentialsRefused

_AROUND = " \t\r\n\ufeff\u200b\xa0\"'`"
_ESCAPED_LINE_END = re.compile(r"\\+[rn]")
_ARMOUR = re.compile(r"-----BEGIN ([A-Z0-9 ]+)-----(.*?)-----END \1-----", re.DOTALL)
_KEY = "PRIVATE KEY"


def bare(text: str) -> str:
    """Take off what is around a text but not part of it: blanks, line ends, quotes, a mark."""
    return text.strip(_AROUND)


def json_object(text: str) -> Mapping[str, object]:
    """Read a JSON object, also one with real line ends in its texts or that was quoted once more.

    Raises ``CredentialsRefused``.
    """
    unmarked = text.strip().lstrip("\ufeff")
    for candidate in (unmarked, bare(text)):
        try:
            found = json.loads(candidate, strict=False)
            if isinstance(found, str):
                found = json.loads(bare(found), strict=False)
        except (ValueError, RecursionError):
            continue
        if isinstance(found, dict):
            return found
    raise CredentialsRefused("must be a JSON object")


def base64_bytes(text: str) -> bytes:
    """Decode base64 in either alphabet, in lines or not. Raises ``CredentialsRefused``."""
    joined = re.sub(r"\s", "", _ESCAPED_LINE_END.sub("", bare(text)))
    standard = joined.translate(str.maketrans("-_", "+/")).rstrip("=")
    try:
        return base64.b64decode(standard + "=" * (-len(standard) % 4), validate=True)
    except (binascii.Error, ValueError) as broken:
        raise CredentialsRefused("must be the file in base64") from broken


def private_key_der(text: str) -> bytes:
    """Take the private key out of a PEM file, or of its base64. Raises ``CredentialsRefused``."""
    blocks = dict(_ARMOUR.findall(_ESCAPED_LINE_END.sub("\n", text)))
    name = next((it for it in blocks if it.endswith(_KEY)), "")
    if name.startswith("ENCRYPTED"):
        raise CredentialsRefused("is encrypted: give the key without a passphrase")
    if blocks and not name:
        raise CredentialsRefused(f"holds a {next(iter(blocks)).lower()}, not a private key")
    try:
        whole = base64_bytes(blocks[name] if name else text)
    except CredentialsRefused as unreadable:
        raise CredentialsRefused("is not a PEM private key: give the file whole") from unreadable
    if whole.startswith(b"-----BEGIN"):
        return private_key_der(whole.decode("ascii", "replace"))
    return whole
