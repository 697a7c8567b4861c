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
"""Alerts of the other side; what we ourselves hold against its certificate is named otherwise."""


def refuses_our_certificate(error: Exception | None) -> bool:
    """Whether the other side says so."""
    reason = getattr(error, "reason", None) if isinstance(error, ssl.SSLError) else None
    return isinstance(reason, str) and reason.endswith(_OF_CERTIFICATES)
