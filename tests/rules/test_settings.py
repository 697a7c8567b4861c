"""The environment: whatever is wrong stops start-up by name, and emulators stay local."""

import pytest

from shared.settings import EMULATOR_VARIABLES, Settings, SettingsError, read

REAL = {"GOOGLE_CLOUD_PROJECT": "fanfare-prod"}
DEMO = {"GOOGLE_CLOUD_PROJECT": "demo-fanfare"}
WHERE = {
    "FIRESTORE_EMULATOR_HOST": "127.0.0.1:8080",
    "FIREBASE_AUTH_EMULATOR_HOST": "127.0.0.1:9099",
    "CLOUD_TASKS_BASE_URL": "127.0.0.1:8123",
    "FCM_BASE_URL": "http://127.0.0.1:9000",
    "GOOGLE_OAUTH_TOKEN_URL": "http://127.0.0.1:9000/token",
    "APNS_BASE_URL": "https://127.0.0.1:9001",
    "APNS_CA_FILE": "ca.pem",
    "HMS_PUSH_BASE_URL": "http://127.0.0.1:9002",
    "FANFARE_LOCAL_WEB": "/sites.json",
    "WEB_RISK_BASE_URL": "http://127.0.0.1:1",
    "HMS_OAUTH_URL": "http://127.0.0.1:9002/oauth2/v3/token",
    "TELEGRAM_BASE_URL": "http://127.0.0.1:9003",
    "AWS_ENDPOINT_URL": "http://127.0.0.1:9004",
    "GCE_METADATA_HOST": "127.0.0.1:9005",
    "STORAGE_EMULATOR_HOST": "http://127.0.0.1:9006",
}


def refusal(environment: dict[str, str]) -> str:
    with pytest.raises(SettingsError) as refused:
        read(environment)
    return str(refused.value)


def test_a_project_is_all_it_takes() -> None:
    settings = read(REAL)
    assert not settings.local
    assert settings.fcm_url == "https://fcm.googleapis.com"
    assert (
        settings.function_url("tick") == "https://europe-west1-fanfare-prod.cloudfunctions.net/tick"
    )
    assert settings.account("tasks") == "fanfare-tasks@fanfare-prod.iam.gserviceaccount.com"


def test_without_a_project_nothing_starts() -> None:
    assert "GOOGLE_CLOUD_PROJECT" in refusal({})


def test_an_empty_variable_counts_as_absent() -> None:
    assert read(REAL | {"FANFARE_REGION": "", "FCM_BASE_URL": ""}) == read(REAL)


@pytest.mark.parametrize(
    ("name", "value"),
    [
        ("GOOGLE_CLOUD_PROJECT", "No Such"),
        ("FANFARE_REGION", "mars"),
        ("FANFARE_REGION", "europe-west\u0663"),
        ("FANFARE_FUNCTIONS_URL", "fanfare.example.com"),
        ("FANFARE_TASKS_ACCOUNT", "nobody"),
        ("FANFARE_EVENTS_ACCOUNT", "no body@x"),
        ("FANFARE_SCHEDULER_ACCOUNT", "@"),
        ("FANFARE_LEASE_SECONDS", "0"),
        ("FANFARE_LEASE_SECONDS", "ninety"),
        ("FANFARE_HANDLER_SECONDS", "1741"),
        ("FANFARE_RETRY_BASE_SECONDS", "-1"),
        ("FIRESTORE_EMULATOR_HOST", "localhost"),
        ("FIRESTORE_EMULATOR_HOST", "localhost:\u00b2"),
        ("FIREBASE_AUTH_EMULATOR_HOST", ":9099"),
        ("CLOUD_TASKS_BASE_URL", "127.0.0.1:port"),
        ("FCM_BASE_URL", "127.0.0.1:9000"),
        ("GOOGLE_OAUTH_TOKEN_URL", "ftp://127.0.0.1"),
        ("WEB_RISK_BASE_URL", "127.0.0.1:9000"),
        ("FANFARE_THREATS", "maybe"),
        ("FANFARE_MFA", "true"),
        ("FANFARE_APP_CHECK", "Required"),
        ("TELEGRAM_BASE_URL", "telegram.example"),
        ("FANFARE_TELEGRAM_BOT_TOKEN", "of-the-bot"),
        ("FANFARE_TELEGRAM_WEBHOOK_SECRET", "too short"),
        ("FANFARE_TELEGRAM_CHAT_ID", "@moderators"),
    ],
)
def test_a_malformed_variable_is_named(name: str, value: str) -> None:
    assert name in refusal(DEMO | {name: value})


