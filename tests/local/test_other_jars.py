"""The adapters' tests on each other emulator that this machine has, in processes of their own."""

import os
import re
import subprocess
import sys
from pathlib import Path

import pytest

from local.emulator_jar import cache_of, find_jar
from local.firestore_jars import JARS

ROOT = Path(__file__).parents[2]


@pytest.mark.slow
def test_the_adapters_pass_on_every_other_emulator_that_is_in_the_cache(emulator_jar: None) -> None:
    ours, cache = find_jar(), cache_of(os.environ)
    published = [cache / jar.name for jar in JARS.values() if jar.is_published]
    others = [jar for jar in published if jar.is_file() and jar != ours]
    if not others:
        names = ", ".join(jar.name for jar in published)
        pytest.skip(f"there is no other Firestore emulator than {ours}: none of {names} in {cache}")
    for jar in others:
        done = subprocess.run(
            [sys.executable, "-m", "pytest", "-q", "-p", "no:cacheprovider", "tests/adapters"],
            cwd=ROOT,
            env={**os.environ, "FIRESTORE_EMULATOR_JAR": str(jar)},
            capture_output=True,
            text=True,
            check=False,
        )
        assert done.returncode == 0, f"{jar}:\n{done.stdout}"
        assert re.search(r"\d+ passed", done.stdout)
