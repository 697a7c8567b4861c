"""Every function behind one address, called the way Google calls it.

Plays three of Google's parts: the front door (``/{function}`` and
``/{project}/{region}/{function}``), Eventarc (Firestore events, retried until the function answers
2xx) and Cloud Scheduler (``tick``).

What surprised us about the emulator's events: it sends one at a time and tries once, whatever the
answer; it gives up waiting after 20 s; the protobuf body arrives in base64; ``ce-source`` says
``projects/projects/``. So an event is acknowledged as soon as it is queued here, and a full queue
makes the emulator wait, for less than those 20 s.
"""

import argparse
import base64
import contextlib
import heapq
import itertools
import json
import logging
import os
import random
import runpy
import sys
import threading
import time
from collections.abc import Callable, Iterable, Mapping
from dataclasses import asdict, dataclass, field, fields
from pathlib import Path
from typing import TYPE_CHECKING, Any, Self

import flask
import functions_framework
from gunicorn.app.base import BaseApplication  # type: ignore[import-untyped]
from werkzeug.datastructures import Headers
from werkzeug.middleware.dispatcher import DispatcherMiddleware
from werkzeug.test import EnvironBuilder, run_wsgi_app

from local.firestore import Emulator

if TYPE_CHECKING:
    from _typeshed.wsgi import StartResponse, WSGIApplication, WSGIEnvironment

SOURCE = Path(__file__).parents[1] / "functions" / "main.py"
TRIGGERS: Mapping[str, str] = {
    "on-notification-written": "pendingNotifications/{id}",
    "on-device-written": "devices/{hwid}",
}
"""Function -> the documents whose writes it hears of."""

MAX_WAIT_FOR_ROOM_SECONDS = 15.0
SHUFFLE_SECONDS = 1.0

logger = logging.getLogger("gateway")


# -- the functions ---------------------------------------------------------------------------------


@dataclass(frozen=True, slots=True)
class Place:
    """Which project the functions are deployed to, where they answer, and who calls them."""

    project: str
    region: str
    functions_url: str
    events_account: str
    scheduler_account: str

    @classmethod
    def of(
        cls, project: str, region: str, address: str, environ: Mapping[str, str] = os.environ
    ) -> Self:
        """From the settings that the functions themselves are given."""

        def account(role: str) -> str:
            default = f"fanfare-{role}@{project}.iam.gserviceaccount.com"
            return environ.get(f"FANFARE_{role.upper()}_ACCOUNT") or default

        url = environ.get("FANFARE_FUNCTIONS_URL") or f"http://{address}/{project}/{region}"
        return cls(project, region, url, account("events"), account("scheduler"))


def doors(source: Path) -> Mapping[str, str]:
    """The table of entry points that the source declares; it may import what lies beside it."""
    sys.path.append(str(source.parent))
    table: Mapping[str, str] = runpy.run_path(str(source))["DOORS"]
    return table


def deployed(entry_point: str) -> str:
    """The deployed name of an entry point."""
    return entry_point.replace("_", "-")


def load(source: Path, entry_points: Iterable[str]) -> dict[str, flask.Flask]:
    """Deployed name -> the function, wrapped as it is in production."""
    loaded: dict[str, flask.Flask] = {}
    for entry_point in entry_points:
        kind = "cloudevent" if entry_point.startswith("on_") else "http"
        app = functions_framework.create_app(  # type: ignore[no-untyped-call]
            entry_point, str(source), kind
        )
        if not isinstance(app, flask.Flask):
            raise TypeError(
                f"{entry_point} is asynchronous; the gateway serves WSGI functions only"
            )
        loaded[deployed(entry_point)] = app
    return loaded


def unsigned_token(account: str, audience: str) -> str:
    """The OIDC token Google would attach, without a signature: for the local stack only."""
    now = int(time.time())
    claims = {
        "iss": "https://accounts.google.com",
        "aud": audience,
        "sub": account,
        "email": account,
        "email_verified": True,
        "iat": now,
        "exp": now + 3600,
    }
    parts = ({"alg": "none", "typ": "JWT"}, claims)
    encoded = [base64.urlsafe_b64encode(json.dumps(part).encode()).rstrip(b"=") for part in parts]
    return b".".join([*encoded, b""]).decode()


