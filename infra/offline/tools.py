"""Tools that conflict with the project's own packages, each in an environment of its own.

Installed when first asked for, under ``.local/``, from the ``requirements-{name}.txt`` here.
"""

import fcntl
import subprocess
import sys
from collections.abc import Callable
from pathlib import Path

HERE = Path(__file__).resolve().parent
LOCAL = HERE.parents[1] / ".local"


class Missing(Exception):
    """Error for a tool that is neither installed nor available."""


def aloud(line: str) -> None:
    """Print a line at once."""
    print(line, file=sys.stderr, flush=True)


def installed(name: str, say: Callable[[str], None] = aloud) -> Path:
    """Return the Python of the environment that has the tool. Raises ``Missing``."""
    wanted = (HERE / f"requirements-{name}.txt").read_text()
    folder = LOCAL / f"tool-{name}"
    mark, python = folder / "ready", folder / "bin" / "python"
    LOCAL.mkdir(exist_ok=True)
    with (LOCAL / f"tool-{name}.lock").open("w") as lock:
        fcntl.flock(lock, fcntl.LOCK_EX)  # another process may be at it
        if not mark.exists() or mark.read_text() != wanted:
            say(f"Setting up {folder.relative_to(LOCAL.parent)} (once, up to a minute) …")
            _install(name, folder, python)
            mark.write_text(wanted)
    return python


def _install(name: str, folder: Path, python: Path) -> None:
    quiet = ["--quiet", "--disable-pip-version-check"]
    steps = [
        [sys.executable, "-m", "venv", "--clear", str(folder)],
        [str(python), "-m", "pip", "install", *quiet, "-r", str(HERE / f"requirements-{name}.txt")],
    ]
    for step in steps:
        done = subprocess.run(step, capture_output=True, text=True, check=False)  # noqa: S603
        if done.returncode:
            last = (done.stderr or done.stdout).strip().splitlines()[-1:]
            raise Missing(f"{name} cannot be installed: {' '.join(last)}")


if __name__ == "__main__":
    try:
        for tool in sys.argv[1:]:
            installed(tool)
    except Missing as missing:
        sys.exit(str(missing))
