"""Certificates for the APNs emulator: its own, and those of senders as Apple would issue them."""

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


class ApnsCa(CertificateAuthority):
    """Certificate authority for the emulator's own certificate and for those of senders."""

    def __init__(self) -> None:
        super().__init__("APNs emulator")

    def server_context(self) -> ssl.SSLContext:
        """Create the context for 127.0.0.1 and localhost; it asks for a client certificate and also
        accepts none.
        """
        context = self.server_context_of()
        context.set_alpn_protocols(["h2", "http/1.1"])
        context.verify_mode = ssl.CERT_OPTIONAL
        context.load_verify_locations(cadata=self.pem.decode())
        return context

    def server_context_of(self, at: datetime | None = None) -> ssl.SSLContext:
        """Create a context whose certificate is valid for ``LIFETIME`` from ``at``; for any
        protocol.
        """
        return self.context_of(named("localhost"), _validity(at), _HOSTS)

    def client_p12(self, topic: str, password: str, at: datetime | None = None) -> bytes:
        """Issue a sender's certificate, as Apple would; valid for ``LIFETIME`` from ``at``."""
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
    """Return the apps of a peer's certificate, as ``ssl`` gives it; ``None`` without one."""
    if not isinstance(certificate, dict) or not certificate:
        return None
    pairs = [pair for part in certificate.get("subject", ()) for pair in part]
    return frozenset(value for name, value in pairs if name in ("userId", "UID"))


def _validity(at: datetime | None) -> Validity:
    return Validity(at, at + LIFETIME) if at else Validity.from_now()
