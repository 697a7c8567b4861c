"""What any test may ask for: a real Firestore, and a project of its own in it; or a whole stack.

One emulator serves a whole session (with pytest-xdist, each worker's). It keeps data, rules and
triggers of different projects apart, so no test wipes or restarts it. One stack serves all tests
that belong to the xdist group ``stack``.
"""

import gc
import os
import time
import uuid
from collections import Counter
from collections.abc import Callable, Iterator
from contextlib import ExitStack
from typing import NoReturn

import pytest
from hypothesis import settings

from local.emulator_jar import find_jar
from local.firestore import FirestoreEmulator
from local.java import EmulatorMissing
from local.processes import free_ports
from local.stack_file import Stack
from local.starting import running_stack

STACK_DEVICES = 400

settings.register_profile("fanfare", deadline=None)
settings.load_profile("fanfare")
"""A busy machine makes no example fail: how long one takes is measured by benchmarks."""


def eventually(happened: Callable[[], bool], what: str, seconds: float = 20.0) -> None:
    """Wait for something that other threads or processes bring about."""
    deadline = time.monotonic() + seconds
    while not happened():
        assert time.monotonic() < deadline, f"not within {seconds:g} s: {what}"
        time.sleep(0.02)


def go_without(missing: EmulatorMissing) -> NoReturn:
    """Skip, with the reason; in CI, where the emulator belongs, fail."""
    if os.environ.get("CI") == "true":
        pytest.fail(str(missing), pytrace=False)
    pytest.skip(f"needs the Firestore emulator. {missing}")


@pytest.hookimpl(trylast=True)
def pytest_collection_finish() -> None:
    """Keep the garbage collector from looking through what lives until the end anyway: modules and
    collected tests; and from looking at every seven hundredth new object for what is young.
    """
    gc.collect()
    gc.freeze()
    gc.set_threshold(20_000, 20, 20)


@pytest.hookimpl(trylast=True)
def pytest_terminal_summary(terminalreporter: pytest.TerminalReporter) -> None:
    """Say once for each reason how many tests were skipped, and what share of all that is."""
    ended = terminalreporter.stats
    tests = sum(len(ended.get(how, ())) for how in ("passed", "failed", "skipped", "error"))
    for reason, skipped in Counter(it.longrepr[2] for it in ended.get("skipped", ())).items():
        share = f"{skipped:,} of {tests:,} tests ({skipped / tests:.0%})"
        terminalreporter.write_line(f"{share}: {reason.replace('Skipped:', 'skipped:', 1)}")


def pytest_make_parametrize_id(val: object, argname: str) -> str | None:
    """Keep tokens and keys out of test names: made anew in each process, they would differ between
    them.
    """
    return argname if isinstance(val, str | bytes) and len(val) > 100 else None


@pytest.fixture(scope="session")
def emulator_jar() -> None:
    """Make sure of the jar, for tests that start an emulator of their own."""
    try:
        find_jar()
    except EmulatorMissing as missing:
        go_without(missing)


@pytest.fixture(scope="session")
def firestore_emulator() -> Iterator[FirestoreEmulator]:
    """Start an emulator that posts its events to ``firestore_emulator.functions``, whether or not a
    server listens there.
    """
    with ExitStack() as end:
        try:
            emulator = FirestoreEmulator(functions=f"127.0.0.1:{free_ports(1)[0]}")
            end.enter_context(emulator)
        except EmulatorMissing as missing:
            go_without(missing)
        yield emulator


@pytest.fixture(scope="session")
def stack() -> Iterator[Stack]:
    """Start the real functions behind a gateway, with triggers, queues, sign-in and FCM."""
    with pytest.MonkeyPatch.context() as environment:
        environment.setenv("FANFARE_LEASE_SECONDS", "3")
        environment.setenv("FANFARE_RETRY_BASE_SECONDS", "0.2")
        try:
            with running_stack(
                devices=STACK_DEVICES, project="demo-journeys", say=_quiet
            ) as running:
                yield running
        except EmulatorMissing as missing:
            go_without(missing)


def _quiet(_: str) -> None:
    return


@pytest.fixture
def project() -> str:
    """Name a project that no other test has."""
    return f"demo-{uuid.uuid4().hex[:8]}"
