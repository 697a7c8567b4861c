"""A file whose hash is known is fetched whole or not at all, whatever becomes of the connection."""

import hashlib
import io
import os
import random
import signal
import subprocess
import sys
import threading
from collections.abc import Callable, Iterator
from contextlib import suppress
from pathlib import Path

import pytest

from local.download import TRIES, Download, DownloadFailed, FileToFetch, NoRoom, Progress
from local.processes import free_ports
from tests.conftest import eventually
from tests.local.jar_server import (
    HALF,
    Answer,
    JarServer,
    cut,
    half_until,
    redirect,
    serve,
    serving,
    silent,
    status,
    whole_whatever_is_asked,
    without_length,
)

ROOT = Path(__file__).parents[2]
CONTENT = random.Random(14).randbytes(300_000)
OTHER = random.Random(15).randbytes(300_000)
SHA256 = hashlib.sha256(CONTENT).hexdigest()
PART = f"fanfare-{SHA256[:12]}.part"


class Terminal(io.StringIO):
    """Output that says it is a terminal."""

    def isatty(self) -> bool:
        return True


@pytest.fixture(autouse=True)
def no_proxy(monkeypatch: pytest.MonkeyPatch) -> None:
    for name in ("HTTP_PROXY", "http_proxy", "ALL_PROXY", "all_proxy", "NO_PROXY", "no_proxy"):
        monkeypatch.delenv(name, raising=False)


@pytest.fixture
def site() -> Iterator[JarServer]:
    with serving(CONTENT) as server:
        yield server


def a_file(site: JarServer, folder: Path, **other: object) -> FileToFetch:
    given: dict[str, object] = {"url": site.url, "size": len(CONTENT), "sha256": SHA256}
    return FileToFetch(**given | other, to=folder / "cache" / "it.jar")  # type: ignore[arg-type]


def fetch(
    file: FileToFetch, out: io.StringIO | None = None, free: Callable[[Path], int] = lambda _: 10**9
) -> str:
    """Download without pauses; return what was shown."""
    out = out or io.StringIO()
    progress = Progress("it.jar", file.size, out)
    Download(file, progress=progress, pause=lambda _: None, free=free).run()
    return out.getvalue()


def left_in(folder: Path) -> list[str]:
    return sorted(each.name for each in (folder / "cache").iterdir())


def test_a_whole_file_is_fetched_with_one_request_and_nothing_else_is_left(
    site: JarServer, tmp_path: Path
) -> None:
    shown = fetch(a_file(site, tmp_path))
    assert (tmp_path / "cache" / "it.jar").read_bytes() == CONTENT
    assert left_in(tmp_path) == ["it.jar"]
    assert site.ranges == [None]
    assert "100%  0.3 of 0.3 MB" in shown


def test_a_file_that_is_there_is_not_fetched_again(site: JarServer, tmp_path: Path) -> None:
    fetch(a_file(site, tmp_path))
    fetch(a_file(site, tmp_path))
    assert len(site.requests) == 1


def test_a_file_that_is_there_and_damaged_is_replaced(site: JarServer, tmp_path: Path) -> None:
    (tmp_path / "cache").mkdir()
    (tmp_path / "cache" / "it.jar").write_bytes(OTHER)
    fetch(a_file(site, tmp_path))
    assert (tmp_path / "cache" / "it.jar").read_bytes() == CONTENT


def test_after_a_break_only_the_rest_is_asked_for_and_of_the_same_file(
    site: JarServer, tmp_path: Path
) -> None:
    site.faults = [cut, cut]
    shown = fetch(a_file(site, tmp_path))
    assert (tmp_path / "cache" / "it.jar").read_bytes() == CONTENT
    assert site.ranges == [None, f"bytes={HALF}-", f"bytes={2 * HALF}-"]
    assert [each.get("If-Range") for each in site.requests[1:]] == ['"first"', '"first"']
    assert shown.count("The connection broke") == 2


@pytest.mark.parametrize("tells", [True, False], ids=["and is told so", "and is not told"])
def test_a_file_that_changed_during_a_break_is_fetched_from_its_beginning(
    site: JarServer, tmp_path: Path, tells: bool
) -> None:
    site.content = OTHER
    asked_again = threading.Event()

    def changed(answer: Answer) -> None:
        site.content, site.etag = CONTENT, '"second"' if tells else site.etag
        asked_again.set()
        serve(answer)

    site.faults = [cut, changed]
    fetch(a_file(site, tmp_path))
    assert asked_again.is_set()
    assert (tmp_path / "cache" / "it.jar").read_bytes() == CONTENT
    assert len(site.requests) == (2 if tells else 3)


