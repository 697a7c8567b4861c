"""``listen``, ``consent`` and ``leave``: the commands of a computer that is notified."""

import os
import signal
import sys
from collections.abc import Callable, Iterator, Sequence
from contextlib import ExitStack, contextmanager
from dataclasses import dataclass
from functools import partial, wraps
from pathlib import Path
from typing import Any, Final

import click
import httpx

from cli.desktop.document import OwnDocument, Project
from cli.desktop.door import APP_CHECK, SECONDS_PER_CALL, UNKNOWN, Away, DeviceDoor, Refused
from cli.desktop.here import app_version, locale_of, platform_of, time_zone_of
from cli.desktop.kept import DeviceFile, DeviceState, KeptError, folder
from cli.desktop.listener import DoorSlot, Listener, Screens, Slot
from cli.desktop.pictures import MOST_SECONDS as MOST_SECONDS_PER_PICTURE
from cli.desktop.pictures import Pictures
from cli.desktop.programs import ProgramFailed, RealPrograms
from cli.desktop.reports import Tell, for_people, for_programs
from cli.desktop.screens.choice import own_screen
from cli.desktop.screens.screen import Screen
from cli.desktop.screens.terminal import TerminalScreen
from shared.domain.chat.text import neutral

NO_DOMAIN: Final = "name what to be notified of, as in --domain news.aurora.example"
FEWEST_SECONDS: Final = 1.0
MOST_SECONDS: Final = 86_400.0
TAKEN: Final = (
    "this hwid is registered with another secret: leave out --hwid to be a device of its own, or "
    "have an operator give it up (`fanfare device reset HWID`)"
)


@dataclass(frozen=True, slots=True)
class Place:
    """Server and file of this computer, and its way to say what it does."""

    gateway: str
    file: DeviceFile
    client: httpx.Client
    tell: Tell
    screen: TerminalScreen

    def door(self, state: DeviceState) -> DeviceDoor:
        """Return the calls of the device that is kept."""
        return DeviceDoor(self.client, self.gateway, state.hwid, state.secret)

    def state(self) -> DeviceState:
        """Return what is kept; raises ``KeptError`` when this computer never registered."""
        kept = self.file.read()
        if kept is None:
            raise KeptError("this computer is not registered there")
        return kept


OPTIONS: Final = (
    click.option(
        "--gateway",
        envvar="FANFARE_FUNCTIONS_URL",
        required=True,
        help="Address before /device-api: https://REGION-PROJECT.cloudfunctions.net. Without it, "
        "the local stack's.",
    ),
    click.option(
        "--hwid",
        default="",
        help="The installation's own id. Without it, one is made up at the first start.",
    ),
    click.option(
        "--state",
        type=click.Path(path_type=Path, file_okay=False),
        help="Folder for hwid and secret, instead of the user's configuration.",
    ),
    click.option(
        "--app-check",
        envvar="FANFARE_APP_CHECK_TOKEN",
        default="",
        help=f"Token for the header {APP_CHECK}, where the server asks for one.",
    ),
    click.option(
        "--json", "as_json", is_flag=True, help="Say everything as JSON, an event a line."
    ),
)


def of_a_computer(command: Callable[..., None]) -> Callable[..., None]:
    """Add the options that say which computer and which server, and tell failures in sentences."""

    @wraps(command)
    def run(
        gateway: str, hwid: str, state: Path | None, app_check: str, as_json: bool, **options: Any
    ) -> None:
        address = gateway.rstrip("/")
        file = DeviceFile(state or folder(sys.platform, os.environ, Path.home()), address, hwid)
        headers = {APP_CHECK: app_check} if app_check else {}
        tell = (for_programs if as_json else for_people)(click.echo)
        screen = TerminalScreen(partial(click.echo, err=as_json))
        with ExitStack() as end:
            end.enter_context(_told_in_sentences())
            client = end.enter_context(httpx.Client(timeout=SECONDS_PER_CALL, headers=headers))
            command(Place(address, file, client, tell, screen), **options)

    wrapped = run
    for option in reversed(OPTIONS):
        wrapped = option(wrapped)
    return wrapped


