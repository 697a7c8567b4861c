"""Push services' secrets as people really upload them: understood, or refused by what is wrong."""

import base64
import json
import textwrap
from collections.abc import Callable
from datetime import UTC, datetime, timedelta

import pytest
from cryptography import x509
from cryptography.hazmat.primitives import hashes
from cryptography.hazmat.primitives.asymmetric import ec, ed25519, rsa
from cryptography.hazmat.primitives.serialization import (
    BestAvailableEncryption,
    Encoding,
    NoEncryption,
    PrivateFormat,
    PublicFormat,
    load_pem_private_key,
    pkcs12,
)
from cryptography.x509.oid import NameOID

from shared.adapters.memory.database import MemoryDatabase
from shared.adapters.push.apns_credentials import credential
from shared.settings import SettingsError, read
from shared.settings.credentials import CredentialsRefused
from shared.settings.credentials.apns import ApnsCredentials
from shared.settings.credentials.hms import HmsAccount
from shared.stores.provider_tokens import TokenShelf
from tests.senders.apns_parts import KEY_ID, P8, TEAM_ID, TOPIC, credentials_json

BODY = "".join(P8.splitlines()[1:-1])
SEC1 = (
    load_pem_private_key(P8.encode(), None)
    .private_bytes(Encoding.PEM, PrivateFormat.TraditionalOpenSSL, NoEncryption())
    .decode()
)
PASSWORD = "p12-pass word"
Key = ec.EllipticCurvePrivateKey | rsa.RSAPrivateKey


def apns(**fields: object) -> ApnsCredentials:
    return ApnsCredentials.read(credentials_json(**fields))


def refusal(**fields: object) -> str:
    with pytest.raises(CredentialsRefused) as refused:
        apns(**fields)
    told = str(refused.value)
    assert BODY[:20] not in told
    assert PASSWORD not in told
    return told


# ---- a P8 key -------------------------------------------------------------------------------


P8_AS_PASTED = {
    "as it is": P8,
    "without its last line end": P8.rstrip(),
    "with CRLF": P8.replace("\n", "\r\n"),
    "with CR": P8.replace("\n", "\r"),
    "line ends escaped once too often": P8.replace("\n", "\\n"),
    "line ends escaped twice too often": P8.replace("\n", "\\\\n"),
    "CRLF escaped": P8.replace("\n", "\\r\\n"),
    "line ends turned into blanks": P8.replace("\n", " "),
    "line ends lost": P8.replace("\n", ""),
    "in one line of base64": P8.replace(BODY, "").replace("\n\n", f"\n{BODY}\n"),
    "after a byte order mark": f"\ufeff{P8}",
    "between quotes": f'"{P8}"',
    "between escaped quotes": f"'{P8.strip()}'\\n",
    "indented as in YAML": textwrap.indent(P8, "    "),
    "after what openssl says": f"Bag Attributes\n  key\n{P8}",
    "its base64": base64.b64encode(P8.encode()).decode(),
    "its base64 in lines": base64.encodebytes(P8.encode()).decode(),
    "without its first and last line": BODY,
    "in the older form": SEC1,
}


@pytest.mark.parametrize("key", P8_AS_PASTED.values(), ids=P8_AS_PASTED)
def test_a_p8_is_understood_however_it_was_pasted(key: str) -> None:
    ours = credential(apns(key=key), TokenShelf(MemoryDatabase()))
    assert ours.authorization().startswith("bearer ")


def pem(key: Key | ed25519.Ed25519PrivateKey, password: bytes | None = None) -> str:
    how = BestAvailableEncryption(password) if password else NoEncryption()
    return key.private_bytes(Encoding.PEM, PrivateFormat.PKCS8, how).decode()


