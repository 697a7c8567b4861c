"""Certificates for the APNs stand-in: its own, and those of senders as Apple would give them."""

import ssl
from datetime import datetime
from ipaddress import IPv4Address

from cryptography import x509
from cryptography.hazmat.primitives.serialization import BestAvailableEncryption, pkcs12
from cryptography.x509.oid import NameOID

from local.emulators.test_ca import LIFETIME, CertificateAuthority, Validity, named

_HOSTS = x509.SubjectAlternativeName(
    [x509.DNSName("localhost"), x509.IPAddress(IPv4Address("127.0.0.1"))]
)


class Authority(CertificateAuthority):
    """Signs the stand-in's own certificate, and certificates of those who send."""

    def __init__(self) -> None:
        super().__init__("APNs stand-in")

    def server_context(self) -> ssl.SSLContext:
        """For 127.0.0.1 and localhost; asks for a client certificate and takes none as well."""
        context = self.server_context_of()
        context.set_alpn_protocols(["h2", "http/1.1"])
        context.verify_mode = ssl.CERT_OPTIONAL
        context.load_verify_locations(cadata=self.pem.decode())
        return context

    def server_context_of(self, at: datetime | None = None) -> ssl.SSLContext:
        """Under a certificate that is valid for ``LIFETIME`` from ``at``; for any protocol."""
        return self.context_of(named("localhost"), _validity(at), _HOSTS)

    def client_p12(self, topic: str, password: str, at: datetime | None = None) -> bytes:
        """A sender's certificate, as Apple would give it; valid for ``LIFETIME`` from ``at``."""
        subject = x509.Name(
            [
                x509.NameAttribute(NameOID.USER_ID, topic),
                x509.NameAttribute(NameOID.COMMON_NAME, f"Apple Push Services: {topic}"),
            ]
        )
        key, certificate = self.issue(subject, _validity(at))
        secret = BestAvailableEncryption(password.encode())
        return pkcs12.serialize_key_and_certificates(b"apns", key, certificate, None, secret)


def topics_of(certificate: object) -> frozenset[str] | None:
    """The apps that a peer's certificate, as ``ssl`` tells it, is for; ``None`` without one."""
    if not isinstance(certificate, dict) or not certificate:
        return None
    pairs = [pair for part in certificate.get("subject", ()) for pair in part]
    return frozenset(value for name, value in pairs if name in ("userId", "UID"))


def _validity(at: datetime | None) -> Validity:
    return Validity(at, at + LIFETIME) if at else Validity.from_now()
