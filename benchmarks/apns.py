"""The cost of one push to Apple: our sender beside aioapns, against the same emulator.

As in ``benchmarks.sender``: each contestant keeps a process of its own, warmed up, the emulator has
another, rounds alternate, and the median of the rounds' ratios is reported.
"""

import asyncio
import json
import resource
import subprocess
import sys
import tempfile
from collections.abc import Callable, Iterator
from contextlib import ExitStack, contextmanager
from datetime import UTC, datetime
from pathlib import Path
from statistics import median
from typing import Self
from urllib.parse import urlsplit

from cryptography.hazmat.primitives.asymmetric import ec
from cryptography.hazmat.primitives.serialization import Encoding, NoEncryption, PrivateFormat

from benchmarks.summary import Runs, ratios

ROUNDS = 5
OURS, AIOAPNS = "ours", "aioapns"
MESSAGES = {OURS: 4000, AIOAPNS: 1000}
CHUNK = 50
"""Pushes under way at once, for both: as many as a batch's chunk has."""

ID = "n" * 20
TITLE, BODY, URL = "Sale", "Everything must go, and today is the day", "https://example.com/sale"
TOPIC, KEY_ID, TEAM_ID = "com.example.app", "ABCDE12345", "TEAM123456"

Round = Callable[[int], None]
"""Function that sends so many messages."""


def measure() -> Runs:
    """Measure the figure ``make bench`` keeps; print how it came about."""
    costs: dict[str, list[float]] = {name: [] for name in MESSAGES}
    with ExitStack() as stack:
        folder = Path(stack.enter_context(tempfile.TemporaryDirectory()))
        _write_key(folder)
        url = stack.enter_context(_emulator(folder))
        players = {n: stack.enter_context(Player(n, url, folder)) for n in MESSAGES}
        for _ in range(ROUNDS):
            for name, player in players.items():
                costs[name].append(player.round(MESSAGES[name]))
    for name, each in costs.items():
        print(f"{name:<16}{median(each):8.3f} ms CPU a message")
    return {"apns_cpu_vs_aioapns": ratios(costs[AIOAPNS], costs[OURS])}


def _write_key(folder: Path) -> None:
    key = ec.generate_private_key(ec.SECP256R1())
    pem = key.private_bytes(Encoding.PEM, PrivateFormat.PKCS8, NoEncryption())
    (folder / "key.p8").write_bytes(pem)


@contextmanager
def _emulator(folder: Path) -> Iterator[str]:
    with _python("local.emulators.apns.server", "--ca-file", str(folder / "ca.pem")) as server:
        try:
            yield _line(server).split()[4]
        finally:
            server.terminate()


def _python(module: str, *arguments: str) -> subprocess.Popen[str]:
    return subprocess.Popen(
        [sys.executable, "-m", module, *arguments],
        stdin=subprocess.PIPE,
        stdout=subprocess.PIPE,
        text=True,
    )


def _line(process: subprocess.Popen[str]) -> str:
    if process.stdout is None or not (line := process.stdout.readline()):
        raise RuntimeError("a process of the benchmark ended early")
    return line


class Player:
    """Contestant in a process of its own."""

    def __init__(self, name: str, url: str, folder: Path) -> None:
        self._process = _python("benchmarks.apns", name, url, str(folder))

    def __enter__(self) -> Self:
        _line(self._process)
        return self

    def __exit__(self, *_: object) -> None:
        with self._process:
            self._process.communicate()

    def round(self, messages: int) -> float:
        """Send; milliseconds of CPU a message."""
        if self._process.stdin is None:
            raise RuntimeError("no way to tell the contestant to start")
        print(messages, file=self._process.stdin, flush=True)
        return float(_line(self._process)) / messages * 1000


# ---- in a contestant's process ----------------------------------------------------------------


def play(name: str, url: str, folder: Path) -> None:
    """Warm up, then run one round for each line read."""
    sending = {OURS: ours, AIOAPNS: aioapns}[name](url, folder)
    sending(MESSAGES[name])
    print("ready", flush=True)
    for line in sys.stdin:
        before = _cpu_seconds()
        sending(int(line))
        print(_cpu_seconds() - before, flush=True)