EC = ec.generate_private_key(ec.SECP256R1())
NO_P8 = {
    "RSA": (pem(rsa.generate_private_key(65537, 2048)), "not an ES256"),
    "another curve": (pem(ec.generate_private_key(ec.SECP384R1())), "secp384r1"),
    "Edwards curve": (pem(ed25519.Ed25519PrivateKey.generate()), "not an ES256"),
    "encrypted": (pem(EC, b"hush"), "encrypted"),
    "a public key": (
        EC.public_key().public_bytes(Encoding.PEM, PublicFormat.SubjectPublicKeyInfo).decode(),
        "public key, not a private key",
    ),
    "half of it": (P8[: len(P8) // 2], "whole"),
    "a path": ("AuthKey_ABCDE12345.p8", "not a PEM private key"),
    "blanks": ("  \n", "not a PEM private key"),
    "not ASCII": ("ключ", "not a PEM private key"),
    "a first line alone": ("-----BEGIN PRIVATE KEY-----", "not a PEM private key"),
    "nonsense in armour": (P8.replace(BODY[:40], "%" * 40), "not a PEM private key"),
}


@pytest.mark.parametrize(("key", "sentence"), NO_P8.values(), ids=NO_P8)
def test_what_is_no_p8_is_refused_and_told_why(key: str, sentence: str) -> None:
    assert sentence in refusal(key=key)


@pytest.mark.parametrize("text", [f" {KEY_ID}\n", KEY_ID.lower(), f'"{KEY_ID}"'])
def test_an_id_is_understood_with_what_stands_around_it_and_in_lower_case(text: str) -> None:
    assert apns(keyId=text).key_id == KEY_ID


@pytest.mark.parametrize("wrong", ["", "ABCDE1234", "ABCDE123456", "ABCDE-1234", "ABCDÉ12345", [1]])
@pytest.mark.parametrize("name", ["keyId", "teamId"])
def test_an_id_of_another_form_is_refused_by_name(name: str, wrong: object) -> None:
    assert name in refusal(**{name: wrong})


# ---- a P12 certificate ----------------------------------------------------------------------


def p12(
    key: Key, *, signed_for: Key | None = None, topic: str = TOPIC, ended: bool = False
) -> bytes:
    """Build a certificate that Apple's authority might have issued, signed by itself."""
    name = x509.Name([x509.NameAttribute(NameOID.USER_ID, topic)])
    begins = datetime.now(UTC) - timedelta(days=400 if ended else 1)
    certificate = (
        x509.CertificateBuilder()
        .subject_name(name)
        .issuer_name(name)
        .public_key((signed_for or key).public_key())
        .serial_number(1)
        .not_valid_before(begins)
        .not_valid_after(begins + timedelta(days=365))
        .sign(key, hashes.SHA256())
    )
    how = BestAvailableEncryption(PASSWORD.encode())
    return pkcs12.serialize_key_and_certificates(b"apns", key, certificate, None, how)


GOOD_P12 = p12(EC)
PLAIN = base64.b64encode(GOOD_P12).decode()
P12_AS_PASTED = {
    "in one line": PLAIN,
    "in lines of 76": base64.encodebytes(GOOD_P12).decode(),
    "in lines that end with CRLF": "\r\n".join(textwrap.wrap(PLAIN, 76)),
    "in lines whose ends are escaped": "\\n".join(textwrap.wrap(PLAIN, 76)),
    "with blanks": " ".join(textwrap.wrap(PLAIN, 76)),
    "in the alphabet for addresses": base64.urlsafe_b64encode(GOOD_P12).decode(),
    "without padding": PLAIN.rstrip("="),
    "between quotes, after a mark": f'\ufeff"{PLAIN}"\n',
}
NO_KEY = {"key": None, "keyId": None, "teamId": None}


@pytest.mark.parametrize("text", P12_AS_PASTED.values(), ids=P12_AS_PASTED)
def test_a_p12_is_understood_however_its_base64_was_printed(text: str) -> None:
    assert apns(p12=text, password=PASSWORD, **NO_KEY).certificate is not None


def encoded(contents: bytes) -> str:
    return base64.b64encode(contents).decode()


def refusal_of(contents: bytes, password: str = PASSWORD) -> str:
    return refusal(p12=encoded(contents), password=password, **NO_KEY)


def test_a_p12_that_openssl_would_refuse_in_the_handshake_is_refused_at_once() -> None:
    weak = rsa.generate_private_key(65537, 1024)
    told = refusal_of(p12(weak))
    assert "too small" in told
    assert "2,048 bits" in told


def test_a_p12_that_cannot_be_used_is_refused_and_told_why() -> None:
    assert "password is wrong" in refusal_of(GOOD_P12, "another")
    assert "password is wrong" in refusal_of(GOOD_P12[:-40])
    assert "password is wrong" in refusal_of(b"no P12 at all")
    assert "not for com.example.app" in refusal_of(p12(EC, topic="com.example.other"))
    assert "base64" in refusal(p12="C:\\certificates\\push.p12", **NO_KEY)


def test_a_p12_that_has_expired_starts_since_other_services_work() -> None:
    held = apns(p12=encoded(p12(EC, ended=True)), password=PASSWORD, **NO_KEY)
    with pytest.raises(CredentialsRefused, match="expired"):
        credential(held, TokenShelf(MemoryDatabase())).authorization()


# ---- the secret around it -------------------------------------------------------------------


def quoted_again(text: str) -> str:
    return json.dumps(text)


AROUND: dict[str, Callable[[str], str]] = {
    "a byte order mark": lambda text: f"\ufeff{text}",
    "a last line end": lambda text: f"{text}\r\n",
    "quotes of a shell": lambda text: f"'{text}'",
    "JSON quoted once more": quoted_again,
    "real line ends in its texts": lambda text: text.replace("\\n", "\n"),
    "laid out in lines": lambda text: json.dumps(json.loads(text), indent=4).replace("\n", "\r\n"),
    "null for what is not used": lambda text: text.replace("{", '{"p12": null, ', 1),
}


@pytest.mark.parametrize("around", AROUND.values(), ids=AROUND)
def test_a_secret_is_understood_with_what_stands_around_it(around: Callable[[str], str]) -> None:
    assert ApnsCredentials.read(around(credentials_json())).private_key is not None
    assert HmsAccount.read(around('{"appId": "1", "appSecret": "s"}').replace("p12", "projectId"))


def test_one_environment_may_be_given_as_a_text() -> None:
    assert apns(environments="sandbox").environments == ("sandbox",)


@pytest.mark.parametrize("text", ["", " ", "{", "[]", "7", '"{', "null", P8, "[" * 10_000])
def test_a_secret_that_is_no_json_object_is_refused(text: str) -> None:
    for kind in (ApnsCredentials, HmsAccount):
        with pytest.raises(CredentialsRefused, match="JSON object"):
            kind.read(text)


def test_a_field_nobody_knows_is_named_if_it_is_a_slip_and_hidden_if_it_may_be_a_secret() -> None:
    assert "keyID is no field; perhaps keyId is meant" in refusal(keyID=KEY_ID)
    assert "none of topic, environments, key" in refusal(**{PASSWORD: 1, BODY: 2})


# ---- Huawei ---------------------------------------------------------------------------------


@pytest.mark.parametrize("app_id", ["100", 100, " 100\n", '"100"'])
def test_a_huawei_app_is_understood_as_text_or_number(app_id: object) -> None:
    account = HmsAccount.read(json.dumps({"appId": app_id, "appSecret": " hush\n"}))
    assert account.send_path == "/v1/100/messages:send"
    assert account.app_secret.get_secret_value() == "hush"


@pytest.mark.parametrize("app_id", ["", "10O", "1 0 0", "-1", "١٠٠", 1.5, True, ["100"], "1" * 33])
def test_a_huawei_app_of_another_form_is_refused_by_name(app_id: object) -> None:
    with pytest.raises(CredentialsRefused, match="appId"):
        HmsAccount.read(json.dumps({"appId": app_id, "appSecret": "hush"}))


@pytest.mark.parametrize("secret", ["", "  ", "\n", None, 1.5, {"a": 1}, "\ud800", "a b", "é"])
def test_a_secret_that_is_empty_or_no_text_is_refused_by_name(secret: object) -> None:
    with pytest.raises(CredentialsRefused, match="appSecret"):
        HmsAccount.read(json.dumps({"appId": "100", "appSecret": secret}))


# ---- at start-up ----------------------------------------------------------------------------


def test_start_up_names_both_settings_and_every_fault_of_each_at_once() -> None:
    with pytest.raises(SettingsError) as refused:
        read(
            {
                "GOOGLE_CLOUD_PROJECT": "fanfare-prod",
                "FANFARE_REGION": "mars",
                "FANFARE_APNS_CREDENTIALS": credentials_json(
                    key=NO_P8["another curve"][0], keyId="short", topic="com example"
                ),
                "FANFARE_HMS_CREDENTIALS": '{"appId": "hush-hush", "appSecret": ""}',
            }
        )
    told = str(refused.value)
    assert "FANFARE_REGION" in told
    apple, huawei = told.split("FANFARE_APNS_CREDENTIALS: ")[1].split("FANFARE_HMS_CREDENTIALS: ")
    assert all(name in apple for name in ("key ", "keyId", "topic"))
    assert all(name in huawei for name in ("appId", "appSecret"))
    assert "hush-hush" not in told
    assert TEAM_ID not in told


def test_with_usable_secrets_it_starts() -> None:
    settings = read(
        {
            "GOOGLE_CLOUD_PROJECT": "fanfare-prod",
            "FANFARE_APNS_CREDENTIALS": credentials_json(key=P8.replace("\n", "\\n")),
            "FANFARE_HMS_CREDENTIALS": '{"appId": 100, "appSecret": "s"}',
        }
    )
    assert settings.apns_credentials is not None
    assert settings.hms_credentials is not None
