"""P12 certificates: read whatever encrypts them, and checked before Apple ever sees them."""

import base64
from datetime import UTC, datetime, timedelta

import pytest
from cryptography import x509
from cryptography.hazmat.primitives import hashes
from cryptography.hazmat.primitives.asymmetric import ec
from cryptography.hazmat.primitives.serialization import NoEncryption, pkcs12
from cryptography.x509.oid import NameOID

from local.emulators.apns.certificates import ApnsCa
from local.emulators.test_ca import LIFETIME
from shared.adapters.memory.database import MemoryDatabase
from shared.adapters.push.apns_certificate import trust
from shared.adapters.push.apns_credentials import Certificate, credential
from shared.settings.credentials import CredentialsRefused
from shared.settings.credentials.apns import ApnsCredentials
from shared.settings.credentials.p12 import TOPICS, P12Certificate
from shared.stores.provider_tokens import TokenShelf
from tests.senders.apns_parts import TOPIC, credentials_json

BEGIN = datetime(2026, 1, 1, tzinfo=UTC)
RC2_40 = base64.b64decode(
    "MIIDwgIBAzCCA4gGCSqGSIb3DQEHAaCCA3kEggN1MIIDcTCCAmcGCSqGSIb3DQEHBqCCAlgwggJUAgEAMIICTQYJ"
    "KoZIhvcNAQcBMBwGCiqGSIb3DQEMAQYwDgQIKypYIkZiIRMCAggAgIICIPKRAXD3dn7P/1FbzJ5boK9xMaQKTkFn"
    "csxT1cNonYbsWlzRHNShfw24/sUd8xoaqhTMd9PhjFWHJpI/3229Txo23YeV+gta9D5Pof2+LiO4KYkIDMJ7Rs+8"
    "UvBVspGGgmT8Ek65p/aBsVDIrUPdSmW/kMhH1r3xEUL9hSSa+ulEPZzEE4t4v1UZRKPhehvDnM7DmcX3AzlNICq5"
    "xG0a6gNTTRVNhlbOAERjjgX1oqX/p4a2bbS+qS7I/qDM9PwQ3DLKfgHzkfjLoasb120rGx0OUFRjjAFejhpalFsF"
    "IuZMP8PCTjYEK25C4ih/YkgcgyBwNmiXfSO4cxb9E3SL6YfVylEAp0nd2u4UcF/HMBKDQNO4rj3fz9PQkIkv00R3"
    "X5k4IP9quvl7fI278QHGsU4HU0UzUUyapgBssUfWqMTT9hSAdUie6PNMJ9gAIowutfsRYriAHgrNUcyoz2zMtW6N"
    "+0lHOt4HTbC5/jvaQOxBdO9ZNUOOnEZxhYV8+n5ryozUY/Yk7vsuyFh2S7VFzf9bMFllU1erLq7zlrueg97Y96lL"
    "OswaMVOASMX8tKhTwofN4NMCu2lMSY/D8WmOKFKpNEYF/6G/CsYXIjxR6WEEuBYwaM3hVaoY3NpoAPmjQL+O4wDk"
    "UyqCH4Hg1J7hmJHXGVXDlvAW6aHH6mg2TTV37F//r8i7NgNefGIyVWaYwr9nRUFlugWLR6FuC1UTVIYwggECBgkq"
    "hkiG9w0BBwGggfQEgfEwge4wgesGCyqGSIb3DQEMCgECoIG0MIGxMBwGCiqGSIb3DQEMAQMwDgQIiw144TDcRsUC"
    "AggABIGQyzRbiLCjD3kAJP9OcjtDp5NM0c60iMwig9aQ4X9xBls1KILIwWRL4iWF9hftd80LEOjvpVHyuQALiH1j"
    "M/sya3gUTmjLlrEfiGZMTwNGYT8F90enpbZTQT9V3UMrVsHtYcfoJFYaHa8dVy5igeEchLITIOXJuvgx7s9F3SAt"
    "PYQRL2IkrGH1kLSyoQfIYoe6MSUwIwYJKoZIhvcNAQkVMRYEFE3OO9bfTbWW1rPByUZ+hInIkGKkMDEwITAJBgUr"
    "DgMCGgUABBSUrSTvI0ehhIQMS7NBhe56+mxOLAQIe0bB4D1li4wCAggA"
)
"""Certificate encrypted with RC2-40, key with 3DES, as Keychain exports them. Password: secret."""


