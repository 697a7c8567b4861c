"""Where a stack answers is written down, and given on, whole; and one file is for one stack."""

import json
import os
from collections.abc import Mapping
from dataclasses import replace
from pathlib import Path

import pytest
from google.oauth2.service_account import Credentials

from local.emulators.service_account import write_service_account
from local.loopback import past_proxies
from local.push_services import APP_ID, PUSH_SERVICES, TEAM_ID, PushService
from local.seed import seed
from local.stack import down, status
from local.stack_file import (
    ROOT,
    STACK_FILE,
    Account,
    Stack,
    StackError,
    claimed,
    folder_of,
    holder,
    running,
)
from shared.settings.credentials.apns import ApnsCredentials
from shared.settings.credentials.hms import HmsAccount

OF_OTHERS = (
    *(name for it in PUSH_SERVICES for name in (it.variable, it.goes_with, it.secret) if name),
    "TELEGRAM_BASE_URL",
)
APNS, HMS = (each for each in PUSH_SERVICES if each.name in ("apns", "hms"))


@pytest.fixture(autouse=True)
def everything_comes_from_the_stack(monkeypatch: pytest.MonkeyPatch) -> None:
    for name in OF_OTHERS:
        monkeypatch.delenv(name, raising=False)


def a_stack(folder: Path, push: Mapping[str, str] | None = None, **fields: str) -> Stack:
    """Return a stack with FCM, and with further push services and others by their fields."""
    return Stack(
        **fields,
        project="demo-p",
        region="europe-west1",
        gateway="http://127.0.0.1:1",
        functions="http://127.0.0.1:1/demo-p/europe-west1",
        firestore="127.0.0.1:2",
        auth="127.0.0.1:3",
        tasks="127.0.0.1:4",
        tasksAdmin="http://127.0.0.1:6",
        push={"fcm": "http://127.0.0.1:5", **(push or {})},
        pid=os.getpid(),
        folder=folder,
        accounts=(Account("p1", "provider@example.org", "provider"),),
    )


# -- the file --------------------------------------------------------------------------------------


def test_the_file_says_where_everything_is(tmp_path: Path) -> None:
    a_stack(tmp_path).save(tmp_path / "stack.json")
    assert json.loads((tmp_path / "stack.json").read_text()) == {
        "project": "demo-p",
        "region": "europe-west1",
        "gateway": "http://127.0.0.1:1",
        "functions": "http://127.0.0.1:1/demo-p/europe-west1",
        "firestore": "127.0.0.1:2",
        "auth": "127.0.0.1:3",
        "tasks": "127.0.0.1:4",
        "tasksAdmin": "http://127.0.0.1:6",
        "fcm": "http://127.0.0.1:5",
        "accounts": [{"uid": "p1", "email": "provider@example.org", "role": "provider"}],
        "pid": os.getpid(),
    }
    assert [path.name for path in tmp_path.iterdir()] == ["stack.json"]


def test_a_stack_is_loaded_as_it_was_saved(tmp_path: Path) -> None:
    stack = a_stack(tmp_path)
    stack.save(tmp_path / "stack.json")
    assert Stack.load(tmp_path / "stack.json") == stack


def test_what_others_add_to_the_file_is_no_obstacle(tmp_path: Path) -> None:
    path = tmp_path / "stack.json"
    a_stack(tmp_path).save(path)
    path.write_text(json.dumps(json.loads(path.read_text()) | {"another": "http://127.0.0.1:6"}))
    assert Stack.load(path) == a_stack(tmp_path)


def test_the_push_services_are_named_when_they_run(tmp_path: Path) -> None:
    services = {
        "apns": "https://127.0.0.1:7",
        "apnsAdmin": "http://127.0.0.1:9",
        "hms": "http://127.0.0.1:8",
    }
    a_stack(tmp_path, services).save(tmp_path / "stack.json")
    told = json.loads((tmp_path / "stack.json").read_text())
    assert {name: told[name] for name in services} == services
    assert Stack.load(tmp_path / "stack.json") == a_stack(tmp_path, services)


