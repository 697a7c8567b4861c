"""``make test-fresh``: what a stranger with a bare machine meets, in seconds.

A Debian of its own is made with nothing but Python, its venv, make, git and certificates. In it a
plain user clones this repository and says `make run`: once with the Firestore emulator's jar served
from here, as a mirror would, and once without any emulator. Then the fast tests run on every Python
that this machine has. Everything mounted is in a namespace of its own, and all processes in there
end with this one, so that nothing is left however it ends, even killed: only a folder under the
temporary one, which is removed unless it was killed.
"""

import argparse
import ast
import contextlib
import os
import re
import shutil
import signal
import subprocess
import sys
import tempfile
import time
from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass
from functools import partial
from http.server import SimpleHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path
from threading import Thread

from local.download import sha256_of
from local.emulator_jar import MIRROR, VERSION, find_jar
from local.firestore_jars import JARS
from local.java import EmulatorMissing

ROOT = Path(__file__).parents[1]
PACKAGES = ("python3", "python3-venv", "make", "ca-certificates", "git")
PYTHONS = ("3.11", "3.12", "3.13")
EVERYTHING = ("served", "embedded", *PYTHONS)
FAILED = "FAILED:"
FAST = ("-m", "not slow", "tests/rules", "tests/flow", "tests/doors", "tests/recorded")
"""What `make check` runs."""
PROXIES = ("http_proxy", "https_proxy", "all_proxy", "no_proxy")
COUNTED = re.compile(r"(targeted|delivered|failed|skipped|unknown) +([\d,]+)")
UP = "Up. Ctrl-C"
USER = "stranger"


class Failed(RuntimeError):
    """Error for a machine on which something did not go as it must; the sentence says what."""


def say(sentence: str) -> None:
    """Print at once."""
    print(sentence, flush=True)


def run(*command: str, **options: object) -> str:
    """Run a command; return its output. Raises ``Failed`` with its last lines."""
    done = subprocess.run(
        command, check=False, text=True, stdout=subprocess.PIPE, stderr=subprocess.STDOUT, **options
    )  # type: ignore[call-overload]
    if done.returncode:
        tail = "\n".join(done.stdout.splitlines()[-20:])
        raise Failed(f"`{' '.join(command)}` ended with {done.returncode}:\n{tail}")
    return str(done.stdout)


# -- the index of packages -------------------------------------------------------------------------


def index_settings() -> dict[str, str]:
    """Return what pip is told here about its index, as variables; and the proxies."""
    settings: dict[str, str] = {}
    for line in run(sys.executable, "-m", "pip", "config", "list").splitlines():
        key, _, value = line.partition("=")
        name = key.rpartition(".")[2].upper().replace("-", "_")
        settings[f"PIP_{name}"] = ast.literal_eval(value)
    proxies = {name for proxy in PROXIES for name in (proxy, proxy.upper())} | {"SSL_CERT_FILE"}
    return settings | {name: os.environ[name] for name in proxies if os.environ.get(name)}


def paths_in(settings: Mapping[str, str]) -> list[Path]:
    """Return the files and folders that settings name, which must be there in the new root too.

    Of an index in a folder that is the folder above: its pages point to files beside it.
    """
    words = [word for value in settings.values() for word in value.split()]
    named = {Path(word) for word in words if word.startswith("/")}
    named |= {Path(word.removeprefix("file://")).parent for word in words if "file:///" in word}
    return sorted(path for path in named if path.exists())


# -- a machine -------------------------------------------------------------------------------------


@dataclass(frozen=True, slots=True)
class Machine:
    """Root of a Debian that has next to nothing."""

    root: Path
    settings: Mapping[str, str]

    def command(self, *inner: str, home: str, environ: Mapping[str, str]) -> list[str]:
        """Return the command that runs another one in there, as a plain user.

        The kernel ends it with this process, and everything in there with it; and what is mounted
        for it nobody else sees.
        """
        binds = [Path("/dev"), Path("/etc/resolv.conf"), Path("/etc/hosts")]
        lines = ["set -e", f"mount -t proc proc {self.root}/proc"]
        for path in [*binds, *paths_in(self.settings)]:
            target = Path(f"{self.root}{path}")
            if path.is_dir():
                target.mkdir(parents=True, exist_ok=True)
            else:
                target.parent.mkdir(parents=True, exist_ok=True)
                target.touch()
            lines.append(f"mount --rbind {path} {target}")
        lines.append('exec chroot "$@"')
        variables = {
            "HOME": home,
            "USER": USER,
            "PATH": "/usr/local/bin:/usr/bin:/bin",
            "LANG": "C.UTF-8",
            **self.settings,
            **environ,
        }
        return [
            *("setpriv", "--pdeathsig", "KILL"),
            *("unshare", "--mount", "--pid", "--fork", "--kill-child=KILL"),
            *("sh", "-c", "\n".join(lines), "sh"),
            *(f"--userspec={USER}:{USER}", str(self.root), "env", "-i", "--chdir", home),
            *(f"{name}={value}" for name, value in variables.items()),
            *("sh", "-c", '"$@"; exit $?', "sh", *inner),
        ]