@pytest.fixture(scope="module")
def ca() -> ApnsCa:
    return ApnsCa()


def test_a_p12_encrypted_with_rc2_40_is_read() -> None:
    certificate = P12Certificate(RC2_40, "secret", TOPIC)
    assert certificate.topics == {TOPIC}
    trust(certificate, None)


@pytest.mark.parametrize("contents", [RC2_40, RC2_40[:-40], b"", b"no P12"])
def test_a_wrong_password_or_file_is_told(contents: bytes) -> None:
    with pytest.raises(CredentialsRefused, match="password is wrong"):
        P12Certificate(contents, "guess", TOPIC)


def test_a_p12_without_a_key_is_told() -> None:
    certificate = pkcs12.load_pkcs12(RC2_40, b"secret").cert
    assert certificate is not None
    alone = pkcs12.serialize_key_and_certificates(
        None, None, None, [certificate.certificate], NoEncryption()
    )
    with pytest.raises(CredentialsRefused, match="lacks a private key"):
        P12Certificate(alone, "", TOPIC)


@pytest.mark.parametrize(
    ("at", "sentence"),
    [
        (BEGIN - timedelta(seconds=1), "not valid before 2026-01-01"),
        (BEGIN, ""),
        (BEGIN + LIFETIME, ""),
        (BEGIN + LIFETIME + timedelta(seconds=1), "expired 2026-01-31"),
    ],
)
def test_the_dates_are_checked(at: datetime, sentence: str, ca: ApnsCa) -> None:
    contents = ca.client_p12(TOPIC, "secret", BEGIN)
    certificate = P12Certificate(contents, "secret", TOPIC, lambda: at)
    if not sentence:
        assert Certificate(certificate).authorization() == ""
        return
    with pytest.raises(CredentialsRefused, match=sentence):
        Certificate(certificate).authorization()
    with pytest.raises(CredentialsRefused, match=sentence):
        trust(certificate, None)


def test_a_certificate_of_another_app_is_told(ca: ApnsCa) -> None:
    contents = ca.client_p12("com.example.other", "secret")
    with pytest.raises(CredentialsRefused, match=r"is for com\.example\.other, not for"):
        P12Certificate(contents, "secret", TOPIC)


def p12_with_topics(*topics: str) -> bytes:
    """Build a certificate like Apple's universal ones: topics in a sequence of names and of what
    they are.
    """
    inner = b"".join(_der(0x0C, it.encode()) + _der(0x30, _der(0x0C, b"app")) for it in topics)
    key = ec.generate_private_key(ec.SECP256R1())
    name = x509.Name([x509.NameAttribute(NameOID.USER_ID, topics[0])])
    certificate = (
        x509.CertificateBuilder()
        .subject_name(name)
        .issuer_name(name)
        .public_key(key.public_key())
        .serial_number(1)
        .not_valid_before(BEGIN)
        .not_valid_after(BEGIN + timedelta(days=36_500))
        .add_extension(x509.UnrecognizedExtension(TOPICS, _der(0x30, inner)), critical=False)
        .sign(key, hashes.SHA256())
    )
    return pkcs12.serialize_key_and_certificates(b"", key, certificate, None, NoEncryption())


def _der(tag: int, content: bytes) -> bytes:
    size = len(content)
    length = bytes([size]) if size < 128 else b"\x82" + size.to_bytes(2)
    return bytes([tag]) + length + content


def test_every_topic_of_the_extension_is_known() -> None:
    more = [f"com.example.app.{'x' * 40}{n}" for n in range(5)]
    certificate = P12Certificate(p12_with_topics("com.example.app", *more), "", more[3])
    assert {"com.example.app", *more} <= certificate.topics
    with pytest.raises(CredentialsRefused, match="not for"):
        P12Certificate(p12_with_topics("com.example.app", *more), "", "com.example.apple")


def test_the_secret_may_hold_a_p12(ca: ApnsCa) -> None:
    p12 = base64.b64encode(ca.client_p12(TOPIC, "secret")).decode()
    given = {"key": None, "keyId": None, "teamId": None}
    read = ApnsCredentials.read(credentials_json(p12=p12, password="secret", **given))
    assert credential(read, TokenShelf(MemoryDatabase())).authorization() == ""
    with pytest.raises(CredentialsRefused, match="base64"):
        ApnsCredentials.read(credentials_json(p12="?", **given))
