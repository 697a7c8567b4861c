"""Rendering for a chunk's devices by variant, each variant once.

A variant is what one push service is told of what some devices show. Today every device shows the
same, so there is one for each service. What comes to differ between devices is decided here, and
nowhere else: below are bytes and addresses.
"""

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime

from shared.domain.audience.device import PushAddress
from shared.domain.content.shown import shown
from shared.domain.delivery.run import Run
from shared.domain.errors import Defect
from shared.domain.push import desktop
from shared.domain.push.answers import Unsendable
from shared.domain.push.desktop import SlotPayload
from shared.domain.push.rendering import Options, Payload


@dataclass(frozen=True, slots=True)
class Renderer:
    """Content of the run that a batch belongs to, in every language it is sent in."""

    run: Run

    def payloads(
        self, addresses: Sequence[PushAddress], now: datetime
    ) -> Sequence[Payload | Unsendable]:
        """Render what goes to each address, in order, or answer that it cannot be sent there."""
        from shared.domain.push.languages import LANGUAGES  # a plan renders nothing

        what, options = shown(self.run.content), self._options(now)
        kinds = dict.fromkeys(address.kind for address in addresses)
        variants = {kind: LANGUAGES[kind].payload(what, options) for kind in kinds}
        return [variants[address.kind] for address in addresses]

    def slot(self, now: datetime) -> SlotPayload:
        """Render what every desktop's slot is to hold."""
        it = self.run
        if it.sending_at is None:
            raise Defect(f"{it.id} is not being sent, so no desktop may show it")
        return desktop.payload(shown(it.content), self._options(now))

    def _options(self, now: datetime) -> Options:
        it = self.run
        return Options(it.id, it.began_at, now, it.expires_at)
