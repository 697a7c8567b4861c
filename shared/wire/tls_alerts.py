"""TLS alerts by which the other side ends a connection because of our certificate."""

import ssl

_OF_CERTIFICATES = (
    "ALERT_BAD_CERTIFICATE",
    "ALERT_UNSUPPORTED_CERTIFICATE",
    "ALERT_CERTIFICATE_REVOKED",
    "ALERT_CERTIFICATE_EXPIRED",
    "ALERT_CERTIFICATE_UNKNOWN",
    "ALERT_CERTIFICATE_REQUIRED",
    "ALERT_UNKNOWN_CA",
    "ALERT_ACCESS_DENIED",
)
"""Alerts that the other side sent; our own complaints about its certificate have other names."""


def refuses_our_certificate(error: Exception | None) -> bool:
    """Tell whether the error is the other side's alert about our certificate."""
    reason = getattr(error, "reason", None) if isinstance(error, ssl.SSLError) else None
    return isinstance(reason, str) and reason.endswith(_OF_CERTIFICATES)