@click.command()
@click.option(
    "--domain",
    "domains",
    multiple=True,
    help="Domain to be notified of; may be repeated. Needed at the first start, then remembered.",
)
@click.option(
    "--every",
    default=60.0,
    show_default=True,
    type=click.FloatRange(FEWEST_SECONDS, MOST_SECONDS),
    help="Seconds between two looks, give or take a fifth.",
)
@click.option("--once", is_flag=True, help="Register, show what is pending, and end.")
@click.option("--terminal", is_flag=True, help="Show in the terminal, not on the desktop.")
@click.option(
    "--document",
    "project",
    metavar="PROJECT",
    default="",
    help="Read this computer's own document in the project's Firestore instead of asking the API.",
)
@click.option(
    "--api-key",
    envvar="FANFARE_WEB_API_KEY",
    default="",
    help="Web API key of that project, to sign in with; emulators need none.",
)
@of_a_computer
def listen(
    place: Place,
    domains: tuple[str, ...],
    every: float,
    once: bool,
    terminal: bool,
    project: str,
    api_key: str,
) -> None:
    """Be notified: register this computer, show what arrives.

    Registers with its locale, time zone and platform, keeps hwid and secret in a file of the user's
    own, and looks for a notification at once and every minute until Ctrl-C. Each is shown once: by
    D-Bus on Linux, as a toast on Windows, by osascript on macOS, in the terminal elsewhere. A newer
    one takes its place; one that has expired is taken away, and never shown later.

    What people sent is shown as text: nothing in it is markup, an order to the terminal, or part of
    a script. Links are opened by a press, and only those that begin with https.

    \b
    fanfare device listen --domain news.aurora.example    on the local stack
    fanfare device listen                                 as before: the domain is remembered
    fanfare device listen --once --json                   for scripts: one look, events as JSON
    fanfare device listen --gateway https://REGION-PROJECT.cloudfunctions.net --domain NAME
    """
    with place.file.hold():
        kept = place.file.begun()
        listed = list(domains or kept.domains)
        if not listed:
            raise click.UsageError(NO_DOMAIN)
        door = place.door(kept)
        slot = _document(place, kept, project, api_key) if project else DoorSlot(door)
        with (
            httpx.Client(timeout=MOST_SECONDS_PER_PICTURE) as pictures,
            _ending(_screens(place, pictures, terminal=terminal)) as screens,
        ):
            listener = Listener(door, slot, place.file, screens, place.tell)
            try:
                listener.listen(kept, about(listed), every=every, once=once)
            except KeyboardInterrupt:
                place.tell("ended")


@click.command()
@click.argument("consent", type=click.Choice(["yes", "no"]))
@of_a_computer
def consent(place: Place, consent: str) -> None:
    """Give or withdraw this computer's consent to be notified.

    Without it nothing is sent here; the registration stays.
    """
    kept = place.state()
    place.door(kept).consent(consent == "yes")
    place.tell("consent", hwid=kept.hwid, consent=consent)


@click.command()
@of_a_computer
def leave(place: Place) -> None:
    """Have this computer forgotten, as before an uninstallation.

    By the server and here: a later `listen` registers another device.
    """
    with place.file.hold():
        kept = place.state()
        place.door(kept).leave()
        place.file.forget()
    place.tell("left", hwid=kept.hwid)


def about(domains: Sequence[str]) -> dict[str, object]:
    """Describe this computer as a registration does."""
    return {
        "platform": platform_of(sys.platform),
        "domains": list(domains),
        "locale": locale_of(os.environ),
        "timeZone": time_zone_of(os.environ, Path("/")),
        "appVersion": app_version(),
    }


@contextmanager
def _ending(screens: Screens) -> Iterator[Screens]:
    """End what runs for the screens; SIGTERM ends the listener as Ctrl-C does, which scripts have
    their background jobs ignore.
    """
    numbers = (signal.SIGTERM, signal.SIGINT)
    before = {it: signal.signal(it, signal.default_int_handler) for it in numbers}
    try:
        yield screens
    finally:
        for number, handler in before.items():
            signal.signal(number, handler)
        screens.own.close()


def _screens(place: Place, pictures: httpx.Client, *, terminal: bool) -> Screens:
    own: Screen = place.screen
    if not terminal:
        try:
            own = own_screen(
                sys.platform,
                RealPrograms(),
                lambda link: place.tell("opened", url=link),
                Pictures(pictures, place.file.path).address_of,
            )
        except ProgramFailed as fault:
            place.tell("screen", why=str(fault))
    return Screens(own, place.screen)


def _document(place: Place, state: DeviceState, project: str, api_key: str) -> Slot:
    auth = os.environ.get("FIREBASE_AUTH_EMULATOR_HOST")
    firestore = os.environ.get("FIRESTORE_EMULATOR_HOST")
    if auth and firestore:
        found = Project.local(project, auth=auth, firestore=firestore)
    elif api_key:
        found = Project(project, api_key)
    else:
        raise click.UsageError("--document needs --api-key, to sign in with")
    return OwnDocument(place.client, found, state.hwid)


@contextmanager
def _told_in_sentences() -> Iterator[None]:
    try:
        yield
    except Refused as refusal:
        told = TAKEN if refusal.code == UNKNOWN else str(refusal)
        raise click.ClickException(neutral(told, lines=True)) from None
    except (Away, KeptError) as fault:
        raise click.ClickException(neutral(str(fault), lines=True)) from None