def test_a_server_without_ranges_is_read_from_the_beginning_after_a_break(
    site: JarServer, tmp_path: Path
) -> None:
    site.faults = [cut, whole_whatever_is_asked]
    fetch(a_file(site, tmp_path))
    assert (tmp_path / "cache" / "it.jar").read_bytes() == CONTENT
    assert len(site.requests) == 2


def test_one_that_cannot_go_on_from_there_is_asked_for_all_of_it(
    site: JarServer, tmp_path: Path
) -> None:
    site.faults = [cut, status(416)]
    fetch(a_file(site, tmp_path))
    assert site.ranges == [None, f"bytes={HALF}-", None]
    assert left_in(tmp_path) == ["it.jar"]


def test_a_busy_server_is_asked_again(site: JarServer, tmp_path: Path) -> None:
    site.faults = [status(503), status(429), cut, silent, silent]
    fetch(a_file(site, tmp_path))
    assert (tmp_path / "cache" / "it.jar").read_bytes() == CONTENT


def test_a_connection_that_brings_nothing_more_is_given_up_and_the_next_run_goes_on(
    site: JarServer, tmp_path: Path
) -> None:
    site.faults = [cut, *[status(503)] * TRIES]
    with pytest.raises(DownloadFailed, match="503 Service Unavailable"):
        fetch(a_file(site, tmp_path))
    assert left_in(tmp_path) == [PART, f"{PART}.etag"]
    shown = fetch(a_file(site, tmp_path))
    assert "0.1 MB of it are here from an earlier run" in shown
    assert site.ranges[-1] == f"bytes={HALF}-"
    assert left_in(tmp_path) == ["it.jar"]


def test_a_server_that_is_not_there_is_asked_once(tmp_path: Path) -> None:
    nobody = JarServer(CONTENT, url=f"http://127.0.0.1:{free_ports(1)[0]}/it.jar")
    with pytest.raises(DownloadFailed, match="Connection refused"):
        fetch(a_file(nobody, tmp_path))
    assert left_in(tmp_path) == []


def test_a_file_with_another_hash_is_told_with_both_and_not_kept(
    site: JarServer, tmp_path: Path
) -> None:
    site.content = OTHER
    other = hashlib.sha256(OTHER).hexdigest()
    with pytest.raises(DownloadFailed, match=f"SHA-256 {other} instead of {SHA256}"):
        fetch(a_file(site, tmp_path))
    assert left_in(tmp_path) == []
    assert len(site.requests) == 1


def test_a_part_of_another_file_is_thrown_away_and_all_of_it_fetched(
    site: JarServer, tmp_path: Path
) -> None:
    (tmp_path / "cache").mkdir()
    (tmp_path / "cache" / PART).write_bytes(OTHER[:HALF])
    shown = fetch(a_file(site, tmp_path))
    assert "Its parts do not belong together" in shown
    assert (tmp_path / "cache" / "it.jar").read_bytes() == CONTENT
    assert site.ranges == [f"bytes={HALF}-", None]


@pytest.mark.parametrize("size", [len(CONTENT), len(CONTENT) + 1])
def test_a_part_that_is_whole_is_checked_before_anything_is_asked_for(
    site: JarServer, tmp_path: Path, size: int
) -> None:
    (tmp_path / "cache").mkdir()
    (tmp_path / "cache" / PART).write_bytes((CONTENT + b"more")[:size])
    fetch(a_file(site, tmp_path))
    assert left_in(tmp_path) == ["it.jar"]
    assert len(site.requests) == size - len(CONTENT)


def test_another_length_is_refused_before_the_bytes_are_fetched(
    site: JarServer, tmp_path: Path
) -> None:
    site.faults = [status(200, b"Please sign in to this network")]
    with pytest.raises(DownloadFailed, match="has 30 bytes instead of 300,000"):
        fetch(a_file(site, tmp_path))
    assert left_in(tmp_path) == []


def test_more_bytes_than_there_should_be_are_refused(site: JarServer, tmp_path: Path) -> None:
    site.faults = [without_length(CONTENT + b"more")]
    with pytest.raises(DownloadFailed, match="has more than the 300,000 bytes it should"):
        fetch(a_file(site, tmp_path))
    assert left_in(tmp_path) == []


def test_an_answer_of_unknown_length_that_ends_early_is_gone_on_with(
    site: JarServer, tmp_path: Path
) -> None:
    site.faults = [without_length(CONTENT[:HALF])]
    fetch(a_file(site, tmp_path))
    assert site.ranges == [None, f"bytes={HALF}-"]


