"""The push services of the local stack and of its demo project: an entry each, and no other list.

Credentials are made anew at each start and known to nobody else: they open nothing but emulators.
"""

import json
import os
import secrets
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path

from cryptography.hazmat.primitives.asymmetric import ec
from cryptography.hazmat.primitives.serialization import (
    Encoding,
    NoEncryption,
    PrivateFormat,
    PublicFormat,
)

from local.emulators.service_account import SERVICE_ACCOUNT

TOPIC = "example.fanfare.demo"
TEAM_ID = "FANFARE000"
APP_ID = "100000001"


@dataclass(frozen=True, slots=True)
class PushService:
    """Push service with its emulator; as it stands here, without credentials of its own."""

    name: str
    """Its kind of address, its emulator's package, and its name in stack.json."""
    maker: str
    variable: str
    """Variable with its address."""
    goes_with: str
    """Variable that goes with the address: where its tokens are, or what a method says here."""
    phones: Mapping[str, int]
    """Its share of the demo's phones: by platform, how many of each turn."""
    dead: str
    """Beginning of an address that it refuses for good."""
    token_path: str = ""
    secret: str = ""
    """Variable with its credentials."""
    scheme: str = "http://"
    admin: str = ""
    """Name in stack.json of a second port, if its emulator is asked there what it received."""

    def credentials(self, folder: Path) -> Path:
        """Return the file with the value of ``secret``."""
        return folder / f"{self.name}-credentials.json"

    def make_credentials(self, folder: Path) -> None:
        """Make the credentials, for their owner's eyes only."""

    def arguments(self, folder: Path) -> tuple[str, ...]:
        """Return the emulator's arguments, which let it check credentials."""
        del folder
        return ()

    def is_ours(self, urls: Mapping[str, str]) -> bool:
        """Tell whether the emulator is the stack's own."""
        return self.admin in urls if self.admin else not os.environ.get(self.variable)

    def environment(self, urls: Mapping[str, str], folder: Path) -> dict[str, str]:
        """Build the functions' variables; another's emulator takes those of our environment."""
        variables = {self.variable: urls[self.name]}
        if self.token_path:
            token_url = f"{urls[self.name]}{self.token_path}"
            variables[self.goes_with] = os.environ.get(self.goes_with) or token_url
        if self.secret:
            theirs = "" if self.is_ours(urls) else os.environ.get(self.secret)
            variables[self.secret] = theirs or self.credentials(folder).read_text()
        return variables


class _Google(PushService):
    """Service that checks the service account's own signatures."""

    def arguments(self, folder: Path) -> tuple[str, ...]:
        return (f"--service-account={folder / SERVICE_ACCOUNT}",)


class _Apple(PushService):
    """Service with a certificate that senders must trust, which its emulator writes at its start,
    and a key that its senders sign with, under another id at each start: a token of the last
    start's key is never taken for one of this.
    """

    def make_credentials(self, folder: Path) -> None:
        key = ec.generate_private_key(ec.SECP256R1())
        private = key.private_bytes(Encoding.PEM, PrivateFormat.PKCS8, NoEncryption())
        public = key.public_key().public_bytes(Encoding.PEM, PublicFormat.SubjectPublicKeyInfo)
        credentials = {
            "topic": TOPIC,
            "keyId": secrets.token_hex(5).upper(),
            "teamId": TEAM_ID,
            "key": private.decode(),
        }
        _write(self._public_key(folder), public.decode())
        _write(self.credentials(folder), json.dumps(credentials))

    def arguments(self, folder: Path) -> tuple[str, ...]:
        key_id = json.loads(self.credentials(folder).read_text())["keyId"]
        return f"--ca-file={self._ca(folder)}", f"--key={key_id}={self._public_key(folder)}"

    def environment(self, urls: Mapping[str, str], folder: Path) -> dict[str, str]:
        ours = self.is_ours(urls)
        ca_file = str(self._ca(folder)) if ours else os.environ.get(self.goes_with)
        variables = super().environment(urls, folder)
        return variables | ({self.goes_with: ca_file} if ca_file else {})

    def _public_key(self, folder: Path) -> Path:
        return folder / f"{self.name}-key.pem"

    def _ca(self, folder: Path) -> Path:
        return folder / f"{self.name}-ca.pem"


class _ByAppSecret(PushService):
    """Service that gives out tokens for an app's id and secret."""

    def make_credentials(self, folder: Path) -> None:
        credentials = {"appId": APP_ID, "appSecret": secrets.token_hex(16)}
        _write(self.credentials(folder), json.dumps(credentials))

    def arguments(self, folder: Path) -> tuple[str, ...]:
        secret = json.loads(self.credentials(folder).read_text())["appSecret"]
        return (f"--app-secret={secret}",)


FCM = _Google(
    name="fcm",
    maker="FCM",
    variable="FCM_BASE_URL",
    goes_with="GOOGLE_OAUTH_TOKEN_URL",
    token_path="/token",
    phones={"ios": 1, "android": 3},
    dead="unregistered",
)
PUSH_SERVICES: tuple[PushService, ...] = (
    FCM,
    _Apple(
        name="apns",
        maker="Apple",
        variable="APNS_BASE_URL",
        goes_with="APNS_CA_FILE",
        secret="FANFARE_APNS_CREDENTIALS",
        phones={"ios": 2},
        dead="bad-device-token",
        scheme="https://",
        admin="apnsAdmin",
    ),
    _ByAppSecret(
        name="hms",
        maker="Huawei",
        variable="HMS_PUSH_BASE_URL",
        goes_with="HMS_OAUTH_URL",
        token_path="/oauth2/v3/token",
        secret="FANFARE_HMS_CREDENTIALS",
        phones={"android": 1},
        dead="illegal",
    ),
)


def _write(path: Path, text: str) -> None:
    path.parent.mkdir(parents=True, exist_ok=True)
    path.touch(mode=0o600)
    path.chmod(0o600)
    path.write_text(text)
