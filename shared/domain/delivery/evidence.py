"""Evidence: when the answers for some addresses are believed of others, or even of those addresses.

An answer is about the address it was given for. A refusal of our configuration or of the content is
believed of others of its group only when many different addresses met the same one and nobody was
accepted; and that addresses are unknown is not believed when most of them are: then it is we who
are wrong (another project's credentials, another bundle id, the other environment), and to drop the
addresses would empty the audience. Most of all, or most of those that no earlier notification
reached: the known ones must not outvote a new build of the app. Evidence is of one notification, so
of the same content.
"""

from collections.abc import Collection, Iterable, Mapping
from dataclasses import dataclass, field, replace
from typing import Final, NamedTuple

from shared.domain.audience.device import (
    DEFAULT_APP,
    AddressKind,
    AppId,
    AppService,
    PushAddress,
)
from shared.domain.delivery.ledger import (
    RECEIPT_SHOWN,
    Batch,
    BatchState,
    Newness,
    Outcome,
    Record,
)
from shared.domain.push.answers import (
    Accepted,
    AddressGone,
    Answer,
    Misconfigured,
    Rejected,
    Unsendable,
)

FEWEST_TO_BELIEVE: Final = 20
"""With fewer different addresses than this, each is judged by itself."""
PROBES: Final = 2
"""The number of pushes of a chunk that are still sent while the others are held back."""
FLOOD: Final = 0.5
"""Above this share of unknown addresses it is more likely that we are wrong than that they are."""

CLEAR: Final = 0.25
"""Below this share of unknown ones among new addresses, or above its complement, those that are
still to be answered will hardly change the verdict.
"""

WRONG_APP: Final = Rejected("wrongApp")
WRONG_ENVIRONMENT: Final = Rejected("wrongEnvironment")
_WE_ARE_WRONG: Final = {WRONG_APP.code, WRONG_ENVIRONMENT.code}

OF_ANOTHER_APP: Final = frozenset({"senderIdMismatch", "tokenNotForTopic"})
FEWEST_TO_TELL: Final = 3
SHARE_TO_TELL: Final = 0.01
"""Above this share an operator should look, though the addresses are dropped."""

_OF_UNKNOWN: Final = (Outcome.FAILED, Outcome.OPEN)
_UNKNOWN: Final = OF_ANOTHER_APP | {"unregistered", "invalidToken"} | _WE_ARE_WRONG

Refusal = Misconfigured | Unsendable

Newer = tuple[int, ...]
"""Addresses accepted and unknown that are at least ``RENEWED``, and those that are ``NEW``."""
NONE_NEWER: Final[Newer] = (0, 0, 0, 0)


class Group(NamedTuple):
    """Devices that the same credentials, the same rules and the same content reach."""

    kind: AddressKind
    environment: str
    platform: str
    app: AppId = DEFAULT_APP

    @property
    def service(self) -> AppService:
        """The app at the push service that the group is of."""
        return AppService(self.app, self.kind)


def group_of(platform: str, address: PushAddress) -> Group:
    """Return the group of one device; only Apple has environments."""
    environment = address.environment if address.kind is AddressKind.APNS else ""
    return Group(address.kind, environment, platform, address.app)


@dataclass(frozen=True, slots=True)
class Evidence:
    """Answers to the addresses of one group: how many were accepted, how many are unknown to the
    push service, and which addresses met which refusal.
    """

    accepted: int = 0
    unknown: int = 0
    refused: Mapping[str, frozenset[str]] = field(default_factory=dict)
    """A few of the addresses by the code of the refusal; more than are needed are not kept."""
    newer: Newer = NONE_NEWER
    """What the batches tell that compared with an earlier notification."""

    @property
    def agreed(self) -> str:
        """The one refusal that many addresses met while none was accepted; empty when there is
        none.
        """
        if self.accepted or len(self.refused) != 1:
            return ""
        ((code, addresses),) = self.refused.items()
        return code if len(addresses) >= FEWEST_TO_BELIEVE else ""

    @property
    def conclusive(self) -> int:
        """Total of the addresses the push service took or did not know."""
        return self.accepted + self.unknown

    @property
    def flooded(self) -> bool:
        """True when so many addresses are unknown that it is we who are wrong."""
        return not self.tells_little and self.unknown > self.conclusive * FLOOD

    def among(self, newness: Newness) -> "Evidence":
        """Return the evidence of the addresses alone that are at least so new."""
        if newness is Newness.KNOWN:
            return self
        accepted, unknown = self.newer[2 * newness - 2 : 2 * newness]
        return Evidence(accepted, unknown)

    def or_else(self, wider: "Evidence") -> "Evidence":
        """Return this evidence of a group, if it is of enough addresses to tell a flood; else
        ``wider``.
        """
        return wider if self.tells_little else self

    @property
    def tells_little(self) -> bool:
        """True when so few addresses were told of that they say nothing of others."""
        return self.conclusive < FEWEST_TO_BELIEVE

    @property
    def is_unclear(self) -> bool:
        """True while the answers to come may well change the verdict on new addresses."""
        clear = self.conclusive * CLEAR
        return self.tells_little or clear < self.unknown < self.conclusive - clear

    def with_batch(self, now: "Evidence", before: "Evidence") -> "Evidence":
        """Add what a batch tells ``now``, in place of what it told ``before``, which is included
        already.
        """
        refused = dict(self.refused)
        for code, addresses in now.refused.items():
            if len(met := refused.setdefault(code, frozenset())) < FEWEST_TO_BELIEVE:
                refused[code] = met | addresses
        return Evidence(
            self.accepted + now.accepted - before.accepted,
            self.unknown + now.unknown - before.unknown,
            refused,
            added(self.newer, (n - b for n, b in zip(now.newer, before.newer, strict=True))),
        )

    def with_unknown(self, newness: Iterable[Newness]) -> "Evidence":
        """Add an unknown address for each of these degrees of newness."""
        unknown, newer = self.unknown, self.newer
        for degree in newness:
            unknown, newer = unknown + 1, added(newer, newer_of(degree, unknown=1))
        return replace(self, unknown=unknown, newer=newer)

    def after(self, answers: Iterable[tuple[str, Answer]]) -> "Evidence":
        """Add what these addresses were answered."""
        accepted, refused = self.accepted, dict(self.refused)
        for address, answer in answers:
            if isinstance(answer, Accepted):
                accepted += 1
            elif isinstance(answer, Refusal):
                met = refused.setdefault(answer.code, frozenset())
                if len(met) < FEWEST_TO_BELIEVE:
                    refused[answer.code] = met | {address}
        return replace(self, accepted=accepted, refused=refused)