def mirror_of_debian() -> tuple[str, str]:
    """Return where this machine has its packages from, and the name of its release."""
    release = run("sh", "-c", '. /etc/os-release && echo "$ID $VERSION_CODENAME"').split()
    if release[:1] != ["debian"]:
        raise Failed("make test-fresh needs Debian: its root is made with debootstrap.")
    targets = run("apt-get", "indextargets", "--format", "$(SITE) $(RELEASE)").splitlines()
    for site, name in (line.split() for line in targets):
        if name == release[1]:
            return site, name
    raise Failed("apt-get knows no index of this release: run `apt-get update`.")


def made_in(folder: Path) -> Path:
    """Make the root of a Debian in a folder."""
    if shutil.which("debootstrap") is None:
        say("Installing debootstrap …")
        run("apt-get", "install", "-y", "-qq", "debootstrap")
    site, release = mirror_of_debian()
    root = folder / "root"
    say(f"Making a root with {', '.join(PACKAGES)} …")
    began = time.monotonic()
    include = f"--include={','.join(PACKAGES)}"
    run("debootstrap", "--variant=minbase", include, release, str(root), site)
    run("chroot", str(root), "useradd", "--create-home", USER)
    say(f"    {time.monotonic() - began:.0f} s")
    return root


@contextlib.contextmanager
def served(jar: Path, name: str) -> Iterator[str]:
    """Serve a jar under a name, as a mirror does; yields the mirror's address."""
    with tempfile.TemporaryDirectory(prefix="fanfare-mirror-") as folder:
        Path(folder, name).symlink_to(jar)
        handler = partial(_Quiet, directory=folder)
        with ThreadingHTTPServer(("127.0.0.1", 0), handler) as server:
            thread = Thread(target=server.serve_forever)
            thread.start()
            try:
                yield f"http://127.0.0.1:{server.server_port}"
            finally:
                server.shutdown()
                thread.join()


class _Quiet(SimpleHTTPRequestHandler):
    def log_message(self, *_: object) -> None:
        """Say nothing."""


# -- runs ------------------------------------------------------------------------------------------


def run_to_the_counted_push(machine: Machine, name: str, *words: str, **environ: str) -> float:
    """Run a clone: `make run`, wait for the counted push, Ctrl-C; return the seconds it took."""
    home = f"/home/{USER}/{name}"
    folder = Path(f"{machine.root}{home}")
    shutil.rmtree(folder, ignore_errors=True)  # of a run that was killed
    folder.mkdir()
    try:
        run("git", "clone", "--quiet", str(ROOT), str(folder / "fanfare"))
        run("chroot", str(machine.root), "chown", "-R", f"{USER}:{USER}", home)
        command = machine.command("make", "run", *words, home=f"{home}/fanfare", environ=environ)
        say(f"{' '.join(('make', 'run', *words))}, with {', '.join(environ) or 'no variable'}:")
        return _seconds_until_counted(command)
    finally:
        shutil.rmtree(folder)


def _seconds_until_counted(command: list[str]) -> float:
    began = time.monotonic()
    counts: dict[str, int] = {}
    pushed = 0.0
    with subprocess.Popen(
        command, text=True, stdout=subprocess.PIPE, stderr=subprocess.STDOUT, start_new_session=True
    ) as process:
        assert process.stdout
        try:
            for line in process.stdout:
                seconds = time.monotonic() - began
                say(f"  {seconds:6.1f}  {line.rstrip()}")
                if counted := COUNTED.fullmatch(line.strip()):
                    counts[counted[1]] = int(counted[2].replace(",", ""))
                    pushed = seconds
                if UP in line:
                    os.killpg(process.pid, signal.SIGINT)
        finally:
            _end(process)
    if not counts.get("delivered") or counts.pop("targeted") != sum(counts.values()):
        raise Failed(f"There was no counted push: {counts}")
    return pushed


def _end(process: "subprocess.Popen[str]") -> None:
    """End the first process in there; the kernel ends the others before it counts as ended."""
    children = Path(f"/proc/{process.pid}/task/{process.pid}/children")
    with contextlib.suppress(FileNotFoundError, ProcessLookupError):
        for pid in children.read_text().split() or [str(process.pid)]:
            os.kill(int(pid), signal.SIGKILL)
    process.wait()


