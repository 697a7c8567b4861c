"""The part of ``provider-api`` that is about numbers: before a send, after it, for one device."""

from functions.http.answers import Sentence
from functions.http.bodies import EmptyRequest, RequestModel
from functions.http.callers import provider
from functions.http.fields import hwid_in
from functions.http.models import sums_json
from functions.http.routes import Call, Reply
from functions.provider.answers import ErrorCount, EstimateAnswer, ExplanationAnswer, StatsAnswer
from functions.provider.door import DOOR, foreign_domain, mine
from shared.domain.audience.filters import Segment
from shared.domain.codes import FAILURES, remedy, sentence
from shared.domain.notifications.notification import Notification
from shared.flow.delivery.explain import Explanation
from shared.flow.delivery.explain import explain as explained
from shared.flow.notifications.estimate import estimate as estimated
from shared.wiring import parts


class EstimateInput(RequestModel):
    """Who would be reached."""

    target_segment: Segment


@DOOR.route(
    "GET", "/v1/notifications/<id:id>/stats", who=provider, input=EmptyRequest, answer=StatsAnswer
)
def read_stats(call: Call[EmptyRequest]) -> Reply:
    """The counters, and each error in a sentence."""
    return Reply(_stats(mine(call)))


@DOOR.route(
    "GET",
    "/v1/notifications/<id:id>/devices/<hwid>",
    who=provider,
    input=EmptyRequest,
    answer=ExplanationAnswer,
)
def explain(call: Call[EmptyRequest]) -> Reply:
    """Why one device got it, or did not."""
    p = parts()
    hwid = hwid_in(call.path)
    found = explained(mine(call), hwid, needs=p)
    return Reply(_explanation(hwid, found.for_provider()))


@DOOR.route(
    "POST",
    "/v1/estimates",
    who=provider,
    input=EstimateInput,
    answer=EstimateAnswer,
    further=foreign_domain,
)
def estimate(call: Call[EstimateInput]) -> Reply:
    """How many devices a segment would reach, before anything is sent."""
    p = parts()
    found = estimated(call.input.target_segment, provider_id=call.caller.id, needs=p)
    return Reply(EstimateAnswer.of(found))


def _stats(notification: Notification) -> StatsAnswer:
    """Answer with counters that add up, and what went wrong how often."""
    sums, run = notification.tally, notification.run
    failure = run and run.failure_reason
    return StatsAnswer.model_validate(
        {
            "status": notification.status,
            **sums_json(sums),
            "open_count": sums.open,
            "errors": [
                ErrorCount(code=code, count=count, message=sentence(code), remedy=remedy(code))
                for code, count in sums.errors.items()
            ],
            "failure": failure and Sentence(code=failure, message=FAILURES[failure]),
            "counted_at": run and run.counted_at,
        }
    )


def _explanation(hwid: str, explanation: Explanation) -> ExplanationAnswer:
    """Put in words why a device got it or not."""
    code = explanation.record.code if explanation.record else ""
    return ExplanationAnswer.of(hwid, explanation, sentence(code) if code else None)
