"""The functions' credentials for the emulators of Apple and Huawei.

Made anew at each start and known to nobody else: they open nothing but these emulators.
"""

import json
import secrets
from dataclasses import dataclass
from pathlib import Path

from cryptography.hazmat.primitives.asymmetric import ec
from cryptography.hazmat.primitives.serialization import (
    Encoding,
    NoEncryption,
    PrivateFormat,
    PublicFormat,
)

TOPIC = "example.fanfare.demo"
TEAM_ID = "FANFARE000"
HMS_APP_ID = "100000001"


@dataclass(frozen=True, slots=True)
class PushCredentials:
    """Files in the folder of a stack."""

    folder: Path

    @property
    def apns(self) -> Path:
        """File with the value of FANFARE_APNS_CREDENTIALS."""
        return self.folder / "apns-credentials.json"

    @property
    def apns_public_key(self) -> Path:
        """File with the key that the emulator checks provider tokens with."""
        return self.folder / "apns-key.pem"

    @property
    def apns_ca(self) -> Path:
        """File with the certificate to trust: the emulator writes it when it starts."""
        return self.folder / "apns-ca.pem"

    @property
    def hms(self) -> Path:
        """File with the value of FANFARE_HMS_CREDENTIALS."""
        return self.folder / "hms-credentials.json"

    @property
    def apns_key_id(self) -> str:
        """Key id, another at each start: a token of the last start's key is never taken for one of
        this.
        """
        return str(json.loads(self.apns.read_text())["keyId"])

    @property
    def hms_secret(self) -> str:
        """The one secret that gets an access token."""
        return str(json.loads(self.hms.read_text())["appSecret"])

    def write(self) -> None:
        """Make all of them, for their owner's eyes only."""
        key = ec.generate_private_key(ec.SECP256R1())
        private = key.private_bytes(Encoding.PEM, PrivateFormat.PKCS8, NoEncryption())
        public = key.public_key().public_bytes(Encoding.PEM, PublicFormat.SubjectPublicKeyInfo)
        apns = {
            "topic": TOPIC,
            "keyId": secrets.token_hex(5).upper(),
            "teamId": TEAM_ID,
            "key": private.decode(),
        }
        hms = {"appId": HMS_APP_ID, "appSecret": secrets.token_hex(16)}
        self.folder.mkdir(parents=True, exist_ok=True)
        _write(self.apns_public_key, public.decode())
        _write(self.apns, json.dumps(apns))
        _write(self.hms, json.dumps(hms))


def _write(path: Path, text: str) -> None:
    path.touch(mode=0o600)
    path.chmod(0o600)
    path.write_text(text)