def test_loading_no_stack_says_how_to_start_one(tmp_path: Path) -> None:
    with pytest.raises(StackError, match="`make run`"):
        Stack.load(tmp_path / "stack.json")


@pytest.mark.parametrize(
    "text", ["", "{", "[]", "{}", '{"pid": 1}', '{"accounts": [1]}', '{"accounts": 1}', "\x00"]
)
def test_a_file_that_is_no_stacks_says_what_to_do(tmp_path: Path, text: str) -> None:
    path = tmp_path / "stack.json"
    path.write_text(text)
    with pytest.raises(StackError, match=r"cannot be read .*local\.stack down"):
        Stack.load(path)


def test_a_folder_is_no_stacks_file(tmp_path: Path) -> None:
    with pytest.raises(StackError, match="cannot be read"):
        Stack.load(tmp_path)


def test_a_stack_that_was_killed_does_not_run(tmp_path: Path) -> None:
    path = tmp_path / "stack.json"
    a_stack(tmp_path).save(path)
    with pytest.raises(StackError, match=r"No stack is running \(.*was left behind\)"):
        running(path)
    with claimed(path):
        a_stack(tmp_path).save(path)
        assert running(path) == a_stack(tmp_path)


def test_seeding_that_fails_is_told(tmp_path: Path, capfd: pytest.CaptureFixture[str]) -> None:
    with pytest.raises(StackError, match="could not be seeded"):
        seed(replace(a_stack(tmp_path), region="mars"), 1)
    assert "FANFARE_REGION: must look like" in capfd.readouterr().err


def test_stacks_keep_their_logs_apart(tmp_path: Path) -> None:
    assert folder_of(STACK_FILE) == ROOT / ".local"
    assert folder_of(tmp_path / "stack.json") != folder_of(tmp_path / "other.json")


def test_a_file_is_claimed_once(tmp_path: Path) -> None:
    path = tmp_path / "stack.json"
    assert holder(path) is None
    with claimed(path):
        assert holder(path) == os.getpid()
        with pytest.raises(StackError, match=rf"pid {os.getpid()}.*--stack-file"), claimed(path):
            pass
    assert holder(path) is None
    with claimed(path):
        pass