class Caller:
    """Calls functions inside this process, as a Google service with its own account."""

    def __init__(self, app: "WSGIApplication", place: Place, account: str) -> None:
        self._app, self._place, self._account = app, place, account

    def post(self, function: str, headers: Mapping[str, str], body: bytes = b"") -> int:
        """The status it answered."""
        place = self._place
        token = unsigned_token(self._account, f"{place.functions_url}/{function}")
        sent = Headers({**headers, "Authorization": f"Bearer {token}"})
        with contextlib.closing(
            EnvironBuilder(
                f"/{function}",
                base_url=place.functions_url,
                method="POST",
                headers=sent,
                data=body,
            )
        ) as request:
            _, status, _ = run_wsgi_app(self._app, request.get_environ(), buffered=True)
        return int(status.split()[0])


# -- Eventarc --------------------------------------------------------------------------------------


@dataclass(frozen=True, slots=True)
class Faults:
    """What may go wrong with an event, each as a probability. Nothing does unless asked for.

    A duplicated event arrives two or three times, a shuffled one up to a second late (later ones
    overtake it), a dropped one never.
    """

    duplicate: float = 0.0
    shuffle: float = 0.0
    drop: float = 0.0
    seed: int = 0

    @classmethod
    def of(cls, asked: Any) -> Self:
        """From JSON; ``true`` means always."""
        known = {each.name for each in fields(cls)}
        if not isinstance(asked, dict) or not asked.keys() <= known:
            raise ValueError(f"expected an object with any of {', '.join(sorted(known))}")
        if not all(isinstance(value, int | float) for value in asked.values()):
            raise ValueError("every value is a number, or true or false")
        probabilities = {k: float(v) for k, v in asked.items() if k != "seed"}
        if not all(0 <= value <= 1 for value in probabilities.values()):
            raise ValueError("a probability lies between 0 and 1")
        return cls(**probabilities, seed=int(asked.get("seed", 0)))


@dataclass(frozen=True, slots=True)
class Event:
    """A Firestore event on its way to a function."""

    function: str
    headers: Mapping[str, str]
    body: bytes

    @classmethod
    def from_emulator(cls, function: str, headers: Mapping[str, str], body: bytes) -> Self:
        """As Eventarc would send it."""
        kept = {name.lower(): value for name, value in headers.items()}
        kept = {k: v for k, v in kept.items() if k.startswith("ce-") or k == "content-type"}
        source = kept.get("ce-source", "")
        kept["ce-source"] = source.replace("/projects/projects/", "/projects/", 1)
        return cls(function, kept, base64.b64decode(body, validate=True))

    def __str__(self) -> str:
        return f"{self.function} for {self.headers.get('ce-document', '?')}"


@dataclass(frozen=True, slots=True)
class Backoff:
    """How often an event is tried, and how long between: Eventarc's 10-600 s for 24 h, in small."""

    attempts: int = 10
    first_seconds: float = 0.5
    longest_seconds: float = 10.0

    def after(self, attempt: int) -> float:
        """Seconds to wait after this failed attempt, the first being 1."""
        return min(self.longest_seconds, self.first_seconds * 2.0 ** (attempt - 1))


@dataclass(slots=True)
class Counts:
    """What became of the events."""

    received: int = 0
    delivered: int = 0
    retried: int = 0
    dropped: int = 0
    given_up: int = 0


@dataclass(order=True, slots=True)
class _Delivery:
    due: float
    turn: int
    event: Event = field(compare=False)
    attempt: int = field(default=1, compare=False)


