"""A P12 client certificate for Apple, read and checked before it is ever shown to them.

P12 files are mostly encrypted with RC2-40, which OpenSSL 3 reads no more; ``cryptography`` does.
Apple names the apps a certificate is good for in an extension of its own, and the first of them in
the subject's UID. A handshake that fails for a wrong date gives no reason, so the dates are checked
here: when the certificate is shown, since they pass while we run; everything else when it is read.
"""

import ssl
import tempfile
from collections.abc import Callable
from datetime import UTC, datetime
from pathlib import Path
from secrets import token_hex

from cryptography import x509
from cryptography.hazmat.primitives.serialization import (
    BestAvailableEncryption,
    Encoding,
    PrivateFormat,
    pkcs12,
)
from cryptography.x509.oid import NameOID, ObjectIdentifier

from shared.settings.credentials import CredentialsRefused

TOPICS = ObjectIdentifier("1.2.840.113635.100.6.3.6")
_UTF8_STRING = 0x0C
_SEQUENCE = 0x30
_LONG_FORM = 0x80


class P12Certificate:
    """The contents of a P12 file. Raises ``CredentialsRefused`` for one that cannot be used."""

    def __init__(
        self,
        contents: bytes,
        password: str,
        topic: str,
        clock: Callable[[], datetime] = lambda: datetime.now(UTC),
    ) -> None:
        try:
            read = pkcs12.load_pkcs12(contents, password.encode())
        except ValueError as broken:
            raise CredentialsRefused("the P12 file or its password is wrong") from broken
        if read.key is None or read.cert is None:
            raise CredentialsRefused("the P12 file lacks a private key or its certificate")
        self._key = read.key
        self._certificate = read.cert.certificate
        self._chain = [self._certificate, *(it.certificate for it in read.additional_certs)]
        self._clock = clock
        self._check_topic(topic)
        show(ssl.SSLContext(ssl.PROTOCOL_TLS_CLIENT), self._pem)

    @property
    def topics(self) -> frozenset[str]:
        """Apps the certificate is good for; none means any."""
        subject = self._certificate.subject.get_attributes_for_oid(NameOID.USER_ID)
        named = {str(it.value) for it in subject}
        try:
            extension = self._certificate.extensions.get_extension_for_oid(TOPICS).value
        except x509.ExtensionNotFound:
            return frozenset(named)
        if isinstance(extension, x509.UnrecognizedExtension):
            named |= _strings(extension.value)
        return frozenset(named)

    def pem(self, password: bytes) -> bytes:
        """Return chain and encrypted key. Raises ``CredentialsRefused`` outside the dates."""
        self.check_dates()
        return self._pem(password)

    def _pem(self, password: bytes) -> bytes:
        key = self._key.private_bytes(
            Encoding.PEM, PrivateFormat.PKCS8, BestAvailableEncryption(password)
        )
        return b"".join([*(it.public_bytes(Encoding.PEM) for it in self._chain), key])

    def check_dates(self) -> None:
        """Raise ``CredentialsRefused`` for a certificate outside its dates."""
        begins = self._certificate.not_valid_before_utc
        ends = self._certificate.not_valid_after_utc
        if self._clock() < begins:
            raise CredentialsRefused(f"the P12 certificate is not valid before {begins:%F %T} UTC")
        if self._clock() > ends:
            raise CredentialsRefused(f"the P12 certificate expired {ends:%F %T} UTC: renew it")

    def _check_topic(self, topic: str) -> None:
        if self.topics and topic not in self.topics:
            named = ", ".join(sorted(self.topics))
            raise CredentialsRefused(f"the P12 certificate is for {named}, not for {topic}")


def show(context: ssl.SSLContext, pem: Callable[[bytes], bytes]) -> None:
    """Have connections show a certificate. Raises ``CredentialsRefused`` if OpenSSL will not.

    ``ssl`` reads files only: this one lives for a moment, its key encrypted.
    """
    password = token_hex()
    with tempfile.TemporaryDirectory() as folder:
        path = Path(folder) / "certificate.pem"
        path.write_bytes(pem(password.encode()))
        try:
            context.load_cert_chain(path, password=password)
        except ssl.SSLError as refused:
            reason = (refused.reason or "no reason").lower().replace("_", " ")
            raise CredentialsRefused(
                f"OpenSSL does not take the P12 certificate ({reason}): ask Apple for one with an "
                "RSA key of 2,048 bits"
            ) from None


# ---- the topics extension --------------------------------------------------------------------


def _strings(der: bytes) -> set[str]:
    """Collect every UTF-8 string in nested sequences; other types are skipped."""
    found: set[str] = set()
    position = 0
    while position + 2 <= len(der):
        tag = der[position]
        length, start = _length(der, position + 1)
        content = der[start : start + length]
        if tag == _UTF8_STRING:
            found.add(content.decode(errors="replace"))
        elif tag == _SEQUENCE:
            found |= _strings(content)
        position = start + length
    return found


def _length(der: bytes, position: int) -> tuple[int, int]:
    """Read a DER length; return it and the position of the content."""
    first = der[position]
    if first < _LONG_FORM:
        return first, position + 1
    size = first - _LONG_FORM
    return int.from_bytes(der[position + 1 : position + 1 + size]), position + 1 + size
