"""Apple's rule for provider tokens: none older than an hour, no two within twenty minutes."""

import json
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from typing import Any

import jwt
import pytest

from local.firestore import FirestoreEmulator
from shared.adapters.firestore.rest import FirestoreRest
from shared.adapters.firestore.rest_database import RestDatabase
from shared.adapters.firestore.rest_values import encode, write
from shared.adapters.memory.database import MemoryDatabase
from shared.adapters.push.apns_credentials import (
    OLDEST_SECONDS,
    SLOT_SECONDS,
    CredentialsUnavailable,
    P8Key,
    credential,
)
from shared.domain.errors import TryAgain
from shared.domain.push.apns import SECONDS_BETWEEN_TOKENS
from shared.ports.database import Document, ReadResult
from shared.settings.credentials import CredentialsRefused
from shared.settings.credentials.apns import ApnsCredentials
from shared.settings.credentials.p8 import read_key
from shared.stores.provider_tokens import APNS_TOKENS, TokenShelf
from tests.senders.apns_parts import (
    KEY_ID,
    P8,
    PUBLIC,
    START,
    TEAM_ID,
    SteppingClock,
    credentials_json,
    key_pair,
)


class AwayDatabase(MemoryDatabase):
    """Cannot be reached."""

    def get(self, *args: Any) -> Document | None:
        raise TryAgain("away")

    def get_many(self, *args: Any) -> ReadResult:
        raise TryAgain("away")


class Shelved:
    """Instances that share a shelf and a clock."""

    def __init__(self, shelf: TokenShelf | None = None) -> None:
        self.clock = SteppingClock()
        self.shelf = shelf or TokenShelf(MemoryDatabase())

    def instance(self) -> P8Key:
        return P8Key(read_key(P8), KEY_ID, TEAM_ID, self.shelf, self.clock)


def test_a_token_is_what_apple_asks_for() -> None:
    header = Shelved().instance().authorization()
    assert header.startswith("bearer "), "in lower case"
    token = header.removeprefix("bearer ")
    assert jwt.get_unverified_header(token)["kid"] == KEY_ID
    options = {"verify_iat": False}
    claims = jwt.decode(token, PUBLIC, algorithms=["ES256"], options=options)  # type: ignore[arg-type]
    assert claims == {"iss": TEAM_ID, "iat": int(START)}


@pytest.mark.parametrize(("seconds", "same"), [(-1, True), (0, False), (1, False)])
def test_a_token_serves_for_its_slot(seconds: int, same: bool) -> None:
    shelved = Shelved()
    key = shelved.instance()
    first = key.authorization()
    shelved.clock.at += SLOT_SECONDS + seconds
    assert (key.authorization() == first) is same


def test_all_instances_use_the_one_token_and_mint_one_a_slot() -> None:
    shelved = Shelved()
    instances = [shelved.instance() for _ in range(5)]
    for _ in range(3):
        assert len({it.authorization() for it in instances}) == 1
        shelved.clock.at += 60
    seen = {instances[0].authorization()}
    for _ in range(3 * 40):
        shelved.clock.at += 60
        seen |= {it.authorization() for it in instances}
    assert len(seen) == 4


def test_an_instance_that_starts_late_in_a_slot_mints_nothing() -> None:
    """With slots cut by the clock alone, it would mint now and the others a minute later."""
    shelved = Shelved()
    first = shelved.instance().authorization()
    shelved.clock.at += SLOT_SECONDS - 1
    assert shelved.instance().authorization() == first


@pytest.mark.parametrize(("seconds", "renewed"), [(-1, False), (0, True), (1, True)])
def test_a_refused_token_is_replaced_only_after_twenty_minutes(seconds: int, renewed: bool) -> None:
    shelved = Shelved()
    key = shelved.instance()
    first = key.authorization()
    shelved.clock.at += SECONDS_BETWEEN_TOKENS + seconds
    if renewed:
        assert key.authorization(first) != first
    else:
        with pytest.raises(CredentialsUnavailable, match="clock"):
            key.authorization(first)


def test_a_refused_token_is_replaced_by_the_one_another_instance_minted() -> None:
    shelved = Shelved()
    early, late = shelved.instance(), shelved.instance()
    first = early.authorization()
    late.authorization()
    shelved.clock.at += SECONDS_BETWEEN_TOKENS
    second = early.authorization(first)
    assert late.authorization(first) == second != first


@pytest.mark.parametrize(("seconds", "same"), [(-1, True), (0, False), (1, False)])
def test_told_of_too_many_tokens_it_makes_do_with_the_old_one(seconds: int, same: bool) -> None:
    shelved = Shelved()
    key = shelved.instance()
    first = key.authorization()
    shelved.clock.at += SLOT_SECONDS - 10
    key.keep()
    shelved.clock.at = START + min(OLDEST_SECONDS, SLOT_SECONDS - 10 + 1200) + seconds
    assert (key.authorization() == first) is same