class Eventarc:
    """Delivers events with a few threads. Holds ``room`` at most; whoever brings more waits."""

    def __init__(
        self,
        deliver: Callable[[Event], int],
        *,
        room: int = 1000,
        threads: int = 4,
        backoff: Backoff | None = None,
    ) -> None:
        self._deliver = deliver
        self._room, self._threads, self._backoff = room, threads, backoff or Backoff()
        self._changed = threading.Condition()
        self._waiting: list[_Delivery] = []
        self._under_way = 0
        self._turns = itertools.count()
        self._counts = Counts()
        self._faults, self._chance = Faults(), random.Random(0)  # noqa: S311 (a seeded rehearsal)

    def start(self) -> None:
        """Start the threads; they end with the process."""
        for number in range(self._threads):
            threading.Thread(target=self._work, name=f"eventarc-{number}", daemon=True).start()

    @property
    def faults(self) -> Faults:
        """What goes wrong at present."""
        return self._faults

    @faults.setter
    def faults(self, faults: Faults) -> None:
        with self._changed:
            self._faults, self._chance = faults, random.Random(faults.seed)  # noqa: S311

    def state(self) -> dict[str, int]:
        """The counts, and how many events are waiting or under way."""
        with self._changed:
            return {**asdict(self._counts), "waiting": len(self._waiting) + self._under_way}

    def accept(self, event: Event) -> None:
        """Queue the event; waits while there is no room, but never as long as its sender would."""
        with self._changed:
            self._counts.received += 1
            delays = self._delays()
            self._counts.dropped += not delays
            if delays:
                self._changed.wait_for(self._has_room, MAX_WAIT_FOR_ROOM_SECONDS)
            for delay in delays:
                self._push(event, delay)
            self._changed.notify_all()

    def _has_room(self) -> bool:
        return len(self._waiting) + self._under_way < self._room

    def _push(self, event: Event, delay: float, attempt: int = 1) -> None:
        due = time.monotonic() + delay
        heapq.heappush(self._waiting, _Delivery(due, next(self._turns), event, attempt))

    def _delays(self) -> list[float]:
        chance, faults = self._chance, self._faults
        if chance.random() < faults.drop:
            return []
        copies = chance.randint(2, 3) if chance.random() < faults.duplicate else 1
        return [
            chance.uniform(0, SHUFFLE_SECONDS) if chance.random() < faults.shuffle else 0.0
            for _ in range(copies)
        ]

    def _work(self) -> None:
        while True:
            delivery = self._next()
            status = self._attempt(delivery.event)
            with self._changed:
                self._under_way -= 1
                self._settle(delivery, status)
                self._changed.notify_all()

    def _next(self) -> _Delivery:
        with self._changed:
            while True:
                now = time.monotonic()
                if self._waiting and self._waiting[0].due <= now:
                    self._under_way += 1
                    return heapq.heappop(self._waiting)
                self._changed.wait(self._waiting[0].due - now if self._waiting else None)

    def _attempt(self, event: Event) -> int:
        try:
            return self._deliver(event)
        except Exception:  # the thread must live on
            logger.exception("%s could not be called", event)
            return 500

    def _settle(self, delivery: _Delivery, status: int) -> None:
        event, attempt = delivery.event, delivery.attempt
        if 200 <= status < 300:
            self._counts.delivered += 1
        elif attempt >= self._backoff.attempts:
            self._counts.given_up += 1
            logger.error("%s answered %d, %d times: given up", event, status, attempt)
        else:
            self._counts.retried += 1
            wait = self._backoff.after(attempt)
            logger.warning(
                "%s answered %d, attempt %d: again in %g s", event, status, attempt, wait
            )
            self._push(event, wait, attempt + 1)


# -- Cloud Scheduler -------------------------------------------------------------------------------


class Scheduler:
    """Calls ``tick`` every so many seconds, one call at a time."""

    def __init__(self, caller: Caller, seconds: float) -> None:
        self._caller, self._seconds = caller, seconds
        self._stopped = threading.Event()

    def start(self) -> None:
        """Start the clock. With 0 seconds it never runs by itself."""
        if self._seconds:
            threading.Thread(target=self._run, name="scheduler", daemon=True).start()

    def tick(self) -> int:
        """Call it now; the status it answered."""
        headers = {"User-Agent": "Google-Cloud-Scheduler", "X-CloudScheduler": "true"}
        return self._caller.post("tick", headers)

    def stop(self) -> None:
        """Call it no more."""
        self._stopped.set()

    def _run(self) -> None:
        while not self._stopped.wait(self._seconds):
            try:
                status = self.tick()
            except Exception:  # the clock must go on
                logger.exception("tick could not be called")
            else:
                if not 200 <= status < 300:
                    logger.warning("tick answered %d", status)


