"""A service account's key of the real shape that opens nothing: Google's libraries insist on a key.

It is made anew at each start and points at the emulator of Google's token endpoint.
"""

import json
from pathlib import Path

from cryptography.hazmat.primitives.asymmetric import rsa
from cryptography.hazmat.primitives.serialization import Encoding, NoEncryption, PrivateFormat

SERVICE_ACCOUNT = "service-account.json"
"""Name of its file in the folder of a stack."""


def write_service_account(path: Path, *, project: str, email: str, token_url: str) -> None:
    """Write the key to ``path``, for its owner's eyes only."""
    key = rsa.generate_private_key(public_exponent=65537, key_size=2048)
    pem = key.private_bytes(Encoding.PEM, PrivateFormat.PKCS8, NoEncryption())
    account = {
        "type": "service_account",
        "project_id": project,
        "private_key_id": "local",
        "private_key": pem.decode(),
        "client_email": email,
        "client_id": "0",
        "token_uri": token_url,
    }
    path.parent.mkdir(parents=True, exist_ok=True)
    path.touch(mode=0o600)
    path.write_text(json.dumps(account, indent=2))
