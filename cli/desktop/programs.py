"""Programs of the desktop, run with a list of arguments and never through a shell."""

import os
import subprocess
from collections.abc import Iterator, Mapping, Sequence
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

    def following(self, argv: Sequence[str]) -> AbstractContextManager[Iterator[str]]:
        """Start a program that goes on saying lines; it is ended with the ``with`` block."""
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

    @contextmanager
    def following(self, argv: Sequence[str]) -> Iterator[Iterator[str]]:
        """Start a program that goes on saying lines, apart from the terminal's Ctrl-C."""
        try:
            started = subprocess.Popen(  # noqa: S603 - a list, no shell
                argv,
                stdin=subprocess.DEVNULL,
                stdout=subprocess.PIPE,
                stderr=subprocess.DEVNULL,
                encoding="utf-8",
                errors="replace",
                start_new_session=True,
            )
        except OSError as fault:
            raise ProgramFailed(f"{argv[0]}: {fault}") from None
        with started:
            try:
                yield iter(started.stdout or ())
            finally:
                started.terminate()
