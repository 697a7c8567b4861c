"""What is deployed: one archive, always the same bytes, which starts as every function."""

import os
import shutil
import subprocess
import sys
import zipfile
from pathlib import Path

import pytest

from functions.main import DOORS
from infra.bundle import ROOT, build, members

STARTS = """
import sys, functions_framework
app = functions_framework.create_app(sys.argv[1], "main.py")
print(app.test_client().post("/", data=b"{}", content_type="application/json").status_code)
"""


def test_the_same_sources_give_the_same_bytes_wherever_and_whenever(tmp_path: Path) -> None:
    first = build(tmp_path / "a.zip")
    elsewhere = tmp_path / "elsewhere"
    for name, path in members():
        copy = elsewhere / ("functions/main.py" if name == "main.py" else name)
        copy.parent.mkdir(parents=True, exist_ok=True)
        shutil.copyfile(path, copy)
        os.utime(copy, (1, 1))
    assert build(tmp_path / "b.zip", elsewhere) == first


def test_nothing_but_what_runs_is_in_it(tmp_path: Path) -> None:
    build(tmp_path / "f.zip")
    names = zipfile.ZipFile(tmp_path / "f.zip").namelist()
    assert {"main.py", "requirements.txt"} <= set(names)
    folders = {name.split("/")[0] for name in names if "/" in name}
    assert folders == {"functions", "shared"}
    assert not [name for name in names if "test" in name or "/memory/" in name or "cache" in name]


@pytest.mark.slow
@pytest.mark.parametrize("entry_point", sorted(DOORS))
def test_the_framework_starts_it_as_every_function_with_no_further_setting(
    entry_point: str, tmp_path: Path
) -> None:
    build(tmp_path / "f.zip")
    zipfile.ZipFile(tmp_path / "f.zip").extractall(tmp_path / "unpacked")
    plain = {"PATH": os.environ["PATH"], "GOOGLE_CLOUD_PROJECT": "demo-bundle"}
    done = subprocess.run(
        [sys.executable, "-P", "-c", STARTS, entry_point],
        cwd=tmp_path / "unpacked",
        env=plain,
        capture_output=True,
        text=True,
        timeout=60,
        check=False,
    )
    assert done.returncode == 0, done.stderr
    assert 400 <= int(done.stdout.split()[-1]) < 500, done.stdout + done.stderr


@pytest.mark.parametrize(
    ("environment", "named"),
    [
        ({}, "GOOGLE_CLOUD_PROJECT"),
        (
            {"GOOGLE_CLOUD_PROJECT": "fanfare-prod", "FIRESTORE_EMULATOR_HOST": "127.0.0.1:1"},
            "FIRESTORE_EMULATOR_HOST",
        ),
        ({"GOOGLE_CLOUD_PROJECT": "demo-x", "K_SERVICE": "tick"}, "Cloud Run"),
        ({"GOOGLE_CLOUD_PROJECT": "fanfare-prod", "FANFARE_LEASE_SECONDS": "x"}, "FANFARE_LEASE"),
    ],
    ids=[
        "no project",
        "an emulator in production",
        "a demo project on Cloud Run",
        "a typing error",
    ],
)
def test_with_settings_that_cannot_be_right_no_function_starts(
    environment: dict[str, str], named: str
) -> None:
    done = subprocess.run(
        [sys.executable, "-c", STARTS.replace("main.py", "functions/main.py"), "tick"],
        cwd=ROOT,
        env={"PATH": os.environ["PATH"], "PYTHONPATH": str(ROOT), **environment},
        capture_output=True,
        text=True,
        timeout=60,
        check=False,
    )
    assert done.returncode != 0
    assert named in done.stderr.splitlines()[-1]
