"""The cost of one push: our sender beside Google's SDK, against the same emulator.

Each contestant keeps a process of its own, warmed up, and the emulator has another, so that a
process's CPU time is what sending cost the sender. Rounds alternate; a ratio is taken within each
round and the median of the rounds is reported, since the machine is never quite quiet.
"""

import asyncio
import json
import resource
import subprocess
import sys
import threading
import time
import warnings
from collections.abc import Callable, Iterator, Mapping
from contextlib import ExitStack, contextmanager
from dataclasses import dataclass
from datetime import UTC, datetime
from statistics import median
from typing import IO, TYPE_CHECKING, Any, Self

import httpx

from benchmarks.summary import Runs, ratios

if TYPE_CHECKING:
    from shared.domain.push.rendering import Payload

ROUNDS = 5
OURS, EACH, EACH_ASYNC = "ours", "send_each", "send_each_async"
MESSAGES = {OURS: 4000, EACH: 1000, EACH_ASYNC: 500}
"""Messages per round. The SDK takes 500 per call; ours takes 50, as a batch's chunks do."""
SDK_BATCH = 500
CHUNK = 50
LATENCY_SECONDS = 0.05
CALLERS = 16
"""Batches that one process sends side by side when the answers take their time."""

ID = "n" * 20
TITLE, BODY, URL = "Sale", "Everything must go, and today is the day", "https://example.com/sale"

Round = Callable[[int, int], None]
"""Function that sends so many messages, from so many threads."""


@dataclass(frozen=True, slots=True)
class Cost:
    """Cost of a message in one round."""

    cpu_ms: float
    rate: float


def measure() -> Runs:
    """Measure the figures ``make bench`` keeps; print how they came about."""
    with ExitStack() as stack:
        url = stack.enter_context(_emulator())
        players = {name: stack.enter_context(Player(name, url)) for name in MESSAGES}
        quick, floor = _rounds(players, 1), _floor(url)
        httpx.post(
            f"{url}/_config", json={"latency_seconds": LATENCY_SECONDS}, timeout=60
        ).raise_for_status()
        late = _rounds({name: players[name] for name in (OURS, EACH)}, CALLERS)
    for name, costs in quick.items():
        cpu, rate = median(c.cpu_ms for c in costs), median(c.rate for c in costs)
        print(f"{name:<16}{cpu:8.3f} ms CPU a message {rate:8.0f}/s")
    if floor:
        print(f"{'h2load':<16}{median(floor):8.3f} ms CPU a message")
    else:
        print("h2load is not installed (Debian: nghttp2-client): the floor is not measured")
    for name, costs in late.items():
        print(f"{name:<16}{median(c.rate for c in costs):8.0f}/s at 50 ms")
    taken = {name: [cost.cpu_ms for cost in costs] for name, costs in quick.items()}
    sent = {name: [cost.rate for cost in costs] for name, costs in late.items()}
    return {
        "sender_cpu_vs_h2load": ratios(taken[OURS], floor),
        "sender_cpu_vs_send_each": ratios(taken[EACH], taken[OURS]),
        "sender_cpu_vs_send_each_async": ratios(taken[EACH_ASYNC], taken[OURS]),
        "sender_rate_50ms_vs_send_each": ratios(sent[OURS], sent[EACH]),
    }


def _floor(url: str) -> list[float]:
    from benchmarks import floor

    if not floor.installed():
        return []
    return [floor.cpu_ms_per_message(url, _payload(), _token(0)) for _ in range(ROUNDS)]


def _payload() -> "Payload":
    """Render the message as for a chunk of a batch."""
    from shared.domain.content.shown import Shown
    from shared.domain.push.fcm import payload
    from shared.domain.push.rendering import Options, Payload

    now, shown = datetime.now(UTC), Shown(title=TITLE, body=BODY, url=URL, url_button_name="Open")
    rendered = payload(shown, Options(ID, now, now))
    if isinstance(rendered, Payload):
        return rendered
    raise RuntimeError("the message is too big")


def _rounds(players: "Mapping[str, Player]", callers: int) -> dict[str, list[Cost]]:
    costs: dict[str, list[Cost]] = {name: [] for name in players}
    for _ in range(ROUNDS):
        for name, player in players.items():
            costs[name].append(player.round(MESSAGES[name], callers))
    return costs


@contextmanager
def _emulator() -> Iterator[str]:
    with _python("local.emulators.fcm.server") as server:
        try:
            yield _line(server).split()[-1]
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
    stream: IO[str] | None = process.stdout
    if stream is None or not (line := stream.readline()):
        raise RuntimeError("a process of the benchmark ended early")
    return line


