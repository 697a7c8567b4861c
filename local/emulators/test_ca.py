"""A certificate authority made at every start, trusted only by those who are given its ``pem``."""

import ssl
import tempfile
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from pathlib import Path

from cryptography import x509
from cryptography.hazmat.primitives import hashes
from cryptography.hazmat.primitives.asymmetric import ec
from cryptography.hazmat.primitives.serialization import Encoding, NoEncryption, PrivateFormat
from cryptography.x509.oid import NameOID

LIFETIME = timedelta(days=30)
SKEW = timedelta(hours=1)
"""Certificates are valid this long before they are made, for clocks that are late."""

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


@dataclass(frozen=True, slots=True)
class Validity:
    """Period in which a certificate is valid."""

    begins: datetime
    ends: datetime

    @classmethod
    def from_now(cls) -> "Validity":
        """Create a period of ``LIFETIME`` from now."""
        begins = datetime.now(UTC) - SKEW
        return cls(begins, begins + LIFETIME)


def named(name: str) -> x509.Name:
    """Create a subject that has a common name only."""
    return x509.Name([x509.NameAttribute(NameOID.COMMON_NAME, name)])


class CertificateAuthority:
    """Authority that issues a certificate to whoever asks."""

    def __init__(self, name: str) -> None:
        self._key = ec.generate_private_key(ec.SECP256R1())
        self._name = named(name)
        own = x509.SubjectKeyIdentifier.from_public_key(self._key.public_key())
        # Python 3.13 is strict about an authority's key identifier.
        self._identifier = x509.AuthorityKeyIdentifier(own.digest, None, None)
        self._certificate = (
            self._builder(self._name, self._key.public_key(), Validity.from_now())
            .add_extension(x509.BasicConstraints(ca=True, path_length=0), critical=True)
            .add_extension(_SIGNS_CERTIFICATES, critical=True)
            .add_extension(own, critical=False)
            .sign(self._key, hashes.SHA256())
        )

    @property
    def pem(self) -> bytes:
        """Certificate that a client must trust."""
        return self._certificate.public_bytes(Encoding.PEM)

    def issue(
        self,
        subject: x509.Name,
        validity: Validity,
        hosts: x509.SubjectAlternativeName | None = None,
    ) -> tuple[ec.EllipticCurvePrivateKey, x509.Certificate]:
        """Create a key, and issue a certificate for it."""
        key = ec.generate_private_key(ec.SECP256R1())
        builder = self._builder(subject, key.public_key(), validity)
        if hosts:
            builder = builder.add_extension(hosts, critical=False)
        builder = builder.add_extension(self._identifier, critical=False)
        return key, builder.sign(self._key, hashes.SHA256())

    def context_of(
        self, subject: x509.Name, validity: Validity, hosts: x509.SubjectAlternativeName
    ) -> ssl.SSLContext:
        """Create the context of a server of these hosts, under a certificate of its own."""
        key, certificate = self.issue(subject, validity, hosts)
        context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
        context.minimum_version = ssl.TLSVersion.TLSv1_2
        own = key.private_bytes(Encoding.PEM, PrivateFormat.PKCS8, NoEncryption())
        with tempfile.TemporaryDirectory() as folder:
            path = Path(folder) / "server.pem"
            path.write_bytes(certificate.public_bytes(Encoding.PEM) + own)
            context.load_cert_chain(path)
        return context

    def _builder(
        self, subject: x509.Name, key: ec.EllipticCurvePublicKey, validity: Validity
    ) -> x509.CertificateBuilder:
        return (
            x509.CertificateBuilder()
            .subject_name(subject)
            .issuer_name(self._name)
            .public_key(key)
            .serial_number(x509.random_serial_number())
            .not_valid_before(validity.begins)
            .not_valid_after(validity.ends)
        )