def added(newer: Newer, more: Iterable[int]) -> Newer:
    """Sum up two counts of newer addresses."""
    return tuple(a + b for a, b in zip(newer, more, strict=True))


def newer_of(newness: Newness, *, accepted: int = 0, unknown: int = 0) -> Newer:
    """Count so many addresses that are so new."""
    return (accepted, unknown) * newness + (0, 0) * (Newness.NEW - newness)


def reached(record: Record) -> bool:
    """Tell whether a push service accepted the device's address."""
    return record.outcome is Outcome.DELIVERED and record.receipt != RECEIPT_SHOWN


def is_unknown(record: Record) -> bool:
    """Tell whether the address was unknown when it was last asked for."""
    return record.outcome in _OF_UNKNOWN and record.code in _UNKNOWN


def recorded_evidence(batch: Batch, *, undecided: bool = False) -> dict[Group, Evidence]:
    """Collect what earlier attempts at a batch learnt and its records still tell.

    ``undecided`` addresses are those that are unknown and will be asked for once more.
    """
    found: dict[Group, list[int]] = {}
    newer: dict[Group, Newer] = {}
    for position, (target, record) in enumerate(zip(batch.targets, batch.records, strict=True)):
        if target.address is None or (record.outcome is Outcome.OPEN and not undecided):
            continue
        group = group_of(target.platform, target.address)
        counts = found.setdefault(group, [0, 0])
        accepted, unknown = reached(record), is_unknown(record)
        counts[0] += accepted
        counts[1] += unknown
        if newness := batch.newness.get(position):
            more = newer_of(newness, accepted=accepted, unknown=unknown)
            newer[group] = added(newer.get(group, NONE_NEWER), more)
    return {
        group: Evidence(accepted, unknown, newer=newer.get(group, NONE_NEWER))
        for group, (accepted, unknown) in found.items()
    }


def undecided_addresses(batch: Batch) -> dict[Group, dict[str, Newness]]:
    """Find the addresses that were unknown when they were last asked for and will be asked for
    once more, and tell how new they are.
    """
    found: dict[Group, dict[str, Newness]] = {}
    for position in batch.open_positions():
        address = batch.targets[position].address
        if address is not None and is_unknown(batch.records[position]):
            group = group_of(batch.targets[position].platform, address)
            newness = batch.newness.get(position, Newness.KNOWN)
            found.setdefault(group, {})[address.value] = newness
    return found


def evidence_to_keep(batch: Batch) -> dict[Group, Evidence]:
    """Collect what the ledger keeps of a batch for other processes, which cannot tell it any more
    once the addresses are forgotten. Empty while an owner is at work, who remembers more.
    """
    if not batch.attempt or (batch.lease_owner and batch.state is BatchState.OPEN):
        return {}
    found = recorded_evidence(batch, undecided=True)
    return {group: evidence for group, evidence in found.items() if evidence.conclusive}


def refused_to_all(evidence: Evidence, code: str) -> bool:
    """Tell whether operators should hear of a refusal: several met it and nobody was accepted."""
    return not evidence.accepted and len(evidence.refused.get(code, ())) >= FEWEST_TO_TELL


def judged(group: Group, evidence: Evidence, answers: Collection[AddressGone]) -> Rejected | None:
    """Decide what unknown addresses of a group are recorded as, if the evidence is that we are
    wrong; else ``None``.
    """
    if not evidence.flooded:
        return None
    refused = sum(answer.code == "invalidToken" for answer in answers)
    elsewhere = group.kind is AddressKind.APNS and group.environment and 2 * refused > len(answers)
    return WRONG_ENVIRONMENT if elsewhere else WRONG_APP


def alarming(records: Iterable[Record]) -> int:
    """Count the batch's devices that held another app's address; 0 when too few for alarm."""
    ended = [r.code for r in records if r.outcome in (Outcome.DELIVERED, Outcome.FAILED)]
    foreign = sum(code in OF_ANOTHER_APP for code in ended)
    return foreign if foreign >= FEWEST_TO_TELL and foreign > len(ended) * SHARE_TO_TELL else 0
