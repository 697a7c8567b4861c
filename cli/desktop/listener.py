"""A computer that listens: it asks what is pending, shows it once, and asks again.

It outlives an absent network, a server that forgot it and a desktop that cannot show anything; it
ends by a refusal that asking again does not change, or by Ctrl-C. Time, chance and the screen are
handed in, so that tests decide them.
"""

import random
import time
from collections.abc import Callable, Mapping
from contextlib import suppress
from dataclasses import dataclass, replace
from typing import Any, Final, Protocol, TypeVar

from cli.desktop.door import UNKNOWN, Away, DeviceDoor, Refused
from cli.desktop.kept import DeviceFile, DeviceState
from cli.desktop.note import Note
from cli.desktop.programs import ProgramFailed
from cli.desktop.reports import Tell
from cli.desktop.screens.screen import Screen

T = TypeVar("T")

REFRESH_SECONDS: Final = 7 * 86_400.0
"""A computer that is never restarted says once a week that it is there; 90 days are allowed."""
LONGEST_WAIT: Final = 60.0
LONGEST_ASKED_WAIT: Final = 3_600.0
SPREAD: Final = 0.2
"""Computers that started together do not go on asking together."""


class Slot(Protocol):
    """A place where what is to be shown can be read."""

    def signed_in(self, custom_token: str) -> None:
        """Sign in with the token of the last registration."""
        ...

    def pending(self) -> Note | None:
        """Read it; raises ``Away`` or ``Refused``."""
        ...


@dataclass(frozen=True, slots=True)
class DoorSlot:
    """The slot as ``device-api`` answers it, without a sign-in."""

    door: DeviceDoor

    def signed_in(self, custom_token: str) -> None:
        """Do without: the secret is enough."""

    def pending(self) -> Note | None:
        """Read it."""
        return self.door.pending()


@dataclass(frozen=True, slots=True)
class Nature:
    """Time and chance."""

    wait: Callable[[float], None] = time.sleep
    clock: Callable[[], float] = time.monotonic
    chance: Callable[[float, float], float] = random.uniform


@dataclass(frozen=True, slots=True)
class Screens:
    """The way to show notifications, and the one that always works."""

    own: Screen
    terminal: Screen


class Listener:
    """One computer at one server."""

    def __init__(
        self,
        door: DeviceDoor,
        slot: Slot,
        file: DeviceFile,
        screens: Screens,
        tell: Tell,
        nature: Nature | None = None,
    ) -> None:
        self._door, self._slot, self._file = door, slot, file
        self._screens, self._tell, self._nature = screens, tell, nature or Nature()
        self._state = DeviceState("", "")
        self._on_screen = ""
        self._registered_at = 0.0

    def listen(
        self, state: DeviceState, about: Mapping[str, Any], *, every: float, once: bool
    ) -> None:
        """Register, then show what is pending, every so many seconds or once."""
        self._state = state
        self._registered(about)
        while True:
            note = self._patiently(lambda: self._pending(about))
            self._follow(note, once=once)
            if once:
                return
            self._nature.wait(every * self._nature.chance(1 - SPREAD, 1 + SPREAD))
            if self._nature.clock() - self._registered_at > REFRESH_SECONDS:
                self._registered(about)

    # ---- what is asked -----------------------------------------------------------------------

    def _registered(self, about: Mapping[str, Any]) -> None:
        self._patiently(lambda: self._register(about))
        self._tell("registered", hwid=self._state.hwid, domains=", ".join(about["domains"]))

    def _register(self, about: Mapping[str, Any]) -> None:
        token = self._door.register(about, known=self._state.known)
        self._slot.signed_in(token)
        self._registered_at = self._nature.clock()
        self._keep(replace(self._state, known=True, domains=tuple(about["domains"])))

    def _pending(self, about: Mapping[str, Any]) -> Note | None:
        """Read the slot; a computer that the server does not know any more registers again."""
        try:
            return self._slot.pending()
        except Refused as refusal:
            if refusal.code != UNKNOWN:
                raise
        self._register(about)
        return self._slot.pending()

    def _patiently(self, ask: Callable[[], T]) -> T:
        """Ask until something answers, at longer and longer intervals, as long as the server says
        where it says so.
        """
        failures = 0
        while True:
            try:
                answer = ask()
            except Away as away:
                usual = min(LONGEST_WAIT, 2.0**failures)
                wait = usual if away.wait is None else min(away.wait, LONGEST_ASKED_WAIT)
                wait *= self._nature.chance(1, 1 + SPREAD)
                failures += 1
                self._tell("away", why=str(away), seconds=wait)
                self._nature.wait(wait)
            else:
                if failures:
                    self._tell("back")
                return answer

    # ---- what is shown -----------------------------------------------------------------------

    def _follow(self, note: Note | None, *, once: bool) -> None:
        if note is None and self._on_screen:
            self._withdraw()
        elif note is not None and note.id not in self._state.shown:
            self._show(note, once=once)
        elif once:
            self._tell("nothing")

    def _show(self, note: Note, *, once: bool) -> None:
        """Show it, then remember it: one that a crash interrupts is shown again, not lost."""
        begun = self._nature.clock()
        by = self._shown_by(note)
        self._keep(self._state.after(note.id))
        self._on_screen = note.id
        self._tell("shown", id=note.id, title=note.title, at=note.at, by=by)
        left = note.force_seconds - (self._nature.clock() - begun)
        if left > 0 and not once:
            self._nature.wait(left)

    def _shown_by(self, note: Note) -> str:
        try:
            self._screens.own.show(note)
        except ProgramFailed as fault:
            self._tell("screen", why=str(fault))
            self._screens.terminal.show(note)
            return self._screens.terminal.name
        return self._screens.own.name

    def _withdraw(self) -> None:
        with suppress(ProgramFailed):
            self._screens.own.withdraw()
        self._tell("withdrawn", id=self._on_screen)
        self._on_screen = ""

    def _keep(self, state: DeviceState) -> None:
        if state != self._state:
            self._file.write(state)
        self._state = state
