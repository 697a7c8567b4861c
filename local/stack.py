"""The whole platform on this machine, at a terminal: brought up, shown, and taken down.

However it ends (Ctrl-C, a signal, ``down`` from another terminal, a part that dies), nothing of it
is left.
"""

import argparse
import contextlib
import io
import os
import signal
import sys
import time
from pathlib import Path

from local.firestore import BadRules
from local.java import EmulatorMissing
from local.processes import ChildFailed, listens_at
from local.push_services import PUSH_SERVICES
from local.stack_file import DOWN, STACK_FILE, Stack, StackError, holder
from local.starting import PROJECT, REGION, SERVICES, SOURCE, STORES, Plan, started

DOWN_SECONDS = 20.0


def up(plan: Plan, stack_file: Path, *, stay: bool) -> int:
    """Run until a signal, or until the journey is made. The process's exit code."""
    is_up = False
    _interrupt_on_signals()
    try:
        with started(plan, stack_file) as (stack, starter):
            is_up = True
            print(f"\n{stack.table()}\n")
            if stay:
                print(_what_next(stack))
            while stay:
                time.sleep(0.5)
                starter.check()
    except KeyboardInterrupt:
        print("\nEnded.")
        return 0 if is_up else 130
    print("Ended.")
    return 0


def _what_next(stack: Stack) -> str:
    end = f"Up. Ctrl-C, or `{DOWN}`, ends it all."
    if not stack.accounts:
        return end
    from local.demo import PASSWORD  # loads the product, which takes a second

    someone = stack.accounts[0].email
    sign_in = f"Open {stack.panel} and sign in as {someone}; every password is {PASSWORD}."
    return f"{sign_in}\nThe moderators' chat is at {stack.telegram}.\n{end}"


def _interrupt_on_signals() -> None:
    numbers = (signal.SIGINT, signal.SIGTERM, signal.SIGHUP)

    def interrupt(*_: object) -> None:
        for number in numbers:  # nothing disturbs the ending, which takes seconds at most
            signal.signal(number, signal.SIG_IGN)
        raise KeyboardInterrupt

    for number in numbers:
        signal.signal(number, interrupt)


def down(stack_file: Path) -> int:
    """End the running stack."""
    pid = holder(stack_file)
    if pid is None:
        stack_file.unlink(missing_ok=True)
        print("No stack is running.")
        return 0
    for number in (signal.SIGTERM, signal.SIGKILL):
        with contextlib.suppress(ProcessLookupError):
            os.kill(pid, number)
        deadline = time.monotonic() + DOWN_SECONDS
        while time.monotonic() < deadline:
            if holder(stack_file) != pid:
                stack_file.unlink(missing_ok=True)
                print(f"Ended (pid {pid}).")
                return 0
            time.sleep(0.1)
    raise StackError(f"The stack with pid {pid} does not end.")


def status(stack_file: Path) -> int:
    """Show the running stack; exit code 1 when there is none, or a part of it is silent."""
    pid = holder(stack_file)
    if pid is None:
        print("No stack is running.")
        return 1
    if not stack_file.exists():
        print(f"A stack is starting (pid {pid}).")
        return 1
    stack = Stack.load(stack_file)
    print(stack.table())
    silent = [name for name in SERVICES if not listens_at(stack.addresses[name])]
    print(f"\nSilent: {', '.join(silent)}" if silent else f"\nAll answer (pid {pid}).")
    return 1 if silent else 0


