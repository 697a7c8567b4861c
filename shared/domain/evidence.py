"""When what some addresses are answered is believed of others, or even of those addresses.

An answer is about the address it was given for. A refusal of our configuration or of the content
is believed of others of its group only when many different addresses met the same one and nobody
was accepted; and that addresses are unknown is not believed when most of them are: then it is we
who are wrong (another project's credentials, another bundle id, the other environment), and to drop
the addresses would empty the audience. Evidence is of one notification, so of the same content.
"""

from collections import Counter
from collections.abc import Collection, Iterable, Mapping
from dataclasses import dataclass, field
from typing import Final, NamedTuple

from shared.domain.delivery import (
    SHOWN,
    Accepted,
    AddressGone,
    Answer,
    Misconfigured,
    Outcome,
    Record,
    Rejected,
    Target,
    Unsendable,
)
from shared.domain.device import AddressKind, PushAddress

FEWEST_TO_BELIEVE: Final = 20
"""Below so many different addresses, each is judged by itself."""
PROBES: Final = 2
"""How many of a chunk are still asked for while the others are held back."""
FLOOD: Final = 0.5
"""Above this share of unknown addresses it is more likely that we are wrong than that they are."""

WRONG_APP: Final = Rejected("wrongApp")
WRONG_ENVIRONMENT: Final = Rejected("wrongEnvironment")
_WE_ARE_WRONG: Final = {WRONG_APP.code, WRONG_ENVIRONMENT.code}

OF_ANOTHER_APP: Final = frozenset({"senderIdMismatch", "tokenNotForTopic"})
FEWEST_TO_TELL: Final = 3
SHARE_TO_TELL: Final = 0.01
"""Above this share somebody should look, though the addresses are dropped."""

_UNKNOWN: Final = OF_ANOTHER_APP | {"unregistered", "invalidToken"} | _WE_ARE_WRONG

Refusal = Misconfigured | Unsendable


class Group(NamedTuple):
    """Whom the same credentials, the same rules and the same content reach."""

    kind: AddressKind
    environment: str
    platform: str


def group_of(platform: str, address: PushAddress) -> Group:
    """The group of one device; only Apple has environments."""
    environment = address.environment if address.kind is AddressKind.APNS else ""
    return Group(address.kind, environment, platform)


@dataclass(frozen=True, slots=True)
class Evidence:
    """What the addresses of one group were answered: how many were accepted, how many are unknown
    to the push service, and who met which refusal.
    """

    accepted: int = 0
    unknown: int = 0
    refused: Mapping[str, frozenset[str]] = field(default_factory=dict)
    """A few of the addresses by the code of the refusal; more than are needed are not kept."""

    @property
    def agreed(self) -> str:
        """The one refusal that many met while nobody was accepted; empty when there is none."""
        if self.accepted or len(self.refused) != 1:
            return ""
        ((code, addresses),) = self.refused.items()
        return code if len(addresses) >= FEWEST_TO_BELIEVE else ""

    @property
    def told_of(self) -> int:
        """How many addresses the push service took or did not know."""
        return self.accepted + self.unknown

    @property
    def flooded(self) -> bool:
        """Whether so many addresses are unknown that it is we who are wrong."""
        return self.told_of >= FEWEST_TO_BELIEVE and self.unknown > self.told_of * FLOOD

    def or_else(self, wider: "Evidence") -> "Evidence":
        """This of a group, if it is of enough addresses to tell a flood; else the ``wider`` one."""
        return self if self.told_of >= FEWEST_TO_BELIEVE else wider

    def with_batch(self, now: "Evidence", before: "Evidence") -> "Evidence":
        """With what a batch tells ``now``, which told ``before`` what is in here already."""
        refused = dict(self.refused)
        for code, addresses in now.refused.items():
            if len(met := refused.setdefault(code, frozenset())) < FEWEST_TO_BELIEVE:
                refused[code] = met | addresses
        accepted = self.accepted + now.accepted - before.accepted
        return Evidence(accepted, self.unknown + now.unknown - before.unknown, refused)

    def after(self, answers: Iterable[tuple[str, Answer]]) -> "Evidence":
        """With what these addresses were answered."""
        accepted, refused = self.accepted, dict(self.refused)
        for address, answer in answers:
            if isinstance(answer, Accepted):
                accepted += 1
            elif isinstance(answer, Refusal):
                met = refused.setdefault(answer.code, frozenset())
                if len(met) < FEWEST_TO_BELIEVE:
                    refused[answer.code] = met | {address}
        return Evidence(accepted, self.unknown, refused)


def recorded_evidence(
    targets: Iterable[Target], records: Iterable[Record]
) -> dict[Group, Evidence]:
    """What earlier attempts at a batch learnt and its records still tell."""
    accepted: Counter[Group] = Counter()
    unknown: Counter[Group] = Counter()
    for target, record in zip(targets, records, strict=True):
        if target.address is None or record.outcome is Outcome.OPEN:
            continue
        group = group_of(target.platform, target.address)
        accepted[group] += record.outcome is Outcome.DELIVERED and record.receipt != SHOWN
        unknown[group] += record.outcome is Outcome.FAILED and record.code in _UNKNOWN
    return {group: Evidence(accepted[group], unknown[group]) for group in accepted}


def judged(group: Group, evidence: Evidence, answers: Collection[AddressGone]) -> Rejected | None:
    """What unknown addresses of a group are recorded as, if the evidence is that we are wrong."""
    if not evidence.flooded:
        return None
    refused = sum(answer.code == "invalidToken" for answer in answers)
    elsewhere = group.kind is AddressKind.APNS and group.environment and 2 * refused > len(answers)
    return WRONG_ENVIRONMENT if elsewhere else WRONG_APP


def alarming(records: Iterable[Record]) -> int:
    """How many of a batch's devices held another app's address, if so many should not."""
    ended = [r.code for r in records if r.outcome in (Outcome.DELIVERED, Outcome.FAILED)]
    foreign = sum(code in OF_ANOTHER_APP for code in ended)
    return foreign if foreign >= FEWEST_TO_TELL and foreign > len(ended) * SHARE_TO_TELL else 0