def test_a_file_that_is_not_there_is_told_and_not_asked_for_again(
    site: JarServer, tmp_path: Path
) -> None:
    site.faults = [status(404)]
    with pytest.raises(DownloadFailed, match=r"/jars/it\.jar answers 404 Not Found"):
        fetch(a_file(site, tmp_path))
    assert left_in(tmp_path) == []
    assert len(site.requests) == 1


def test_a_redirection_is_followed(site: JarServer, tmp_path: Path) -> None:
    site.faults = [redirect]
    fetch(a_file(site, tmp_path))
    assert [each["target"] for each in site.requests] == ["/jars/it.jar", "/elsewhere/it.jar"]


@pytest.mark.parametrize("url", ["ftp://a.example/it.jar", "it.jar", "http://[/it.jar"])
def test_an_address_that_is_none_is_told(tmp_path: Path, url: str) -> None:
    with pytest.raises(DownloadFailed):
        fetch(FileToFetch(url, len(CONTENT), SHA256, tmp_path / "cache" / "it.jar"))


def test_a_password_in_the_address_is_sent_and_not_shown(site: JarServer, tmp_path: Path) -> None:
    site.faults = [status(404)]
    url = site.url.replace("http://", "http://olga:geheim@")
    with pytest.raises(DownloadFailed) as failed:
        fetch(a_file(site, tmp_path, url=url))
    assert "geheim" not in str(failed.value)
    assert site.requests[0]["Authorization"].startswith("Basic ")


# -- what is shown ---------------------------------------------------------------------------------


def test_without_a_terminal_a_line_is_written_every_five_seconds() -> None:
    out, now = io.StringIO(), iter([0.0, 1.0, 4.9, 5.0, 9.0, 10.0])
    progress = Progress("it.jar", 100_000_000, out, clock=lambda: next(now))
    for done in (0, 1_000_000, 4_900_000, 5_000_000, 9_000_000, 100_000_000):
        progress.at(done)
    assert out.getvalue().splitlines() == [
        "  it.jar    0%  0.0 of 100.0 MB",
        "  it.jar    5%  5.0 of 100.0 MB  1.0 MB/s  95 s left",
        "  it.jar  100%  100.0 of 100.0 MB  10.0 MB/s",
    ]


def test_on_a_terminal_one_bar_is_drawn_over_and_over() -> None:
    out, now = Terminal(), iter([0.0, 1.0, 2.0])
    progress = Progress("it.jar", 100_000_000, out, clock=lambda: next(now))
    progress.at(0)
    progress.at(50_000_000)
    progress.say("The connection broke.")
    progress.at(100_000_000)
    progress.end()
    drawn = out.getvalue()
    assert (
        "\r  it.jar  [############............]  50%  50.0 of 100.0 MB  50.0 MB/s  1 s left"
        in drawn
    )
    assert "\nThe connection broke.\n\r  it.jar  [########################] 100%" in drawn
    assert drawn.endswith("\n")


def test_the_rate_is_that_of_this_run() -> None:
    out, now = io.StringIO(), iter([0.0, 10.0])
    progress = Progress("it.jar", 100_000_000, out, clock=lambda: next(now))
    progress.at(80_000_000)
    progress.at(90_000_000)
    assert out.getvalue().splitlines()[-1].endswith("1.0 MB/s  10 s left")


# -- several processes -----------------------------------------------------------------------------


def another(file: FileToFetch, before: str = "") -> "subprocess.Popen[str]":
    """Start a download in a process of its own."""
    code = (
        f"{before}\n"
        "import sys; from pathlib import Path; from local.download import *\n"
        f"to = Path({str(file.to)!r})\n"
        f"file = FileToFetch({file.url!r}, {file.size}, {file.sha256!r}, to)\n"
        "try: Download(file).run()\n"
        "except DownloadFailed as failed: sys.exit(f'{type(failed).__name__}: {failed}')\n"
    )
    return subprocess.Popen(
        [sys.executable, "-u", "-c", code],
        cwd=ROOT,
        text=True,
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
    )


def until_it_says(process: "subprocess.Popen[str]", word: str) -> None:
    assert process.stdout
    assert any(word in line for line in process.stdout), word


def half_is_here(folder: Path) -> bool:
    with suppress(FileNotFoundError):
        return (folder / "cache" / PART).stat().st_size > 0
    return False


