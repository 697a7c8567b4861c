"""The Firestore emulator's jar on this machine: found, or fetched.

People have it from gcloud, from firebase-tools, or not at all: so each place is tried in a fixed
order, and a missing one is fetched into the cache of firebase-tools. A variable that names no
usable file is an error: ignoring it would run another version than the one asked for. A damaged
file in the cache is passed over: the Firebase CLI writes there in place, and may be killed.
"""

import os
import re
import shutil
import subprocess
import zipfile
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from pathlib import Path

from local.download import Download, DownloadFailed, FileToFetch, NoRoom
from local.firestore_jars import FETCHED, JARS, MAIN_CLASS, PUBLISHED_AT, Jar
from local.java import JAVA_AT_LEAST, EmulatorMissing

JAR_IN_SDK = Path("platform", "cloud-firestore-emulator", "cloud-firestore-emulator.jar")
MIRROR = "FIRESTORE_EMULATOR_MIRROR"
VERSION = "FIRESTORE_EMULATOR_VERSION"
CACHE = "FIREBASE_EMULATORS_PATH"
BEFORE_JAVA_1 = 44
"""A class file's version is the number of its Java and this."""
Fetch = Callable[[Jar, Path, Mapping[str, str]], Path]


@dataclass(frozen=True, slots=True)
class Launch:
    """Command that starts a jar, and the Java that the jar needs."""

    arguments: tuple[str, ...]
    java: int


def launch_of(jar: Path) -> Launch:
    """Read how a jar is started: those of firebase-tools name their main class, the SDK's not."""
    try:
        with zipfile.ZipFile(jar) as archive:
            manifest = archive.read("META-INF/MANIFEST.MF").decode()
            named = re.search(r"^Main-Class: (\S+)", manifest, re.MULTILINE)
            java = _java_of(archive, named and named[1])
    except (OSError, KeyError, ValueError, zipfile.BadZipFile):
        raise EmulatorMissing(
            f"{jar} is no Firestore emulator, or not all of one: put it there anew, or delete it."
        ) from None
    arguments = ("-jar", str(jar)) if named else ("-cp", str(jar), MAIN_CLASS)
    known = [each.java for each in JARS.values() if each.name == jar.name]
    return Launch(arguments, max(JAVA_AT_LEAST, java, *known))


def _java_of(archive: zipfile.ZipFile, named: str | None) -> int:
    """Return the Java that the main class was compiled for; 0 where it is in another jar."""
    path = f"{(named or MAIN_CLASS).replace('.', '/')}.class"
    if named and path not in archive.namelist():
        return 0
    with archive.open(path) as compiled:
        return int.from_bytes(compiled.read(8)[6:]) - BEFORE_JAVA_1


def sdk_root_from_gcloud(path: str) -> str | None:
    """Ask gcloud for the folder of the Cloud SDK."""
    gcloud = shutil.which("gcloud", path=path)
    if gcloud is None:
        return None
    command = [gcloud, "info", "--format=value(installation.sdk_root)"]
    told = subprocess.run(command, capture_output=True, text=True, check=False)
    return told.stdout.strip() or None


def cache_of(environ: Mapping[str, str], home: Path | None = None) -> Path:
    """Return the folder where the Firebase CLI keeps emulators."""
    return Path(environ.get(CACHE) or (home or Path.home()) / ".cache" / "firebase" / "emulators")


def fetch_jar(jar: Jar, to: Path, environ: Mapping[str, str] = os.environ) -> Path:
    """Fetch a jar from Google, or from the mirror that the environment names."""
    mirror = environ.get(MIRROR, "").rstrip("/")
    wanted = FileToFetch(f"{mirror or PUBLISHED_AT}/{jar.name}", jar.size, jar.sha256, to)
    if not mirror and not jar.is_published:
        raise EmulatorMissing(
            f"{jar.name} comes with the Cloud SDK only: put it ({wanted.sha256} is its SHA-256) at "
            f"{to}, or name in {MIRROR} an address that has it."
        )
    print(f"No Firestore emulator found: fetching {wanted.shown_url}", flush=True)
    try:
        return Download(wanted).run()
    except NoRoom as full:
        raise EmulatorMissing(
            f"The Firestore emulator could not be stored ({full}): make room there, or name "
            f"another folder in {CACHE}."
        ) from full
    except DownloadFailed as failed:
        source = f"{PUBLISHED_AT}/{jar.name}" if jar.is_published else jar.name
        raise EmulatorMissing(
            f"The Firestore emulator could not be fetched ({failed}): get {source} "
            f"({jar.size:,} bytes, SHA-256 {jar.sha256}) elsewhere and put it at {to}, or name in "
            f"{MIRROR} an address that has {jar.name}."
        ) from failed


def find_jar(
    environ: Mapping[str, str] = os.environ,
    *,
    home: Path | None = None,
    ask_gcloud: Callable[[str], str | None] = sdk_root_from_gcloud,
    fetch: Fetch = fetch_jar,
) -> Path:
    """Find the emulator's jar: by a variable, in the Cloud SDK, in firebase-tools' cache, or fetch
    it into there.
    """
    for variable in ("FIRESTORE_EMULATOR_JAR", "FIRESTORE_EMULATOR_BINARY_PATH"):
        if named := environ.get(variable):
            if not Path(named).is_file():
                raise EmulatorMissing(f"{variable} names {named}, and there is no such file.")
            return Path(named)
    cache = cache_of(environ, home)
    if version := environ.get(VERSION):
        return _of_version(version, cache, environ, fetch)
    for variable in ("CLOUDSDK_ROOT_DIR", "GCLOUD_SDK"):
        root = environ.get(variable)
        if root and (jar := Path(root, JAR_IN_SDK)).is_file():
            return jar
    root = ask_gcloud(environ.get("PATH", ""))
    if root and (jar := Path(root, JAR_IN_SDK)).is_file():
        return jar
    for cached in sorted(cache.glob("cloud-firestore-emulator-v*.jar"), key=_version, reverse=True):
        if _is_whole(cached):
            return cached
    return fetch(FETCHED, cache / FETCHED.name, environ)


def _of_version(
    version: str,
    cache: Path,
    environ: Mapping[str, str],
    fetch: Fetch,
) -> Path:
    cached = cache / f"cloud-firestore-emulator-v{version}.jar"
    if cached.is_file() and _is_whole(cached):
        return cached
    if version not in JARS:
        raise EmulatorMissing(
            f"{VERSION} is {version}, and only of {', '.join(JARS)} is it known what they must be: "
            f"put the jar at {cached} yourself, or name one of these."
        )
    return fetch(JARS[version], cached, environ)


def _is_whole(jar: Path) -> bool:
    """Tell whether a jar of the cache is what its name says; say what is wrong if not."""
    fault: object = None
    known = [each for each in JARS.values() if each.name == jar.name]
    if known:
        fault = FileToFetch("", known[0].size, known[0].sha256, jar).fault(jar)
    else:
        try:
            launch_of(jar)
        except EmulatorMissing:
            fault = "it is no whole jar"
    if fault:
        print(f"{jar} is damaged ({fault}), and passed over.", flush=True)
    return not fault


def _version(jar: Path) -> tuple[int, ...]:
    return tuple(map(int, re.findall(r"\d+", jar.stem)))
