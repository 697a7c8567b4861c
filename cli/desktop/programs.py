"""Programs of the desktop, run with a list of arguments and never through a shell."""

import os
import subprocess
import threading
from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import AbstractContextManager, contextmanager
from typing import Final, Protocol

SECONDS_PER_PROGRAM: Final = 60.0
"""Longer than any dialog stays open."""


class ProgramFailed(Exception):
    """Error for a program that is missing, ended badly, or did not end."""


class Programs(Protocol):
    """Interface of what runs programs."""

    def run(self, argv: Sequence[str], environ: Mapping[str, str] | None = None) -> str:
        """Run a program to its end and return what it said; ``environ`` comes on top of ours."""
        ...

    def start(self, argv: Sequence[str]) -> None:
        """Start a program that is left alone from then on."""
        ...

    def following(
        self, argv: Sequence[str], heed: Callable[[str], None]
    ) -> AbstractContextManager[None]:
        """Start a program that goes on printing, and hand its lines on, in a thread of their own;
        both end with the ``with`` block.
        """
        ...


class RealPrograms:
    """Programs of this computer."""

    def run(self, argv: Sequence[str], environ: Mapping[str, str] | None = None) -> str:
        """Run a program to its end."""
        try:
            ended = subprocess.run(  # noqa: S603 - a list, no shell
                argv,
                env={**os.environ, **(environ or {})},
                stdin=subprocess.DEVNULL,
                capture_output=True,
                encoding="utf-8",
                errors="replace",
                timeout=SECONDS_PER_PROGRAM,
                check=True,
            )
        except subprocess.CalledProcessError as fault:
            raise ProgramFailed(f"{argv[0]}: {fault.stderr.strip() or fault}") from None
        except (OSError, ValueError, subprocess.TimeoutExpired) as fault:
            raise ProgramFailed(f"{argv[0]}: {fault}") from None
        return ended.stdout

    def start(self, argv: Sequence[str]) -> None:
        """Start a program that outlives this one: a browser, say."""
        started = _started(argv, subprocess.DEVNULL)
        threading.Thread(target=started.wait, daemon=True).start()

    @contextmanager
    def following(self, argv: Sequence[str], heed: Callable[[str], None]) -> Iterator[None]:
        """Start a program that goes on printing, apart from the terminal's Ctrl-C."""
        with _started(argv, subprocess.PIPE) as started:
            reader = threading.Thread(target=_hand_on, args=(started, heed), daemon=True)
            reader.start()
            try:
                yield
            finally:
                started.terminate()
                reader.join()


def _started(argv: Sequence[str], output: int) -> "subprocess.Popen[str]":
    try:
        return subprocess.Popen(  # noqa: S603 - a list, no shell
            argv,
            stdin=subprocess.DEVNULL,
            stdout=output,
            stderr=subprocess.DEVNULL,
            encoding="utf-8",
            errors="replace",
            start_new_session=True,
        )
    except (OSError, ValueError) as fault:
        raise ProgramFailed(f"{argv[0]}: {fault}") from None


def _hand_on(started: "subprocess.Popen[str]", heed: Callable[[str], None]) -> None:
    for line in started.stdout or ():
        heed(line)