def test_of_two_at_once_one_fetches_and_the_other_waits_and_says_so(
    site: JarServer, tmp_path: Path
) -> None:
    go_on = threading.Event()
    site.faults = [half_until(go_on)]
    with another(a_file(site, tmp_path)) as first:
        eventually(lambda: len(site.requests) == 1, "the first one asks", 60)
        with another(a_file(site, tmp_path)) as second:
            until_it_says(second, "Another process is fetching it.jar: waiting for it.")
            go_on.set()
            assert (first.wait(), second.wait()) == (0, 0)
    assert len(site.requests) == 1
    assert left_in(tmp_path) == ["it.jar"]


def test_what_a_killed_run_has_fetched_is_not_fetched_again(
    site: JarServer, tmp_path: Path
) -> None:
    never = threading.Event()
    site.faults = [half_until(never)]
    with another(a_file(site, tmp_path)) as killed:
        eventually(lambda: half_is_here(tmp_path), "half of it is here", 60)
        killed.send_signal(signal.SIGKILL)
        killed.wait()
    never.set()
    here = (tmp_path / "cache" / PART).stat().st_size
    fetch(a_file(site, tmp_path))
    assert site.ranges == [None, f"bytes={here}-"]
    assert left_in(tmp_path) == ["it.jar"]


# -- no room ---------------------------------------------------------------------------------------


def test_a_disk_too_small_is_told_before_anything_is_fetched(
    site: JarServer, tmp_path: Path
) -> None:
    with pytest.raises(NoRoom, match=r"cache has 0\.2 MB free, and 0\.3 MB are missing"):
        fetch(a_file(site, tmp_path), free=lambda _: 200_000)
    assert site.requests == []
    assert left_in(tmp_path) == []


def test_a_disk_that_fills_up_meanwhile_is_told_and_freed_again(
    site: JarServer, tmp_path: Path
) -> None:
    limit = "import resource; resource.setrlimit(resource.RLIMIT_FSIZE, (100_000, 100_000))"
    with another(a_file(site, tmp_path), before=limit) as limited:
        _, said = limited.communicate()
    assert limited.returncode == 1
    assert said.strip() == f"NoRoom: {tmp_path / 'cache'} cannot hold it (File too large)"
    assert left_in(tmp_path) == []


def test_a_folder_that_cannot_be_made_is_told(site: JarServer, tmp_path: Path) -> None:
    (tmp_path / "cache").write_text("a file")
    with pytest.raises(NoRoom, match="cache cannot hold it"):
        fetch(a_file(site, tmp_path))


# -- proxies ---------------------------------------------------------------------------------------


def test_it_is_fetched_through_the_proxy_of_the_environment(
    site: JarServer, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("HTTP_PROXY", site.mirror.removesuffix("/jars"))
    fetch(a_file(site, tmp_path, url="http://mirror.example/it.jar"))
    assert [each["target"] for each in site.requests] == ["http://mirror.example/it.jar"]
    assert (tmp_path / "cache" / "it.jar").read_bytes() == CONTENT


def test_an_address_in_no_proxy_is_asked_directly(
    site: JarServer, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("HTTP_PROXY", f"http://127.0.0.1:{free_ports(1)[0]}")
    monkeypatch.setenv("NO_PROXY", "127.0.0.1")
    fetch(a_file(site, tmp_path))
    assert len(site.requests) == 1


def test_a_proxy_that_refuses_is_told(
    site: JarServer, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    site.faults = [status(407)]
    monkeypatch.setenv("HTTP_PROXY", site.mirror.removesuffix("/jars"))
    with pytest.raises(DownloadFailed, match="407 Proxy Authentication Required"):
        fetch(a_file(site, tmp_path, url="http://mirror.example/it.jar"))
    assert left_in(tmp_path) == []


def test_certificates_that_are_not_there_are_told(
    site: JarServer, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("SSL_CERT_FILE", str(tmp_path / "gone.pem"))
    with pytest.raises(DownloadFailed, match="the certificates of the environment"):
        fetch(a_file(site, tmp_path))


@pytest.mark.parametrize("proxy", ["gopher://127.0.0.1:9", "socks5://127.0.0.1:9"])
def test_a_proxy_that_cannot_be_used_is_told(
    site: JarServer, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, proxy: str
) -> None:
    monkeypatch.setenv("ALL_PROXY", proxy)
    with pytest.raises(DownloadFailed, match="the proxy or the certificates of the environment"):
        fetch(a_file(site, tmp_path))
    assert os.environ["ALL_PROXY"] == proxy
