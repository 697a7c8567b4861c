"""Pin, with the hashes of their files, all packages that ``pyproject.toml`` asks for.

``pip`` then installs those very files or nothing. A package that is pinned already keeps its
version; ``python -m infra.lock --upgrade`` looks for newer ones. What is deployed comes first, and
bounds what is installed for development, so that the tests run against what is deployed.
"""

import subprocess
import sys
from collections.abc import Mapping
from pathlib import Path
from typing import Final

from infra.offline.tools import Missing, installed

ROOT: Final = Path(__file__).resolve().parent.parent
OLDEST_PYTHON: Final = "3.11"
DEPLOYED: Final = "requirements.txt"
DEVELOPMENT: Final = "requirements-dev.txt"

FILES: Final[Mapping[str, tuple[str, ...]]] = {
    DEPLOYED: ("pyproject.toml",),
    DEVELOPMENT: ("pyproject.toml", "--group", "dev", "--constraints", DEPLOYED),
    "tests/panel/requirements.txt": ("--group", "panel", "--constraints", DEVELOPMENT),
    "infra/offline/requirements-audit.txt": ("--group", "audit"),
    "infra/offline/requirements-checkov.txt": ("--group", "checkov"),
    "infra/offline/requirements-lock.txt": ("--group", "lock"),
    "infra/offline/requirements-terraform.txt": ("--group", "terraform"),
}
"""Each requirements file, and the part of ``pyproject.toml`` it holds, as arguments of ``uv``."""

_HOW: Final = (
    *("--universal", "--python-version", OLDEST_PYTHON, "--generate-hashes", "--no-annotate"),
    *("--quiet", "--custom-compile-command", "make lock"),
)


def main(*more: str) -> None:
    """Write every file; the first that cannot be resolved ends it with uv's own words."""
    uv = installed("lock").with_name("uv")
    for file, asked in FILES.items():
        command = [str(uv), "pip", "compile", *asked, *_HOW, *more, "--output-file", file]
        subprocess.run(command, cwd=ROOT, check=True)  # noqa: S603
        print(f"{file}  {(ROOT / file).read_text().count('==')} packages")


if __name__ == "__main__":
    try:
        main(*sys.argv[1:])
    except (Missing, subprocess.CalledProcessError) as failed:
        sys.exit(str(failed))
