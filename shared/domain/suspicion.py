"""Whether addresses are bad, or we are asking as the wrong app.

Some codes say that an address belongs to somebody else's app. One such address is a leftover and is
dropped. When most of a batch's are, it is we who are wrong (another project's credentials, another
bundle id), and dropping them would empty the audience.
"""

from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from typing import Final

from shared.domain.delivery import Accepted, AddressGone, Answer, Outcome, Record, Rejected

OF_ANOTHER_APP: Final = frozenset({"senderIdMismatch", "tokenNotForTopic"})
WRONG_APP: Final = "wrongApp"

FEWEST_TO_SUSPECT: Final = 20
"""Below so many addresses their share says nothing, and each is judged by itself."""
SHARE_TO_SUSPECT: Final = 0.5
FEWEST_TO_TELL: Final = 3
SHARE_TO_TELL: Final = 0.01
"""Above this share somebody should look, though the addresses are dropped."""


@dataclass(frozen=True, slots=True)
class Suspicion:
    """What one batch's addresses of one kind have said so far about whose they are."""

    known: int = 0
    foreign: int = 0

    @property
    def wrong_app(self) -> bool:
        """Whether it is more likely that the app is wrong than that the addresses are."""
        return self.known >= FEWEST_TO_SUSPECT and self.foreign > self.known * SHARE_TO_SUSPECT

    def after(self, answers: Iterable[Answer]) -> "Suspicion":
        """With these answers, as far as they know the address."""
        known = [answer for answer in answers if isinstance(answer, Accepted | AddressGone)]
        return Suspicion(self.known + len(known), self.foreign + sum(map(_is_foreign, known)))

    def judged(self, answers: Sequence[Answer]) -> Sequence[Answer]:
        """The same answers, but that a wrong app drops no address as another's."""
        if not self.wrong_app:
            return answers
        return [Rejected(WRONG_APP) if _is_foreign(answer) else answer for answer in answers]


def _is_foreign(answer: Answer) -> bool:
    return isinstance(answer, AddressGone) and answer.code in OF_ANOTHER_APP


def alarming(records: Iterable[Record]) -> int:
    """How many of a batch's devices held another app's address, if so many should not."""
    ended = [r.code for r in records if r.outcome in (Outcome.DELIVERED, Outcome.FAILED)]
    foreign = sum(code in OF_ANOTHER_APP for code in ended)
    return foreign if foreign >= FEWEST_TO_TELL and foreign > len(ended) * SHARE_TO_TELL else 0