class Player:
    """Contestant in a process of its own."""

    def __init__(self, name: str, url: str) -> None:
        self._process = _python("benchmarks.sender", name, url)

    def __enter__(self) -> Self:
        _line(self._process)
        return self

    def __exit__(self, *_: object) -> None:
        with self._process:
            self._process.communicate()

    def round(self, messages: int, callers: int) -> Cost:
        """Send, and say what it took."""
        if self._process.stdin is None:
            raise RuntimeError("no way to tell the contestant to start")
        print(messages, callers, file=self._process.stdin, flush=True)
        cpu, wall = map(float, _line(self._process).split())
        return Cost(cpu / messages * 1000, messages / wall)


# ---- in a contestant's process ----------------------------------------------------------------


def play(name: str, url: str) -> None:
    """Warm up, then run one round for each line read."""
    sending = {OURS: ours, EACH: send_each, EACH_ASYNC: send_each_async}[name](url)
    sending(MESSAGES[name], 1)
    print("ready", flush=True)
    for line in sys.stdin:
        messages, callers = map(int, line.split())
        cpu, wall = _cpu_seconds(), time.perf_counter()
        sending(messages, callers)
        print(_cpu_seconds() - cpu, time.perf_counter() - wall, flush=True)


def _cpu_seconds() -> float:
    used = resource.getrusage(resource.RUSAGE_SELF)
    return used.ru_utime + used.ru_stime


def ours(url: str) -> Round:
    """Prepare our sender, a chunk per call."""
    from shared.adapters.push.fcm import FcmSender
    from shared.domain.audience.device import AddressKind, PushAddress
    from shared.domain.push.answers import Accepted

    class Tokens:
        def current(self, refused: str = "") -> str:
            return refused or "access"

    sender = FcmSender("demo-p", Tokens(), url)

    def work(chunks: Iterator[int]) -> None:
        for start in chunks:
            addresses = [PushAddress(AddressKind.FCM, _token(start + n)) for n in range(CHUNK)]
            payload = _payload()
            answers = sender.send([(address, payload) for address in addresses])
            _all_accepted(isinstance(answer, Accepted) for answer in answers)

    def sending(messages: int, callers: int) -> None:
        chunks = iter(range(0, messages, CHUNK))
        threads = [threading.Thread(target=work, args=(chunks,)) for _ in range(callers)]
        for each in threads:
            each.start()
        for each in threads:
            each.join()

    return sending


def send_each(url: str) -> Round:
    """Prepare firebase-admin, 500 per call."""
    messaging = sdk(url)

    def sending(messages: int, callers: int) -> None:
        del callers  # it has 500 threads of its own
        for start in range(0, messages, SDK_BATCH):
            answers = messaging.send_each(_sdk_messages(messaging, start))
            _all_accepted(each.success for each in answers.responses)

    return sending


def send_each_async(url: str) -> Round:
    """Prepare firebase-admin, 500 per call, over httpx."""
    messaging = sdk(url)
    loop = asyncio.new_event_loop()

    def sending(messages: int, callers: int) -> None:
        del callers
        for start in range(0, messages, SDK_BATCH):
            batch = messaging.send_each_async(_sdk_messages(messaging, start))
            _all_accepted(each.success for each in loop.run_until_complete(batch).responses)

    return sending


def sdk(url: str) -> Any:
    """Prepare the SDK, whose address can only be changed through a private name."""
    import firebase_admin
    from firebase_admin import credentials, messaging
    from google.oauth2.credentials import Credentials

    class Anybody(credentials.Base):  # type: ignore[misc]
        def get_credential(self) -> Credentials:
            return Credentials("access")

    warnings.simplefilter("ignore", DeprecationWarning)
    messaging._MessagingService.FCM_URL = url + "/v1/projects/{0}/messages:send"
    firebase_admin.initialize_app(Anybody(), {"projectId": "demo-p"})
    return messaging


def _sdk_messages(messaging: Any, start: int) -> list[Any]:
    return [sdk_message(messaging, _token(start + n)) for n in range(SDK_BATCH)]


def sdk_message(messaging: Any, token: str) -> Any:
    """Build a message with the same content as ours, in the SDK's words."""
    return messaging.Message(
        token=token,
        notification=messaging.Notification(title=TITLE, body=BODY),
        data={"notificationId": ID, "url": URL, "urlButtonName": "Open"},
        android=messaging.AndroidConfig(
            priority="high", notification=messaging.AndroidNotification(tag=ID)
        ),
        apns=messaging.APNSConfig(
            headers={"apns-priority": "10", "apns-collapse-id": ID},
            payload=messaging.APNSPayload(messaging.Aps()),
        ),
        webpush=messaging.WebpushConfig(
            headers={"Urgency": "high"},
            notification=messaging.WebpushNotification(tag=ID),
            fcm_options=messaging.WebpushFCMOptions(URL),
        ),
    )


def _token(number: int) -> str:
    return f"token-{number:08d}-{'x' * 140}"


def _all_accepted(answers: Iterator[bool]) -> None:
    if not all(answers):
        raise RuntimeError("the emulator did not accept everything")


if __name__ == "__main__":
    if len(sys.argv) > 1:
        play(*sys.argv[1:])
    else:
        print(json.dumps(measure(), indent=2))
