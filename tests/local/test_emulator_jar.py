"""Where the emulator's jar is looked for, and what becomes of a machine that has none."""

import hashlib
import os
import subprocess
import sys
import zipfile
from collections.abc import Callable, Mapping
from dataclasses import replace
from pathlib import Path

import pytest

from local.emulator_jar import (
    CACHE,
    JAR_IN_SDK,
    MIRROR,
    VERSION,
    fetch_jar,
    find_jar,
    launch_of,
)
from local.firestore_jars import FETCHED, JARS, MAIN_CLASS, PUBLISHED_AT, Jar
from local.java import EmulatorMissing
from local.processes import free_ports
from tests.local.jar_server import serving, status

ROOT = Path(__file__).parents[2]
CONTENT = b"not much of a jar"
SMALL = Jar("1.2.3", len(CONTENT), hashlib.sha256(CONTENT).hexdigest(), java=21)


def a_jar(path: Path, *, java: int = 11, main_class: str = "", holds: str = MAIN_CLASS) -> Path:
    """Write a jar with one class of the given Java's version, that does nothing."""
    path.parent.mkdir(parents=True, exist_ok=True)
    with zipfile.ZipFile(path, "w") as archive:
        manifest = "Manifest-Version: 1.0\r\n" + f"Main-Class: {main_class}\r\n" * bool(main_class)
        archive.writestr("META-INF/MANIFEST.MF", manifest)
        compiled = bytes.fromhex("cafebabe0000") + (44 + java).to_bytes(2)
        archive.writestr(f"{holds.replace('.', '/')}.class", compiled)
    return path


def no_gcloud(_: str) -> None:
    return None


def unexpected(jar: Jar, to: Path, environ: Mapping[str, str]) -> Path:
    pytest.fail(f"{jar.name} was not to be fetched")


def noted(jar: Jar, to: Path, environ: Mapping[str, str]) -> Path:
    return to.with_name(f"fetched {to.name}")


def cache_in(home: Path) -> Path:
    return home / ".cache" / "firebase" / "emulators"


# -- found -----------------------------------------------------------------------------------------


def test_the_jar_is_looked_for_in_a_fixed_order(tmp_path: Path) -> None:
    cache = cache_in(tmp_path)
    a_jar(cache / "cloud-firestore-emulator-v1.9.8.jar")
    places = {
        "FIRESTORE_EMULATOR_JAR": a_jar(tmp_path / "1.jar"),
        "FIRESTORE_EMULATOR_BINARY_PATH": a_jar(tmp_path / "2.jar"),
        VERSION: a_jar(cache / "cloud-firestore-emulator-v1.10.1.jar"),
        "CLOUDSDK_ROOT_DIR": a_jar(tmp_path / "3" / JAR_IN_SDK),
        "GCLOUD_SDK": a_jar(tmp_path / "4" / JAR_IN_SDK),
        "gcloud": a_jar(tmp_path / "5" / JAR_IN_SDK),
        "cache": a_jar(cache / "cloud-firestore-emulator-v1.18.8.jar"),
    }
    environ = {
        "FIRESTORE_EMULATOR_JAR": str(tmp_path / "1.jar"),
        "FIRESTORE_EMULATOR_BINARY_PATH": str(tmp_path / "2.jar"),
        VERSION: "1.10.1",
        "CLOUDSDK_ROOT_DIR": str(tmp_path / "3"),
        "GCLOUD_SDK": str(tmp_path / "4"),
    }
    ask: Callable[[str], str | None] = lambda _: str(tmp_path / "5")  # noqa: E731
    for place, jar in places.items():
        assert find_jar(environ, home=tmp_path, ask_gcloud=ask, fetch=unexpected) == jar, place
        environ.pop(place, None)
        ask = no_gcloud if place == "gcloud" else ask


def test_a_variable_that_names_no_file_is_an_error_and_not_ignored(tmp_path: Path) -> None:
    with pytest.raises(EmulatorMissing, match=r"FIRESTORE_EMULATOR_JAR names .*gone\.jar"):
        find_jar({"FIRESTORE_EMULATOR_JAR": str(tmp_path / "gone.jar")}, home=tmp_path)


