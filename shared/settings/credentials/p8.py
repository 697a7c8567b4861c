"""The P8 key that Apple hands out once: an elliptic curve's private key, for ES256."""

from cryptography.exceptions import UnsupportedAlgorithm
from cryptography.hazmat.primitives.asymmetric.ec import SECP256R1, EllipticCurvePrivateKey
from cryptography.hazmat.primitives.serialization import load_der_private_key

from shared.settings.credentials import CredentialsRefused
from shared.settings.credentials.pasted import private_key_der


def read_key(text: str) -> EllipticCurvePrivateKey:
    """Read the key. Raises ``CredentialsRefused``."""
    der = private_key_der(text)
    try:
        loaded = load_der_private_key(der, None)
    except (ValueError, TypeError, UnsupportedAlgorithm) as broken:
        raise CredentialsRefused("is not a PEM private key: give the file whole") from broken
    if not isinstance(loaded, EllipticCurvePrivateKey):
        raise CredentialsRefused("is not an ES256 (P-256) key but one of another kind")
    if not isinstance(loaded.curve, SECP256R1):
        raise CredentialsRefused(f"is not an ES256 (P-256) key but on {loaded.curve.name}")
    return loaded
