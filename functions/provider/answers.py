"""Answers of ``provider-api``."""

from collections.abc import Mapping, Sequence

from functions.http.answers import DomainAnswer, ProviderAnswer, Sentence
from functions.http.models import Answer, Moment, with_dimensions, with_totals
from functions.http.notification import NotificationAnswer
from shared.domain.codes import sentence_of_test
from shared.domain.delivery.ledger import Outcome
from shared.domain.notifications.lifecycle import Status
from shared.flow.audience.size import Estimate
from shared.flow.delivery.explain import Explanation
from shared.flow.notifications.to_own_devices import DeviceResult


class NotificationsAnswer(Answer):
    """One page of a provider's notifications, newest first."""

    notifications: list[NotificationAnswer]
    next_page_token: str | None


class DashboardAnswer(Answer):
    """How many notifications are in each status, and the latest of them."""

    counts: Mapping[Status, int]
    latest: list[NotificationAnswer]


class ErrorCount(Sentence):
    """How many devices ended with this code, and what to do about it."""

    remedy: str
    count: int


@with_totals
class _StatusAnswer(Answer):
    """A notification's status, and its totals."""

    status: Status


@with_dimensions
class StatsAnswer(_StatusAnswer):
    """The counters of a notification: targeted = delivered + failed + skipped + unknown + open."""

    open_count: int
    errors: list[ErrorCount]
    failure: Sentence | None
    counted_at: Moment | None


class EstimateAnswer(Answer):
    """How many devices a segment would target; ``exact`` is false when some may count twice."""

    devices: int
    by_platform: Mapping[str, int]
    exact: bool

    @classmethod
    def of(cls, estimate: Estimate) -> "EstimateAnswer":
        """Answer an estimate."""
        return cls(devices=estimate.devices, by_platform=estimate.by_platform, exact=estimate.exact)


class ExplanationAnswer(Answer):
    """Whether and how a device was targeted, or which filters leave it out.

    ``unreadable`` names the fields of its document that cannot be read today.
    """

    hwid: str
    targeted: bool
    planned: bool
    misses: list[str]
    batch: str | None
    attempts: int
    outcome: Outcome | None
    code: str | None
    message: str | None
    receipt: str | None
    at: Moment | None
    unreadable: list[str]

    @classmethod
    def of(cls, hwid: str, explanation: Explanation, message: str | None) -> "ExplanationAnswer":
        """Answer about one device."""
        record = explanation.record
        return cls(
            hwid=hwid,
            targeted=explanation.targeted,
            planned=explanation.planned,
            misses=list(explanation.misses),
            batch=explanation.batch,
            attempts=explanation.attempts,
            outcome=record and record.outcome,
            code=(record and record.code) or None,
            message=message,
            receipt=(record and record.receipt) or None,
            at=record and record.at,
            unreadable=list(explanation.unreadable),
        )


class SentTestResultAnswer(Answer):
    """The result of a test send at one device."""

    hwid: str
    note: str | None
    outcome: Outcome
    code: str | None
    message: str


class SentTestAnswer(Answer):
    """The results of a test send, device by device."""

    results: list[SentTestResultAnswer]

    @classmethod
    def of(cls, results: Sequence[DeviceResult]) -> "SentTestAnswer":
        """Answer in words about each device."""
        return cls(
            results=[
                SentTestResultAnswer(
                    hwid=each.hwid,
                    note=each.note or None,
                    outcome=each.record.outcome,
                    code=each.record.code or None,
                    message=sentence_of_test(each.record.code),
                )
                for each in results
            ]
        )


class EntitlementsAnswer(Answer):
    """What the provider may do, and what is missing to send."""

    send: bool
    force_timer: bool
    missing: list[Sentence]


class MeAnswer(ProviderAnswer):
    """The provider who asks."""

    entitlements: EntitlementsAnswer


class DomainsAnswer(Answer):
    """All of a provider's domains, by name."""

    domains: list[DomainAnswer]


class NewKeyAnswer(Answer):
    """A new API key, shown this once."""

    id: str
    name: str
    key: str


class DescriptionAnswer(Answer):
    """This API as an OpenAPI document."""

    openapi: str
    info: Mapping[str, object]
    servers: list[Mapping[str, object]]
    paths: Mapping[str, object]
    components: Mapping[str, object]