def test_the_cache_is_where_the_firebase_cli_is_told_to_have_it(tmp_path: Path) -> None:
    jar = a_jar(tmp_path / "elsewhere" / "cloud-firestore-emulator-v1.18.8.jar")
    environ = {CACHE: str(tmp_path / "elsewhere")}
    found = find_jar(environ, home=tmp_path, ask_gcloud=no_gcloud, fetch=unexpected)
    assert found == jar


def test_without_any_the_pinned_one_is_fetched_into_the_cache(tmp_path: Path) -> None:
    found = find_jar({}, home=tmp_path, ask_gcloud=no_gcloud, fetch=noted)
    assert found == cache_in(tmp_path) / f"fetched {FETCHED.name}"


@pytest.mark.parametrize("name", [FETCHED.name, "cloud-firestore-emulator-v1.99.0.jar"])
def test_a_damaged_file_in_the_cache_is_told_and_passed_over(
    tmp_path: Path, name: str, capsys: pytest.CaptureFixture[str]
) -> None:
    damaged = a_jar(cache_in(tmp_path) / name)
    damaged.write_bytes(damaged.read_bytes()[:-30])
    older = a_jar(cache_in(tmp_path) / "cloud-firestore-emulator-v1.9.8.jar")
    assert find_jar({}, home=tmp_path, ask_gcloud=no_gcloud, fetch=unexpected) == older
    assert f"{damaged} is damaged (" in capsys.readouterr().out
    older.unlink()
    found = find_jar({}, home=tmp_path, ask_gcloud=no_gcloud, fetch=noted)
    assert found.name == f"fetched {FETCHED.name}"


def test_a_version_that_is_asked_for_is_fetched_if_its_hash_is_known(tmp_path: Path) -> None:
    environ = {VERSION: "1.22.0", "CLOUDSDK_ROOT_DIR": str(tmp_path / "sdk")}
    a_jar(tmp_path / "sdk" / JAR_IN_SDK)
    found = find_jar(environ, home=tmp_path, fetch=noted)
    assert found == cache_in(tmp_path) / "fetched cloud-firestore-emulator-v1.22.0.jar"


def test_a_version_whose_hash_is_not_known_is_not_fetched(tmp_path: Path) -> None:
    with pytest.raises(
        EmulatorMissing, match=r"9\.9\.9, and only of 1\.19\.8, .*1\.22\.0 is it known"
    ):
        find_jar({VERSION: "9.9.9"}, home=tmp_path, fetch=unexpected)


def test_every_pinned_jar_can_be_checked() -> None:
    for version, jar in JARS.items():
        assert jar.name == f"cloud-firestore-emulator-v{version}.jar"
        assert len(bytes.fromhex(jar.sha256)) == 32
        assert jar.size > 50_000_000
    assert FETCHED.is_published


# -- fetched ---------------------------------------------------------------------------------------


