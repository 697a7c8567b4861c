"""One FCM stand-in for the tests of senders; each test uses addresses of its own."""

from collections.abc import Callable, Iterator
from pathlib import Path

import orjson
import pytest
from cryptography.hazmat.primitives.asymmetric import rsa
from cryptography.hazmat.primitives.serialization import Encoding, NoEncryption, PrivateFormat

from local.background import Served
from local.fcm import app

AccountFile = Callable[[str], Path]


@pytest.fixture(scope="module")
def fcm() -> Iterator[str]:
    """The stand-in's base URL."""
    with Served(app()) as served:
        yield served.url


@pytest.fixture(scope="session")
def private_key() -> str:
    key = rsa.generate_private_key(public_exponent=65537, key_size=2048)
    return key.private_bytes(Encoding.PEM, PrivateFormat.PKCS8, NoEncryption()).decode()


@pytest.fixture
def account_file(private_key: str, tmp_path: Path) -> AccountFile:
    """Writes a throw-away service account whose tokens come from the URL given."""

    def written(token_uri: str) -> Path:
        path = tmp_path / "account.json"
        path.write_bytes(
            orjson.dumps(
                {
                    "type": "service_account",
                    "project_id": "demo-p",
                    "private_key_id": "1",
                    "private_key": private_key,
                    "client_email": "sender@demo-p.iam.gserviceaccount.com",
                    "client_id": "1",
                    "token_uri": token_uri,
                }
            )
        )
        return path

    return written
