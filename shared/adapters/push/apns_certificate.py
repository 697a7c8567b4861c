"""The certificates a connection to Apple trusts, and the client certificate it shows, if any."""

import ssl

from shared.adapters.push.apns_credentials import ClientCertificate
from shared.settings.credentials import CredentialsRefused
from shared.settings.credentials.p12 import show


def trust(certificate: ClientCertificate | None, ca_file: str | None) -> ssl.SSLContext:
    """Prepare the handshake. Raises ``CredentialsRefused``."""
    try:
        context = ssl.create_default_context(cafile=ca_file)
    except OSError as unreadable:
        raise CredentialsRefused(f"APNS_CA_FILE cannot be read: {unreadable}") from None
    context.minimum_version = ssl.TLSVersion.TLSv1_2
    context.set_alpn_protocols(["h2"])
    if certificate is not None:
        show(context, certificate.pem)
    return context
