"""Certificates for sites that are emulated here."""

import ssl
from collections.abc import Sequence
from datetime import UTC, datetime, timedelta

from cryptography import x509

from local.emulators.test_ca import LIFETIME, SKEW, CertificateAuthority, Validity, named


class SitesCa(CertificateAuthority):
    """Authority that issues certificates for any host."""

    def __init__(self) -> None:
        super().__init__("Emulated sites")

    def server_context(
        self, hosts: Sequence[str], lifetime: timedelta = LIFETIME
    ) -> ssl.SSLContext:
        """Create the context of a server of these hosts; a negative ``lifetime`` has run out
        already.
        """
        now = datetime.now(UTC)
        validity = Validity(now - SKEW - LIFETIME, now + lifetime)
        names = x509.SubjectAlternativeName([x509.DNSName(host) for host in hosts])
        return self.context_of(named("An emulated site"), validity, names)
