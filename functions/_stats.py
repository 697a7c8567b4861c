"""A notification's numbers, and one device's part in them, told in sentences."""

from functions._answers import ErrorCount, ExplanationAnswer, Sentence, StatsAnswer
from functions._sentences import FAILURES, sentence
from shared.domain.notification import Notification
from shared.flow.explain import Explanation


def stats(notification: Notification) -> StatsAnswer:
    """Counters that add up, and what went wrong how often."""
    sums, failure = notification.tally, notification.failure_reason
    return StatsAnswer.model_validate(
        {
            "status": notification.status,
            "targeted_count": sums.targeted,
            "delivered_count": sums.delivered,
            "failed_count": sums.failed,
            "skipped_count": sums.skipped,
            "unknown_count": sums.unknown,
            "open_count": sums.open,
            "errors": [
                ErrorCount(code=code, count=count, message=sentence(code))
                for code, count in sums.errors.items()
            ],
            "failure": failure and Sentence(code=failure, message=FAILURES[failure]),
            "counted_at": notification.counted_at,
        }
    )


def explanation(hwid: str, found: Explanation) -> ExplanationAnswer:
    """Why a device got it or not.

    Of a device on none of the provider's domains nothing is told, not even that it exists.
    """
    if not found.targeted and "domain" in found.misses:
        found = Explanation(targeted=False, planned=found.planned, known=False, misses=("device",))
    code = found.record.code if found.record else ""
    return ExplanationAnswer.of(hwid, found, sentence(code) if code else None)