# -- the gateway -----------------------------------------------------------------------------------


class Gateway:
    """The WSGI app of all functions, with Eventarc and Cloud Scheduler beside them."""

    def __init__(
        self,
        source: Path,
        entry_points: Iterable[str],
        place: Place,
        *,
        firestore: str | None = None,
        tick_seconds: float = 0,
        backoff: Backoff | None = None,
    ) -> None:
        self.place, self.firestore = place, firestore
        self.functions = load(source, entry_points)
        prefix = f"/{place.project}/{place.region}"
        mounts: dict[str, WSGIApplication] = {}
        for name, function in self.functions.items():
            mounts[f"/{name}"] = mounts[f"{prefix}/{name}"] = _rooted(function)
        self.app: WSGIApplication = DispatcherMiddleware(_desk(self), mounts)
        events = Caller(self.app, place, place.events_account)
        self.eventarc = Eventarc(
            lambda event: events.post(event.function, event.headers, event.body), backoff=backoff
        )
        clock = Caller(self.app, place, place.scheduler_account)
        self.scheduler = Scheduler(clock, tick_seconds if "tick" in self.functions else 0)

    def register_triggers(self) -> dict[str, str]:
        """Have the emulator report from now on: function -> the documents it hears of."""
        if self.firestore is None:
            return {}
        registered = {k: v for k, v in TRIGGERS.items() if k in self.functions}
        for function, document in registered.items():
            Emulator(self.firestore).register_trigger(self.place.project, function, document)
        return registered

    def start(self) -> None:
        """Start Eventarc and Cloud Scheduler."""
        self.eventarc.start()
        self.scheduler.start()


def _rooted(function: "WSGIApplication") -> "WSGIApplication":
    """An empty path is ``/``, as in production; Flask would redirect it there."""

    def rooted(environ: "WSGIEnvironment", start_response: "StartResponse") -> Iterable[bytes]:
        environ["PATH_INFO"] = environ["PATH_INFO"] or "/"
        return function(environ, start_response)

    return rooted


def _desk(gateway: Gateway) -> flask.Flask:
    """The gateway's own calls: the list of functions, arriving events, faults, the clock."""
    desk = flask.Flask("gateway")

    @desk.get("/")
    def functions() -> Any:
        url = gateway.place.functions_url
        return {"functions": {name: f"{url}/{name}" for name in gateway.functions}}

    @desk.post("/functions/projects/<project>/triggers/<key>")
    def event(project: str, key: str) -> Any:
        if project != gateway.place.project or key not in gateway.functions:
            return {"error": f"no function {key} in project {project}"}, 404
        request = flask.request
        gateway.eventarc.accept(Event.from_emulator(key, dict(request.headers), request.get_data()))
        return "", 204

    @desk.post("/_triggers")
    def triggers() -> Any:
        return gateway.register_triggers()

    @desk.get("/_events")
    def events() -> Any:
        return gateway.eventarc.state()

    @desk.get("/_faults")
    def faults() -> Any:
        return asdict(gateway.eventarc.faults)

    @desk.post("/_faults")
    def set_faults() -> Any:
        try:
            gateway.eventarc.faults = Faults.of(flask.request.get_json(force=True))
        except ValueError as wrong:
            return {"error": str(wrong)}, 400
        return asdict(gateway.eventarc.faults)

    @desk.post("/_tick")
    def tick() -> Any:
        if "tick" not in gateway.functions:
            return {"error": "no function tick"}, 404
        return {"status": gateway.scheduler.tick()}

    return desk


