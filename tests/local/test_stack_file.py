"""Where a stack answers is written down, and given on, whole; and one file is for one stack."""

import json
import os
from pathlib import Path

import pytest
from google.oauth2.service_account import Credentials

from local.service_account import write_service_account
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
)


@pytest.fixture(autouse=True)
def tokens_come_from_the_stack(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.delenv("GOOGLE_OAUTH_TOKEN_URL", raising=False)


def a_stack(folder: Path) -> Stack:
    return Stack(
        project="demo-p",
        region="europe-west1",
        gateway="http://127.0.0.1:1",
        functions="http://127.0.0.1:1/demo-p/europe-west1",
        firestore="127.0.0.1:2",
        auth="127.0.0.1:3",
        tasks="127.0.0.1:4",
        tasksAdmin="http://127.0.0.1:6",
        fcm="http://127.0.0.1:5",
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
    path.write_text(json.dumps(json.loads(path.read_text()) | {"panel": "http://127.0.0.1:6"}))
    assert Stack.load(path) == a_stack(tmp_path)


def test_loading_no_stack_says_how_to_start_one(tmp_path: Path) -> None:
    with pytest.raises(StackError, match=r"python -m local\.stack up"):
        Stack.load(tmp_path / "stack.json")


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


def test_functions_find_the_stack_in_their_environment(tmp_path: Path) -> None:
    environment = a_stack(tmp_path).environment()
    environment.pop("NO_PROXY")
    assert environment == {
        "GOOGLE_CLOUD_PROJECT": "demo-p",
        "FIRESTORE_EMULATOR_HOST": "127.0.0.1:2",
        "FIREBASE_AUTH_EMULATOR_HOST": "127.0.0.1:3",
        "CLOUD_TASKS_BASE_URL": "127.0.0.1:4",
        "FCM_BASE_URL": "http://127.0.0.1:5",
        "GOOGLE_OAUTH_TOKEN_URL": "http://127.0.0.1:5/token",
        "GOOGLE_APPLICATION_CREDENTIALS": str(tmp_path / "service-account.json"),
        "FANFARE_REGION": "europe-west1",
        "FANFARE_FUNCTIONS_URL": "http://127.0.0.1:1/demo-p/europe-west1",
        "FANFARE_TASKS_ACCOUNT": "fanfare-tasks@demo-p.iam.gserviceaccount.com",
        "FANFARE_EVENTS_ACCOUNT": "fanfare-events@demo-p.iam.gserviceaccount.com",
        "FANFARE_SCHEDULER_ACCOUNT": "fanfare-scheduler@demo-p.iam.gserviceaccount.com",
    }


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