def _cpu_seconds() -> float:
    used = resource.getrusage(resource.RUSAGE_SELF)
    return used.ru_utime + used.ru_stime


def ours(url: str, folder: Path) -> Round:
    """Prepare our sender, a chunk per call."""
    from shared.adapters.memory.database import MemoryDatabase
    from shared.adapters.push.apns import apns_sender
    from shared.domain.audience.device import AddressKind, PushAddress
    from shared.domain.content.shown import Shown
    from shared.domain.push.answers import Accepted
    from shared.domain.push.apns import payload
    from shared.domain.push.rendering import Options, Payload
    from shared.stores.provider_tokens import TokenShelf

    said = {"topic": TOPIC, "keyId": KEY_ID, "teamId": TEAM_ID}
    credentials = json.dumps({**said, "key": (folder / "key.p8").read_text()})
    sender = apns_sender(credentials, TokenShelf(MemoryDatabase()), url, str(folder / "ca.pem"))
    shown = Shown(title=TITLE, body=BODY, url=URL, url_button_name="Open")

    def chunks_payload() -> Payload:
        now = datetime.now(UTC)
        rendered = payload(shown, Options(ID, now, now))
        if isinstance(rendered, Payload):
            return rendered
        raise RuntimeError("the message is too big")

    def sending(messages: int) -> None:
        for start in range(0, messages, CHUNK):
            addresses = [PushAddress(AddressKind.APNS, _token(start + n)) for n in range(CHUNK)]
            rendered = chunks_payload()
            answers = sender.send([(address, rendered) for address in addresses])
            _all_accepted(isinstance(answer, Accepted) for answer in answers)

    return sending


def aioapns(url: str, folder: Path) -> Round:
    """Prepare aioapns, whose address can only be changed through its protocol's class."""
    import ssl

    from aioapns import APNs, NotificationRequest, PushType
    from aioapns.connection import APNsProductionClientProtocol

    APNsProductionClientProtocol.APNS_SERVER = urlsplit(url).hostname or ""
    APNsProductionClientProtocol.APNS_PORT = urlsplit(url).port or 443
    context = ssl.create_default_context(cafile=str(folder / "ca.pem"))
    loop = asyncio.new_event_loop()
    asyncio.set_event_loop(loop)
    client = APNs(
        key=(folder / "key.p8").read_text(),
        key_id=KEY_ID,
        team_id=TEAM_ID,
        topic=TOPIC,
        ssl_context=context,
    )
    alert = {"title": TITLE, "body": BODY}
    told = {"notificationId": ID, "url": URL, "urlButtonName": "Open"}
    message = {"aps": {"alert": alert, "sound": "default"}, **told}

    async def chunk(start: int) -> list[bool]:
        requests = [
            NotificationRequest(
                _token(start + n), message, priority=10, collapse_key=ID, push_type=PushType.ALERT
            )
            for n in range(CHUNK)
        ]
        answers = await asyncio.gather(*(client.send_notification(it) for it in requests))
        return [it.is_successful for it in answers]

    async def warm_up() -> None:
        """Send one push first: Apple allows one stream until the first success, which the library
        breaks.
        """
        await client.send_notification(NotificationRequest(_token(0), message))

    def sending(messages: int) -> None:
        for start in range(0, messages, CHUNK):
            _all_accepted(iter(loop.run_until_complete(chunk(start))))

    loop.run_until_complete(warm_up())
    return sending


def _token(number: int) -> str:
    return f"{number:064x}"


def _all_accepted(answers: Iterator[bool]) -> None:
    if not all(answers):
        raise RuntimeError("the emulator did not accept everything")


if __name__ == "__main__":
    if len(sys.argv) > 1:
        play(sys.argv[1], sys.argv[2], Path(sys.argv[3]))
    else:
        print(json.dumps(measure(), indent=2))
