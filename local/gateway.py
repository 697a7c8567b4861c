"""Every function behind one address, called the way Google calls it.

Some may be served by a second gateway (``local.proxy``).

The gateway emulates three of Google's services: the front door (``/{function}`` and
``/{project}/{region}/{function}``), Eventarc (``local.emulators.eventarc``) and Cloud Scheduler
(``tick``).
"""

import argparse
import logging
import os
import sys
import threading
from collections.abc import Iterable, Mapping
from dataclasses import asdict
from pathlib import Path
from typing import TYPE_CHECKING, Any

import flask
from gunicorn.app.base import BaseApplication  # type: ignore[import-untyped]
from werkzeug.middleware.dispatcher import DispatcherMiddleware

from local.deployment import Caller, Place, deployed, doors, load
from local.emulators.eventarc import Backoff, Event, Eventarc, Faults
from local.firestore import Emulator
from local.proxy import Proxy

if TYPE_CHECKING:
    from _typeshed.wsgi import StartResponse, WSGIApplication, WSGIEnvironment

SOURCE = Path(__file__).parents[1] / "functions" / "main.py"
TRIGGERS: Mapping[str, str] = {
    "on-notification-written": "pendingNotifications/{id}",
    "on-device-written": "devices/{hwid}",
}
"""Documents whose writes a function is called for, by function."""

logger = logging.getLogger("gateway")


class Scheduler:
    """Timer that calls ``tick`` every so many seconds, one call at a time."""

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


class Gateway:
    """WSGI app of all functions, with Eventarc and Cloud Scheduler beside them."""

    def __init__(
        self,
        source: Path,
        entry_points: Iterable[str],
        place: Place,
        *,
        firestore: str | None = None,
        tick_seconds: float = 0,
        backoff: Backoff | None = None,
        proxied: Mapping[str, str] | None = None,
    ) -> None:
        """Load the entry points; those in ``proxied`` are served by the gateway at the address it
        gives.
        """
        self.place, self.firestore = place, firestore
        names, away = list(entry_points), proxied or {}
        self.functions: dict[str, WSGIApplication] = {
            **load(source, [name for name in names if deployed(name) not in away]),
            **{it: Proxy(away[it]) for it in map(deployed, names) if it in away},
        }
        prefix = f"/{place.project}/{place.region}"
        mounts: dict[str, WSGIApplication] = {}
        for name, function in self.functions.items():
            mounts[f"/{name}"] = mounts[f"{prefix}/{name}"] = _rooted(function)
        self.app: WSGIApplication = DispatcherMiddleware(_own_calls(self), mounts)
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
    """Call the function with ``/`` for an empty path, as in production; Flask would redirect it
    there.
    """

    def rooted(environ: "WSGIEnvironment", start_response: "StartResponse") -> Iterable[bytes]:
        environ["PATH_INFO"] = environ["PATH_INFO"] or "/"
        return function(environ, start_response)

    return rooted


def _own_calls(gateway: Gateway) -> flask.Flask:
    """Create the gateway's own calls: the list of functions, arriving events, faults, the clock."""
    calls = flask.Flask("gateway")

    @calls.get("/")
    def functions() -> Any:
        url = gateway.place.functions_url
        return {"functions": {name: f"{url}/{name}" for name in gateway.functions}}

    @calls.post("/functions/projects/<project>/triggers/<key>")
    def event(project: str, key: str) -> Any:
        if project != gateway.place.project or key not in gateway.functions:
            return {"error": f"no function {key} in project {project}"}, 404
        request = flask.request
        gateway.eventarc.accept(Event.from_emulator(key, dict(request.headers), request.get_data()))
        return "", 204

    @calls.post("/_triggers")
    def triggers() -> Any:
        return gateway.register_triggers()

    @calls.get("/_events")
    def events() -> Any:
        return gateway.eventarc.state()

    @calls.get("/_faults")
    def faults() -> Any:
        return asdict(gateway.eventarc.faults)

    @calls.post("/_faults")
    def set_faults() -> Any:
        try:
            gateway.eventarc.faults = Faults.of(flask.request.get_json(force=True))
        except ValueError as wrong:
            return {"error": str(wrong)}, 400
        return asdict(gateway.eventarc.faults)

    @calls.post("/_tick")
    def tick() -> Any:
        if "tick" not in gateway.functions:
            return {"error": "no function tick"}, 404
        return {"status": gateway.scheduler.tick()}

    return calls


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
        """Set the options; gunicorn calls this."""
        for name, value in self._options.items():
            self.cfg.set(name, value)

    def load(self) -> "WSGIApplication":
        """Start the gateway and return its app; gunicorn calls this in the worker."""
        self._gateway.start()
        return self._gateway.app


def log_to_streams() -> None:
    """Log up to INFO to stdout, the rest to stderr, unless the functions set up logging."""
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
    """Create the command line."""
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
        "--only",
        type=_names,
        metavar="NAME,...",
        help="serve no functions but these, by their deployed names",
    )
    add(
        "--elsewhere",
        type=_proxied,
        dest="proxied",
        default={},
        metavar="HOST:PORT=NAME,...",
        help="hand calls of these functions on to the gateway that serves them there",
    )
    add(
        "--threads",
        type=int,
        default=32,
        metavar="N",
        help="requests served at a time, by all functions together (%(default)s)",
    )
    return parser


def _names(text: str) -> frozenset[str]:
    return frozenset(text.split(","))


def _proxied(text: str) -> dict[str, str]:
    address, _, names = text.partition("=")
    return dict.fromkeys(sorted(_names(names)), address)


def main() -> None:
    """Serve until SIGTERM or Ctrl-C."""
    asked = arguments().parse_args()
    address = f"{asked.host}:{asked.port}"
    place = Place.of(asked.project, asked.region, address)
    gateway = Gateway(
        asked.source,
        [it for it in doors(asked.source) if asked.only is None or deployed(it) in asked.only],
        place,
        firestore=asked.firestore,
        tick_seconds=asked.tick_seconds,
        proxied=asked.proxied,
    )
    log_to_streams()
    if not asked.no_triggers:
        for function, document in gateway.register_triggers().items():
            logger.info("%s hears of %s", function, document)
    logger.info("%d functions at %s", len(gateway.functions), place.functions_url)
    Server(gateway, address, asked.threads).run()


if __name__ == "__main__":
    main()