def arguments() -> argparse.ArgumentParser:
    """Create the command line."""
    parser = argparse.ArgumentParser(
        prog="python -m local.stack",
        description="Fanfare on this machine: Firestore, Cloud Tasks, sign-in, push services, and "
        "all functions.",
    )
    actions = parser.add_subparsers(dest="action", required=True, metavar="up | down | status")
    start = actions.add_parser(
        "up",
        help="start it all and stay until Ctrl-C",
        description="Start everything, seed it, and send one notification all the way through it.",
        epilog="A service that runs already is used, not started, when the environment names it: "
        "FIRESTORE_EMULATOR_HOST, FIREBASE_AUTH_EMULATOR_HOST, CLOUD_TASKS_BASE_URL, "
        f"{', '.join(f'{it.variable} (and {it.goes_with})' for it in PUSH_SERVICES)}, "
        f"TELEGRAM_BASE_URL; {', '.join(it.secret for it in PUSH_SERVICES if it.secret)} and "
        "FANFARE_TELEGRAM_… go with them.",
    )
    stop = actions.add_parser("down", help="end the running stack")
    show = actions.add_parser("status", help="show its addresses, and whether they answer")
    _arguments_of_up(start)
    for action in (start, stop, show):
        action.add_argument(
            "--stack-file",
            type=Path,
            default=STACK_FILE,
            metavar="FILE",
            help="tells stacks on one machine apart (.local/stack.json)",
        )
    return parser


def _arguments_of_up(parser: argparse.ArgumentParser) -> None:
    add = parser.add_argument
    add("--devices", type=_count, default=2000, metavar="N", help="devices to seed (%(default)s)")
    add(
        "--project",
        default=PROJECT,
        metavar="ID",
        help="one that begins with demo- can be nobody's real project (%(default)s)",
    )
    add(
        "--store",
        choices=STORES,
        default="",
        help="where documents are: Google's Firestore emulator, or our own store in memory "
        "(the emulator; the store where no emulator can be found or fetched)",
    )
    add("--region", default=REGION, help="where functions and queues are (%(default)s)")
    add("--no-seed", action="store_true", help="start empty; there is no journey either")
    add("--no-journey", action="store_true", help="send no first notification")
    add("--exit-after-journey", action="store_true", help="end when it has been delivered")
    add(
        "--tick-seconds",
        type=float,
        default=os.environ.get("TICK_SECONDS") or "10",  # checked as if it were said
        metavar="S",
        help="how often to call tick, 0 is never (env TICK_SECONDS, %(default)s)",
    )
    add(
        "--source",
        type=Path,
        default=SOURCE,
        metavar="FILE",
        help="the file with DOORS (functions/main.py)",
    )
    for name in SERVICES:
        add(f"--{name}-port", type=_port, metavar="N", help="a free one unless given")


def _count(text: str) -> int:
    return _between(1, 10_000_000, text)


def _port(text: str) -> int:
    return _between(1, 65_535, text)


def _between(least: int, most: int, text: str) -> int:
    if not text.isdecimal() or not least <= int(text) <= most:
        raise argparse.ArgumentTypeError(f"{text!r} is no whole number from {least:,} to {most:,}")
    return int(text)


def main() -> int:
    """Run the command line; return the process's exit code."""
    asked = arguments().parse_args()
    if isinstance(sys.stdout, io.TextIOWrapper):
        sys.stdout.reconfigure(line_buffering=True)  # progress is of use while it happens
    stack_file = asked.stack_file.resolve()
    try:
        if asked.action == "down":
            return down(stack_file)
        if asked.action == "status":
            return status(stack_file)
        ports = {name: getattr(asked, f"{name}_port") for name in SERVICES}
        plan = Plan(
            asked.project,
            asked.region,
            asked.devices,
            seed=not asked.no_seed,
            journey=not (asked.no_seed or asked.no_journey),
            source=asked.source.resolve(),
            tick_seconds=asked.tick_seconds,
            ports={name: port for name, port in ports.items() if port},
            store=asked.store,
        )
        return up(plan, stack_file, stay=not asked.exit_after_journey)
    except (StackError, ChildFailed, EmulatorMissing, BadRules) as failure:
        print(failure, file=sys.stderr)
    except OSError as fault:  # a full disk, a folder nobody may write to
        where = f" ({fault.filename})" if fault.filename else ""
        print(f"The stack cannot go on: {fault.strerror or fault}{where}.", file=sys.stderr)
    return 1


if __name__ == "__main__":
    sys.exit(main())
