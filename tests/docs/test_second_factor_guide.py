"""What ``docs/deploy.md`` has a moderator type to enrol a second factor, typed on the emulator."""

import re
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path

import jwt
import pytest

from local import demo
from local.emulators.auth import server as emulator
from local.emulators.background import ServedApp
from local.seed import create_account

ROOT = Path(__file__).parents[2]
PROJECT = "demo-fanfare"
SECTION = "\n## A second factor for operators and moderators\n"
FIELD = (
    "field() { python3 -c 'import json, sys; print(json.load(sys.stdin)[sys.argv[1]])' \"$1\"; }"
)
SHOWN_BY_THE_APP = f"""
KEPT=${{KEPT:-$(python3 -c 'import json
print(json.load(open("enrol.json"))["totpSessionInfo"]["sharedSecretKey"])')}}
NUMBER=$(PYTHONPATH={ROOT} {sys.executable} -c 'import sys, time
from local.emulators.auth.second_factor import number
print(number(sys.argv[1], time.time()))' "$KEPT")
"""


def blocks() -> list[str]:
    guide = (ROOT / "docs" / "deploy.md").read_text(encoding="utf-8")
    section = guide.partition(SECTION)[2].partition("\n## ")[0]
    return re.findall(r"^```bash\n(.*?)^```$", section, re.MULTILINE | re.DOTALL)


@pytest.fixture
def auth() -> Iterator[ServedApp]:
    with ServedApp(emulator.app(PROJECT)) as served:
        create_account(served.address, PROJECT, demo.MIRA)
        yield served


def test_a_moderator_enrols_and_signs_in_as_the_guide_writes_it(
    auth: ServedApp, tmp_path: Path
) -> None:
    start, finalize, sign_in = blocks()
    script = "\n".join(
        [
            "set -e",
            f"AUTH={auth.url}/identitytoolkit.googleapis.com KEY=local",
            f"EMAIL={demo.MIRA.email} PASSWORD={demo.PASSWORD}",
            FIELD,
            start,
            SHOWN_BY_THE_APP,
            finalize,
            SHOWN_BY_THE_APP,
            sign_in,
            "echo; echo $MODERATOR",
        ]
    )
    proven = (
        f"curl -s {auth.url}/identitytoolkit.googleapis.com/v1/projects/{PROJECT}/accounts:update "
        f'-H "Authorization: Bearer owner" --json \'{{"localId": "{demo.MIRA.uid}", '
        '"emailVerified": true}\' > proven.json\n'
    )
    typed = subprocess.run(
        ["bash", "-c", proven + script],
        cwd=tmp_path,
        capture_output=True,
        text=True,
        timeout=120,
        check=False,
    )
    assert typed.returncode == 0, typed.stderr
    token = typed.stdout.splitlines()[-1]
    claims = jwt.decode(token, options={"verify_signature": False})
    assert (claims["sub"], claims["moderator"]) == (demo.MIRA.uid, True)
    assert claims["firebase"]["sign_in_second_factor"] == "totp"
    assert {path.name for path in tmp_path.iterdir()} == {"proven.json"}, "no secret stays behind"
