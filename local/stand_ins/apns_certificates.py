"""Certificates for the APNs stand-in: an authority made at every start, trusted by nobody else."""

import ssl
import tempfile
from datetime import UTC, datetime, timedelta
from ipaddress import IPv4Address
from pathlib import Path

from cryptography import x509
from cryptography.hazmat.primitives import hashes
from cryptography.hazmat.primitives.asymmetric import ec
from cryptography.hazmat.primitives.serialization import (
    BestAvailableEncryption,
    Encoding,
    NoEncryption,
    PrivateFormat,
    pkcs12,
)
from cryptography.x509.oid import NameOID

LIFETIME = timedelta(days=30)

_SIGNS_CERTIFICATES = x509.KeyUsage(
    digital_signature=False,
    content_commitment=False,
    key_encipherment=False,
    data_encipherment=False,
    key_agreement=False,
    key_cert_sign=True,
    crl_sign=True,
    encipher_only=False,
    decipher_only=False,
)


class Authority:
    """Signs the stand-in's own certificate, and certificates of those who send."""

    def __init__(self) -> None:
        self._key = ec.generate_private_key(ec.SECP256R1())
        self._name = x509.Name([x509.NameAttribute(NameOID.COMMON_NAME, "APNs stand-in")])
        builder = _builder(self._name, self._name, self._key.public_key())
        self._certificate = (
            builder.add_extension(x509.BasicConstraints(ca=True, path_length=0), critical=True)
            .add_extension(_SIGNS_CERTIFICATES, critical=True)
            .add_extension(self._key_identifier(), critical=False)
            .sign(self._key, hashes.SHA256())
        )

    @property
    def pem(self) -> bytes:
        """What a client must trust."""
        return self._certificate.public_bytes(Encoding.PEM)

    def server_context(self) -> ssl.SSLContext:
        """For 127.0.0.1 and localhost; asks for a client certificate and takes none as well."""
        context = self.server_context_of()
        context.set_alpn_protocols(["h2", "http/1.1"])
        context.verify_mode = ssl.CERT_OPTIONAL
        context.load_verify_locations(cadata=self.pem.decode())
        return context

    def server_context_of(self, at: datetime | None = None) -> ssl.SSLContext:
        """Under a certificate that is valid for ``LIFETIME`` from ``at``; for any protocol."""
        key = ec.generate_private_key(ec.SECP256R1())
        name = x509.Name([x509.NameAttribute(NameOID.COMMON_NAME, "localhost")])
        hosts = [x509.DNSName("localhost"), x509.IPAddress(IPv4Address("127.0.0.1"))]
        certificate = self._signed(
            _builder(name, self._name, key.public_key(), at).add_extension(
                x509.SubjectAlternativeName(hosts), critical=False
            )
        )
        context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
        context.minimum_version = ssl.TLSVersion.TLSv1_2
        with tempfile.TemporaryDirectory() as folder:
            path = Path(folder) / "server.pem"
            own = key.private_bytes(Encoding.PEM, PrivateFormat.PKCS8, NoEncryption())
            path.write_bytes(certificate.public_bytes(Encoding.PEM) + own)
            context.load_cert_chain(path)
        return context

    def client_p12(self, topic: str, password: str, at: datetime | None = None) -> bytes:
        """A sender's certificate, as Apple would give it; valid for ``LIFETIME`` from ``at``."""
        key = ec.generate_private_key(ec.SECP256R1())
        name = x509.Name(
            [
                x509.NameAttribute(NameOID.USER_ID, topic),
                x509.NameAttribute(NameOID.COMMON_NAME, f"Apple Push Services: {topic}"),
            ]
        )
        certificate = self._signed(_builder(name, self._name, key.public_key(), at))
        secret = BestAvailableEncryption(password.encode())
        return pkcs12.serialize_key_and_certificates(b"apns", key, certificate, None, secret)

    def _signed(self, builder: x509.CertificateBuilder) -> x509.Certificate:
        """Python 3.13 is strict about an authority's key identifier."""
        identifier = x509.AuthorityKeyIdentifier(self._key_identifier().digest, None, None)
        return builder.add_extension(identifier, critical=False).sign(self._key, hashes.SHA256())

    def _key_identifier(self) -> x509.SubjectKeyIdentifier:
        return x509.SubjectKeyIdentifier.from_public_key(self._key.public_key())


def topics_of(certificate: object) -> frozenset[str] | None:
    """The apps that a peer's certificate, as ``ssl`` tells it, is for; ``None`` without one."""
    if not isinstance(certificate, dict) or not certificate:
        return None
    pairs = [pair for part in certificate.get("subject", ()) for pair in part]
    return frozenset(value for name, value in pairs if name in ("userId", "UID"))


def _builder(
    subject: x509.Name,
    issuer: x509.Name,
    key: ec.EllipticCurvePublicKey,
    at: datetime | None = None,
) -> x509.CertificateBuilder:
    begins = at or datetime.now(UTC) - timedelta(hours=1)
    return (
        x509.CertificateBuilder()
        .subject_name(subject)
        .issuer_name(issuer)
        .public_key(key)
        .serial_number(x509.random_serial_number())
        .not_valid_before(begins)
        .not_valid_after(begins + LIFETIME)
    )