def with_the_jar_served(machine: Machine) -> float:
    """Run with an emulator that is fetched from here."""
    jar = find_jar()
    sha256 = sha256_of(jar)
    known = [each for each in JARS.values() if each.sha256 == sha256]
    if not known:
        raise Failed(f"{jar} is no emulator whose SHA-256 is known, so it would not be accepted.")
    with served(jar, known[0].name) as mirror:
        wishes = {MIRROR: mirror, VERSION: known[0].version}
        return run_to_the_counted_push(machine, "served", **wishes)


def without_an_emulator(machine: Machine) -> float:
    """Run on the embedded store."""
    return run_to_the_counted_push(machine, "embedded", "STORE=embedded")


# -- Pythons ---------------------------------------------------------------------------------------


def python_of(version: str) -> str | None:
    """Find an interpreter of a version: on the path, or among those of pyenv."""
    folders = os.environ.get("PATH", "").split(os.pathsep)
    pyenv = Path(os.environ.get("PYENV_ROOT") or Path.home() / ".pyenv", "versions")
    folders += [str(each / "bin") for each in sorted(pyenv.glob(f"{version}.*"), reverse=True)]
    for folder in folders:
        python = Path(folder, f"python{version}")
        if not python.is_file():
            continue
        tried = subprocess.run(
            [str(python), "-c", "import venv, ensurepip"], check=False, capture_output=True
        )
        if tried.returncode == 0:
            return str(python)
    return None


def fast_tests_on(version: str, folder: Path) -> str:
    """Run the fast tests on a Python, in an environment of its own; say what came of it."""
    python = python_of(version)
    if python is None:
        return "not installed here"
    clone, venv = folder / f"fanfare-{version}", folder / f"venv-{version}"
    own = str(venv / "bin" / "python")
    pip = (own, "-m", "pip", "install", "-qq", "--disable-pip-version-check")
    say(f"The fast tests on Python {version} ({python}) …")
    began = time.monotonic()
    run("git", "clone", "--quiet", str(ROOT), str(clone))
    run(python, "-m", "venv", str(venv))
    run(*pip, "-r", "requirements-dev.txt", cwd=clone)
    run(*pip, "--no-deps", "--editable", ".", cwd=clone)
    installed = time.monotonic()
    out = run(own, "-m", "pytest", "-q", "-n", "auto", "--dist", "loadgroup", *FAST, cwd=clone)
    shutil.rmtree(venv)
    return f"{out.splitlines()[-1].strip('= ')}, after {installed - began:.0f} s of installing"


# -- all of it -------------------------------------------------------------------------------------


def results_of(
    measurements: Iterable[str], root: Path | None, folder: Path
) -> Iterator[tuple[str, str]]:
    """Do what is asked for, and yield what came of each; one that fails keeps no other from it."""
    for what in measurements:
        try:
            if what in PYTHONS:
                yield what, fast_tests_on(what, folder)
                continue
            root = root or made_in(folder)
            machine = Machine(root, index_settings())
            run_it = with_the_jar_served if what == "served" else without_an_emulator
            yield what, f"{run_it(machine):.0f} s to the counted push"
        except (Failed, EmulatorMissing) as failed:
            yield what, f"{FAILED} {failed}"


def main() -> int:
    """Run the command line; return the process's exit code."""
    parser = argparse.ArgumentParser(prog="python -m tests.fresh", description=__doc__)
    parser.add_argument("only", nargs="*", metavar="|".join(EVERYTHING), help="all unless given")
    parser.add_argument("--root", type=Path, help="use this root; made as here, with its user")
    asked = parser.parse_args()
    if unknown := set(asked.only) - set(EVERYTHING):
        parser.error(f"there is no {', '.join(sorted(unknown))}")
    if os.geteuid() != 0:
        say("make test-fresh makes a machine of its own, which only root may.")
        return 1
    for number in (signal.SIGINT, signal.SIGTERM, signal.SIGHUP):
        signal.signal(number, signal.default_int_handler)
    try:
        with tempfile.TemporaryDirectory(prefix="fanfare-fresh-") as folder:
            results = dict(results_of(asked.only or EVERYTHING, asked.root, Path(folder)))
    except Failed as failed:
        say(str(failed))
        return 1
    except KeyboardInterrupt:
        say("Interrupted; nothing is left.")
        return 130
    for what, result in results.items():
        say(f"{what}: {result}")
    return int(any(result.startswith(FAILED) for result in results.values()))


if __name__ == "__main__":
    sys.exit(main())