def test_a_file_left_by_a_killed_stack_is_no_obstacle(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    path = tmp_path / "stack.json"
    a_stack(tmp_path).save(path)
    assert status(path) == 1
    assert down(path) == 0
    assert not path.exists()
    assert "No stack is running." in capsys.readouterr().out


# -- what the functions are told -------------------------------------------------------------------


def test_functions_find_the_stack_in_their_environment(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    for name in past_proxies({}):
        monkeypatch.delenv(name, raising=False)
    environment = a_stack(tmp_path).environment()
    assert {environment.pop(name) for name in past_proxies({})} == {"127.0.0.1,localhost,::1"}
    assert environment == {
        "GOOGLE_CLOUD_PROJECT": "demo-p",
        "FIRESTORE_EMULATOR_HOST": "127.0.0.1:2",
        "FIREBASE_AUTH_EMULATOR_HOST": "127.0.0.1:3",
        "CLOUD_TASKS_BASE_URL": "127.0.0.1:4",
        "FCM_BASE_URL": "http://127.0.0.1:5",
        "GOOGLE_OAUTH_TOKEN_URL": "http://127.0.0.1:5/token",
        "GOOGLE_APPLICATION_CREDENTIALS": str(tmp_path / "service-account.json"),
        "FANFARE_ARCHIVE": f"file://{tmp_path}/archive",
        "FANFARE_REGION": "europe-west1",
        "FANFARE_FUNCTIONS_URL": "http://127.0.0.1:1/demo-p/europe-west1",
        "FANFARE_TASKS_ACCOUNT": "fanfare-tasks@demo-p.iam.gserviceaccount.com",
        "FANFARE_EVENTS_ACCOUNT": "fanfare-events@demo-p.iam.gserviceaccount.com",
        "FANFARE_SCHEDULER_ACCOUNT": "fanfare-scheduler@demo-p.iam.gserviceaccount.com",
    }


def test_functions_are_given_keys_that_open_the_emulators_and_nothing_else(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("FANFARE_APNS_CREDENTIALS", "real ones")
    monkeypatch.setenv("FANFARE_HMS_CREDENTIALS", "real ones")
    push = {"apns": "https://a:1", "apnsAdmin": "http://a:2", "hms": "http://h:1"}
    stack = a_stack(tmp_path, push)
    make_credentials(tmp_path)
    given = stack.environment()
    assert given["APNS_BASE_URL"] == "https://a:1"
    assert given["APNS_CA_FILE"] == str(tmp_path / "apns-ca.pem")
    key_id = ApnsCredentials.read(given["FANFARE_APNS_CREDENTIALS"]).key_id
    assert APNS.arguments(tmp_path) == (
        f"--ca-file={tmp_path}/apns-ca.pem",
        f"--key={key_id}={tmp_path}/apns-key.pem",
    )
    assert given["HMS_PUSH_BASE_URL"] == "http://h:1"
    assert given["HMS_OAUTH_URL"] == "http://h:1/oauth2/v3/token"
    account = HmsAccount.read(given["FANFARE_HMS_CREDENTIALS"])
    assert account.app_id == APP_ID
    assert HMS.arguments(tmp_path) == (f"--app-secret={account.app_secret.get_secret_value()}",)
    files = [path for path in tmp_path.iterdir() if path.is_file()]
    assert {tmp_path / "apns-credentials.json", tmp_path / "hms-credentials.json"} < set(files)
    assert [path for path in files if path.stat().st_mode & 0o077] == []


def make_credentials(folder: Path) -> None:
    for each in PUSH_SERVICES:
        each.make_credentials(folder)


@pytest.mark.parametrize("service", [APNS, HMS], ids=lambda service: service.name)
def test_each_start_has_keys_of_its_own(service: PushService, tmp_path: Path) -> None:
    service.make_credentials(tmp_path)
    before = service.arguments(tmp_path)
    service.make_credentials(tmp_path)
    assert service.arguments(tmp_path) != before


def test_what_was_given_for_push_services_of_others_goes_with_them(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    theirs = {
        "APNS_CA_FILE": "/theirs.pem",
        "FANFARE_APNS_CREDENTIALS": "{}",
        "HMS_PUSH_BASE_URL": "http://h:1",
        "HMS_OAUTH_URL": "http://h:2/token",
        "FANFARE_HMS_CREDENTIALS": "{}",
    }
    for name, value in theirs.items():
        monkeypatch.setenv(name, value)
    stack = a_stack(tmp_path, {"apns": "https://a:1", "hms": "http://h:1"})
    assert theirs.items() <= stack.environment().items()
    for name in theirs.keys() - {"HMS_PUSH_BASE_URL"}:
        monkeypatch.delenv(name)
    make_credentials(tmp_path)
    given = stack.environment()
    assert "APNS_CA_FILE" not in given
    assert given["HMS_OAUTH_URL"] == "http://h:1/oauth2/v3/token"
    assert ApnsCredentials.read(given["FANFARE_APNS_CREDENTIALS"]).team_id == TEAM_ID


def test_clients_in_this_process_find_a_stack_that_was_entered(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("GOOGLE_CLOUD_PROJECT", "mine")
    monkeypatch.setenv("NO_PROXY", "example.org")
    before = dict(os.environ)
    stack = a_stack(tmp_path)
    expected = before | stack.environment()
    with stack.entered():
        assert dict(os.environ) == expected
        assert os.environ["GOOGLE_CLOUD_PROJECT"] == "demo-p"
    assert dict(os.environ) == before


def test_the_service_account_is_one_that_googles_library_accepts(tmp_path: Path) -> None:
    stack = a_stack(tmp_path)
    write_service_account(
        stack.credentials,
        project=stack.project,
        email=stack.account_of("functions"),
        token_url=stack.token_url,
    )
    credentials = Credentials.from_service_account_file(str(stack.credentials))
    assert credentials.service_account_email == stack.account_of("functions")
    assert stack.credentials.stat().st_mode & 0o077 == 0