@pytest.mark.parametrize(("seconds", "lives"), [(-1, True), (0, False), (1, False)])
def test_without_the_shelf_a_token_is_used_for_55_minutes(seconds: int, lives: bool) -> None:
    shelved = Shelved()
    key = shelved.instance()
    first = key.authorization()
    key._shelf = TokenShelf(AwayDatabase())
    shelved.clock.at += OLDEST_SECONDS + seconds
    if lives:
        assert key.authorization() == first
    else:
        with pytest.raises(CredentialsUnavailable):
            key.authorization()


def test_without_the_shelf_no_token_is_minted() -> None:
    with pytest.raises(CredentialsUnavailable):
        Shelved(TokenShelf(AwayDatabase())).instance().authorization()


@pytest.mark.parametrize(("ahead", "accepted"), [(59, True), (60, True), (61, False)])
def test_a_token_from_a_clock_far_ahead_is_not_trusted(ahead: int, accepted: bool) -> None:
    shelved = Shelved()
    shelved.clock.at = START + ahead
    first = shelved.instance().authorization()
    shelved.clock.at = START
    assert (shelved.instance().authorization() == first) is accepted


@pytest.mark.parametrize("wrong", ["", "no key", PUBLIC], ids=["nothing", "no key", "public key"])
def test_what_is_no_key_is_refused_with_a_sentence(wrong: str) -> None:
    with pytest.raises(CredentialsRefused, match="private key"):
        read_key(wrong)


# ---- the shelf in Firestore ----------------------------------------------------------------------


@pytest.fixture
def rest(firestore_emulator: FirestoreEmulator, project: str) -> Iterator[FirestoreRest]:
    rest = FirestoreRest(project, firestore_emulator.address)
    yield rest
    rest.close()


def test_instances_share_a_token_through_firestore(rest: FirestoreRest) -> None:
    shelved = Shelved(TokenShelf(RestDatabase(rest)))
    first = shelved.instance().authorization()
    assert shelved.instance().authorization() == first
    shelved.clock.at += SLOT_SECONDS
    second = shelved.instance().authorization()
    assert shelved.instance().authorization() == second != first


def test_of_many_instances_that_start_at_once_one_mints(rest: FirestoreRest) -> None:
    shelved = Shelved(TokenShelf(RestDatabase(rest)))
    instances = [shelved.instance() for _ in range(8)]
    with ThreadPoolExecutor(8) as pool:
        assert len(set(pool.map(P8Key.authorization, instances))) == 1


@pytest.mark.parametrize(
    "spoilt", [{}, {"token": 7}, {"token": "a.b.c"}, {"token": "a", "mintedAt": "yesterday"}]
)
def test_a_spoilt_document_is_minted_over(spoilt: dict[str, object], rest: FirestoreRest) -> None:
    fields = {name: encode(value) for name, value in spoilt.items()}
    rest.commit([write(rest.name(APNS_TOKENS, KEY_ID), fields)])
    shelved = Shelved(TokenShelf(RestDatabase(rest)))
    first = shelved.instance().authorization()
    assert first == shelved.instance().authorization() != "bearer a.b.c"


# ---- the secret ----------------------------------------------------------------------------------


def test_the_secret_says_everything() -> None:
    read = ApnsCredentials.read(credentials_json(environments=["production"]))
    assert (read.topic, read.environments) == ("com.example.app", ("production",))
    assert credential(read, TokenShelf(MemoryDatabase())).authorization().startswith("bearer ")


@pytest.mark.parametrize(
    ("fields", "sentence"),
    [
        ({"key": None}, "either key"),
        ({"p12": "AAAA"}, "either key"),
        ({"keyId": None}, "keyId"),
        ({"keyId": "short"}, "keyId"),
        ({"topic": ""}, "topic"),
        ({"environments": ["staging"]}, "environments"),
        ({"environments": []}, "environments"),
        ({"keyID": "ABCDE12345"}, "keyID"),
    ],
)
def test_a_wrong_secret_is_told_by_field_and_keeps_what_is_secret(
    fields: dict[str, object], sentence: str
) -> None:
    with pytest.raises(CredentialsRefused, match=sentence) as refused:
        ApnsCredentials.read(credentials_json(**fields))
    assert "PRIVATE KEY" not in str(refused.value)
    assert "PRIVATE KEY" not in repr(ApnsCredentials.read(credentials_json(key=key_pair()[0])))


def test_a_secret_that_is_no_json_is_refused() -> None:
    for wrong in ("", "{", json.dumps([1])):
        with pytest.raises(CredentialsRefused, match="JSON object"):
            ApnsCredentials.read(wrong)
