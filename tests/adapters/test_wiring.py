"""Parts are built when they are asked for; which senders there are follows from the secrets set."""

import json
import subprocess
import sys

import pytest
from cryptography.hazmat.primitives.asymmetric import ec
from cryptography.hazmat.primitives.serialization import Encoding, NoEncryption, PrivateFormat

from shared.domain.audience.device import DEFAULT_APP, AddressKind, AppId
from shared.settings import SettingsError, read
from shared.wiring import GoogleParts

DEMO = {
    "GOOGLE_CLOUD_PROJECT": "demo-wiring",
    "FIRESTORE_EMULATOR_HOST": "127.0.0.1:1",
    "FCM_BASE_URL": "http://127.0.0.1:1",
}
HMS = json.dumps({"appId": "100", "appSecret": "secret-of-the-app"})


def apns() -> str:
    key = ec.generate_private_key(ec.SECP256R1())
    pem = key.private_bytes(Encoding.PEM, PrivateFormat.PKCS8, NoEncryption()).decode()
    team = {"keyId": "ABCDEFGHIJ", "teamId": "KLMNOPQRST"}
    return json.dumps({"topic": "example.app", "key": pem, **team})


def kinds(**credentials: str) -> set[AddressKind]:
    senders = GoogleParts(read({**DEMO, **credentials})).senders
    return {kind for kind in AddressKind if senders.of(DEFAULT_APP, kind)}


def test_no_adapter_is_loaded_before_it_is_asked_for() -> None:
    code = "import shared.wiring, sys; print(*sys.modules)"
    done = subprocess.run(
        [sys.executable, "-c", code], capture_output=True, text=True, check=True, timeout=60
    )
    assert not [name for name in done.stdout.split() if name.startswith("shared.adapters")]


def test_without_further_credentials_there_is_fcm_alone() -> None:
    assert kinds() == {AddressKind.FCM}


def test_each_secret_adds_its_push_service() -> None:
    assert kinds(FANFARE_APNS_CREDENTIALS=apns()) == {AddressKind.FCM, AddressKind.APNS}
    assert kinds(FANFARE_HMS_CREDENTIALS=HMS) == {AddressKind.FCM, AddressKind.HMS}


def test_the_credentials_of_the_environment_are_no_other_apps() -> None:
    senders = GoogleParts(read({**DEMO, "FANFARE_HMS_CREDENTIALS": HMS})).senders
    assert [senders.of(AppId("shop"), kind) for kind in AddressKind] == [None] * len(AddressKind)


def test_a_secret_is_never_shown_with_the_settings() -> None:
    settings = read({**DEMO, "FANFARE_HMS_CREDENTIALS": HMS})
    assert "secret-of-the-app" not in f"{settings!r} {settings}"


def test_a_secret_that_cannot_be_read_is_refused_without_being_told() -> None:
    with pytest.raises(SettingsError, match="FANFARE_APNS_CREDENTIALS") as refused:
        kinds(FANFARE_APNS_CREDENTIALS='{"topic": "x", "key": "very-secret"}')
    assert "very-secret" not in str(refused.value)