class Server(BaseApplication):  # type: ignore[misc]
    """One gunicorn worker with threads, as functions-framework starts it in production.

    Functions are loaded before the fork, as there; threads start after it: none survives a fork.
    """

    def __init__(self, gateway: Gateway, address: str, threads: int) -> None:
        self._gateway = gateway
        self._options = {
            "bind": address,
            "workers": 1,
            "threads": threads,
            "timeout": 0,
            "graceful_timeout": 2,
            "loglevel": "error",
            "limit_request_line": 0,
            # Longer than any caller keeps an idle connection, so that none meets one just closed.
            "keepalive": 75,
            "control_socket_disable": True,  # it would live in the home directory
        }
        super().__init__()

    def load_config(self) -> None:
        """Called by gunicorn."""
        for name, value in self._options.items():
            self.cfg.set(name, value)

    def load(self) -> "WSGIApplication":
        """Called by gunicorn, in the worker."""
        self._gateway.start()
        return self._gateway.app


def log_to_streams() -> None:
    """Up to INFO to stdout, the rest to stderr, unless the functions set up logging themselves."""
    logging.getLogger("httpx").setLevel(logging.WARNING)  # it tells of every request
    root = logging.getLogger()
    if root.handlers:
        return
    calm, urgent = logging.StreamHandler(sys.stdout), logging.StreamHandler(sys.stderr)
    calm.addFilter(lambda record: record.levelno < logging.WARNING)
    urgent.setLevel(logging.WARNING)
    logging.basicConfig(
        level=logging.INFO, handlers=[calm, urgent], format="%(levelname)s %(name)s: %(message)s"
    )


def arguments() -> argparse.ArgumentParser:
    """The command line."""
    environ = os.environ
    parser = argparse.ArgumentParser(
        prog="python -m local.gateway",
        description="Serve every function at /{function} and /{project}/{region}/{function}, "
        "deliver Firestore events to them, and call tick.",
        epilog="GET / lists the functions. GET /_events counts events. POST /_tick calls tick now. "
        'POST /_faults {"duplicate": 0.3, "shuffle": true, "drop": 0.1, "seed": 1} makes the '
        "delivery of events unreliable, POST /_faults {} reliable again.",
    )
    add = parser.add_argument
    add("--host", default="127.0.0.1", help="where to listen (%(default)s)")
    add("--port", type=int, default=8080, metavar="N", help="where to listen (%(default)s)")
    add(
        "--project",
        default=environ.get("GOOGLE_CLOUD_PROJECT", "demo-fanfare"),
        metavar="ID",
        help="whose functions and events (env GOOGLE_CLOUD_PROJECT, %(default)s)",
    )
    add(
        "--region",
        default=environ.get("FANFARE_REGION", "europe-west1"),
        help="part of the functions' paths (env FANFARE_REGION, %(default)s)",
    )
    add(
        "--firestore",
        metavar="HOST:PORT",
        default=environ.get("FIRESTORE_EMULATOR_HOST"),
        help="emulator to register the triggers with, started with --functions_emulator=HOST:PORT "
        "of this gateway (env FIRESTORE_EMULATOR_HOST)",
    )
    add(
        "--no-triggers",
        action="store_true",
        help="register them only when told to by POST /_triggers, for instance after seeding",
    )
    add(
        "--source",
        type=Path,
        default=SOURCE,
        metavar="FILE",
        help="the file with DOORS (functions/main.py)",
    )
    add(
        "--tick-seconds",
        type=float,
        default=float(environ.get("TICK_SECONDS", "10")),
        metavar="S",
        help="how often to call tick, 0 is never (env TICK_SECONDS, %(default)s)",
    )
    add(
        "--threads",
        type=int,
        default=32,
        metavar="N",
        help="requests served at a time, by all functions together (%(default)s)",
    )
    return parser


def main() -> None:
    """Serve until SIGTERM or Ctrl-C."""
    asked = arguments().parse_args()
    address = f"{asked.host}:{asked.port}"
    place = Place.of(asked.project, asked.region, address)
    gateway = Gateway(
        asked.source,
        doors(asked.source),
        place,
        firestore=asked.firestore,
        tick_seconds=asked.tick_seconds,
    )
    log_to_streams()
    if not asked.no_triggers:
        for function, document in gateway.register_triggers().items():
            logger.info("%s hears of %s", function, document)
    logger.info("%d functions at %s", len(gateway.functions), place.functions_url)
    Server(gateway, address, asked.threads).run()


if __name__ == "__main__":
    main()
