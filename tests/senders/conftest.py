"""One FCM emulator for the tests of senders; each test uses addresses of its own."""

import ssl
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from ipaddress import IPv4Address
from pathlib import Path

import orjson
import pytest
from cryptography import x509
from cryptography.hazmat.primitives import hashes
from cryptography.hazmat.primitives.asymmetric import rsa
from cryptography.hazmat.primitives.serialization import (
    Encoding,
    NoEncryption,
    PrivateFormat,
    load_pem_private_key,
)
from cryptography.x509.oid import NameOID

from local.emulators.background import ServedApp
from local.emulators.fcm.server import app

LOOPBACK = IPv4Address("127.0.0.1")
AccountFile = Callable[[str], Path]


@dataclass(frozen=True)
class Tls:
    """Both ends of a secure connection to 127.0.0.1, under a certificate nobody else trusts."""

    server: ssl.SSLContext
    client: ssl.SSLContext


@pytest.fixture(scope="session")
def tls(tmp_path_factory: pytest.TempPathFactory, private_key: str) -> Tls:
    folder = tmp_path_factory.mktemp("tls")
    certificate, key = folder / "certificate.pem", folder / "key.pem"
    certificate.write_bytes(_self_signed(private_key))
    key.write_text(private_key)
    server = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
    server.load_cert_chain(certificate, key)
    return Tls(server, ssl.create_default_context(cafile=certificate))


def _self_signed(private_key: str) -> bytes:
    key = load_pem_private_key(private_key.encode(), None)
    assert isinstance(key, rsa.RSAPrivateKey)
    name = x509.Name([x509.NameAttribute(NameOID.COMMON_NAME, "127.0.0.1")])
    now = datetime.now(UTC)
    return (
        x509.CertificateBuilder()
        .subject_name(name)
        .issuer_name(name)
        .public_key(key.public_key())
        .serial_number(1)
        .not_valid_before(now - timedelta(days=1))
        .not_valid_after(now + timedelta(days=1))
        .add_extension(x509.SubjectAlternativeName([x509.IPAddress(LOOPBACK)]), critical=False)
        .sign(key, hashes.SHA256())
        .public_bytes(Encoding.PEM)
    )


@pytest.fixture(scope="module")
def fcm() -> Iterator[str]:
    """Serve the emulator; yield its base URL."""
    with ServedApp(app()) as served:
        yield served.url


@pytest.fixture(scope="session")
def private_key() -> str:
    key = rsa.generate_private_key(public_exponent=65537, key_size=2048)
    return key.private_bytes(Encoding.PEM, PrivateFormat.PKCS8, NoEncryption()).decode()


@pytest.fixture
def account_file(private_key: str, tmp_path: Path) -> AccountFile:
    """Write a throw-away service account whose tokens come from the URL given."""

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