def test_every_fault_is_named_at_once() -> None:
    told = refusal(REAL | {"FANFARE_REGION": "mars", "FANFARE_LEASE_SECONDS": "0"})
    assert "FANFARE_REGION" in told
    assert "FANFARE_LEASE_SECONDS" in told


def test_a_fault_is_told_in_words_of_ours() -> None:
    told = refusal({"FCM_BASE_URL": "nine", "FANFARE_REGION": "mars", "FANFARE_THREATS": "on"})
    assert "GOOGLE_CLOUD_PROJECT: is not set" in told
    assert "FCM_BASE_URL: must begin with http:// or https://" in told
    assert "FANFARE_REGION: must look like ^[a-z]+-" in told


@pytest.mark.parametrize(
    ("written", "setting"),
    [
        ("FANFARE_LEASE_SECOND", "FANFARE_LEASE_SECONDS"),
        ("FANFARE_TELEGRAM_TOKEN", "FANFARE_TELEGRAM_BOT_TOKEN"),
        ("FANFARE_ARCHIVE_KEY", "FANFARE_ARCHIVE_KMS_KEY"),
        ("FANFARE_APPCHECK", "FANFARE_APP_CHECK"),
        ("FANFARE_MFAS", "FANFARE_MFA"),
    ],
)
def test_a_misspelt_variable_is_not_passed_over(written: str, setting: str) -> None:
    told = refusal(REAL | {written: "hunter2"})
    assert f"{written}: is no setting; perhaps {setting} is meant" in told
    assert "hunter2" not in told


@pytest.mark.parametrize("name", sorted(Settings.model_fields))
def test_only_the_documented_names_are_settings(name: str) -> None:
    """A variable such as ``fcm_url`` would set what ``FCM_BASE_URL`` may set for demos only."""
    assert read({**REAL, name: "http://127.0.0.1:1"}) == read(REAL)


def test_variables_of_others_are_passed_over() -> None:
    assert read(REAL | {"FANFARE_EXAMPLES": "9", "FANFARE_PANEL_URL": "x"}) == read(REAL)


def test_a_faulty_value_is_not_shown() -> None:
    assert "hunter2" not in refusal(DEMO | {"FANFARE_TASKS_ACCOUNT": "hunter2"})
    assert "hunter2" not in refusal(DEMO | {"FANFARE_TELEGRAM_BOT_TOKEN": "hunter2"})


def test_every_emulator_is_covered_here() -> None:
    assert set(WHERE) == set(EMULATOR_VARIABLES)


@pytest.mark.parametrize("name", WHERE)
def test_a_demo_project_may_use_emulators(name: str) -> None:
    assert read(DEMO | {name: WHERE[name]}).local


@pytest.mark.parametrize("name", WHERE)
def test_any_other_project_refuses_every_emulator_by_name(name: str) -> None:
    assert name in refusal(REAL | {name: WHERE[name]})


@pytest.mark.parametrize("project", ["demo", "demonstration", "my-demo-1"])
def test_only_a_name_that_begins_with_demo_and_a_hyphen_is_local(project: str) -> None:
    assert not read({"GOOGLE_CLOUD_PROJECT": f"{project}-x".removesuffix("-x").ljust(6, "x")}).local


def test_a_demo_project_refuses_to_run_on_cloud_run() -> None:
    assert "demo" in refusal(DEMO | {"K_SERVICE": "provider-api"})


@pytest.mark.parametrize("project", [REAL, DEMO])
@pytest.mark.parametrize("name", WHERE)
def test_cloud_run_refuses_every_emulator(name: str, project: dict[str, str]) -> None:
    refusal(project | {"K_SERVICE": "provider-api", name: WHERE[name]})


def test_a_deployed_function_starts_without_emulators() -> None:
    assert read(REAL | {"K_SERVICE": "provider-api"}) == Settings.model_validate(
        REAL | {"K_SERVICE": "provider-api"}
    )


def test_functions_may_have_addresses_of_their_own() -> None:
    given = REAL | {"FANFARE_FUNCTIONS_URL": "https://{function}-123.europe-west1.run.app/"}
    assert read(given).function_url("tick") == "https://tick-123.europe-west1.run.app"