def test_a_mirror_is_asked_for_the_file_by_its_name(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    with serving(CONTENT, SMALL.name) as site:
        jar = fetch_jar(SMALL, tmp_path / SMALL.name, {MIRROR: f"{site.mirror}/"})
    assert jar.read_bytes() == CONTENT
    assert [each["target"] for each in site.requests] == [f"/jars/{SMALL.name}"]
    shown = capsys.readouterr().out
    assert f"No Firestore emulator found: fetching {site.url}" in shown
    assert "100%" in shown


def sentence(jar: Jar, to: Path, environ: Mapping[str, str]) -> str:
    with pytest.raises(EmulatorMissing) as missing:
        fetch_jar(jar, to, environ)
    return str(missing.value)


def test_without_a_network_one_sentence_has_address_size_hash_name_and_place(
    tmp_path: Path,
) -> None:
    mirror = f"http://127.0.0.1:{free_ports(1)[0]}"
    told = sentence(FETCHED, tmp_path / FETCHED.name, {MIRROR: mirror})
    assert told.count(". ") == 0
    assert (
        f"{PUBLISHED_AT}/{FETCHED.name} ({FETCHED.size:,} bytes, SHA-256 {FETCHED.sha256})" in told
    )
    assert f"put it at {tmp_path / FETCHED.name}" in told
    assert MIRROR in told
    assert list(tmp_path.iterdir()) == []


def test_what_a_mirror_does_not_have_is_told_with_its_address(tmp_path: Path) -> None:
    with serving(CONTENT) as site:
        site.faults = [status(404)]
        told = sentence(SMALL, tmp_path / SMALL.name, {MIRROR: site.mirror})
    assert f"({site.mirror}/{SMALL.name} answers 404 Not Found)" in told


def test_a_mirror_that_has_another_file_is_told(tmp_path: Path) -> None:
    other = replace(SMALL, sha256="0" * 64)
    with serving(CONTENT) as site:
        told = sentence(other, tmp_path / other.name, {MIRROR: site.mirror})
    assert f"SHA-256 {SMALL.sha256} instead of {'0' * 64}" in told
    assert list(tmp_path.iterdir()) == []


def test_a_folder_that_cannot_hold_it_is_told_with_the_variable_that_names_another(
    tmp_path: Path,
) -> None:
    (tmp_path / "cache").write_text("a file")
    told = sentence(SMALL, tmp_path / "cache" / SMALL.name, {MIRROR: "http://127.0.0.1:9"})
    assert f"{tmp_path / 'cache'} cannot hold it" in told
    assert CACHE in told


def test_what_only_the_cloud_sdk_has_is_fetched_from_a_mirror_or_not_at_all(tmp_path: Path) -> None:
    of_sdk = JARS["1.19.9"]
    told = sentence(of_sdk, tmp_path / of_sdk.name, {})
    assert of_sdk.sha256 in told
    assert MIRROR in told


@pytest.mark.slow
def test_a_stack_without_jar_and_network_says_one_sentence_and_leaves_nothing(
    tmp_path: Path,
) -> None:
    plain = {
        name: value
        for name, value in os.environ.items()
        if name not in {"CLOUDSDK_ROOT_DIR", "GCLOUD_SDK", "FIRESTORE_EMULATOR_JAR", VERSION}
    }
    told = subprocess.run(
        [
            *(sys.executable, "-m", "local.stack", "up", "--no-seed", "--store", "emulator"),
            *("--stack-file", str(tmp_path / "stack.json")),
        ],
        cwd=ROOT,
        env={
            **plain,
            "PATH": str(tmp_path),
            "NO_PROXY": "127.0.0.1",
            CACHE: str(tmp_path / "cache"),
            MIRROR: f"http://127.0.0.1:{free_ports(1)[0]}",
        },
        capture_output=True,
        text=True,
        check=False,
    )
    assert told.returncode == 1
    (line,) = told.stderr.splitlines()
    assert line.startswith("The Firestore emulator could not be fetched (")
    assert FETCHED.sha256 in line
    assert list((tmp_path / "cache").iterdir()) == []


# -- started ---------------------------------------------------------------------------------------


def test_a_jar_without_a_main_class_is_started_by_the_name_of_its_class(tmp_path: Path) -> None:
    jar = a_jar(tmp_path / "sdk.jar")
    assert launch_of(jar).arguments == ("-cp", str(jar), MAIN_CLASS)


def test_a_jar_with_a_main_class_is_started_as_the_firebase_cli_does(tmp_path: Path) -> None:
    jar = a_jar(tmp_path / "cli.jar", main_class=MAIN_CLASS)
    assert launch_of(jar).arguments == ("-jar", str(jar))


def test_a_jar_asks_for_the_java_that_its_main_class_was_compiled_for(tmp_path: Path) -> None:
    assert launch_of(a_jar(tmp_path / "11.jar", java=11)).java == 17
    assert launch_of(a_jar(tmp_path / "21.jar", java=21)).java == 21
    elsewhere = a_jar(tmp_path / "wrap.jar", main_class="a.Main", holds="b.Other", java=21)
    assert launch_of(elsewhere).java == 17


def test_a_jar_of_a_known_version_asks_for_the_java_that_the_firebase_cli_wants(
    tmp_path: Path,
) -> None:
    assert launch_of(a_jar(tmp_path / JARS["1.22.0"].name)).java == 21
    assert launch_of(a_jar(tmp_path / JARS["1.19.8"].name)).java == 17


def test_a_file_that_is_no_jar_or_another_is_told(tmp_path: Path) -> None:
    half = a_jar(tmp_path / "half.jar")
    half.write_bytes(half.read_bytes()[:-30])
    for jar in (half, a_jar(tmp_path / "other.jar", holds="a.Main")):
        with pytest.raises(EmulatorMissing, match=f"{jar} is no Firestore emulator, or not all of"):
            launch_of(jar)
