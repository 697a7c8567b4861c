"""Every figure somebody decided, as a table: who changes one changes it here too, on purpose.

Why a figure is what it is stands where it is set (``infra/``) and in ``benchmarks/README.md``; the
relations between figures are in ``test_policies.py``.
"""

import pytest

from functions.http.routes import Protocol
from functions.table import routes
from infra.offline.terraform import Terraform
from tests.infra.plans import Json, Plan, planned

pytestmark = pytest.mark.slow

CALLABLES = [row.function for row in routes() if row.protocol is Protocol.CALLABLE]
HANDLER = 510
"""Half a minute more than a task handler takes before it hands over."""

FUNCTIONS = {
    # calls an instance takes at a time, instances in a new project, instances at most, seconds
    "provider-api": (16, 2, 20, 60),
    "device-api": (32, 2, 40, 60),
    "operator-api": (16, 1, 5, 60),
    **dict.fromkeys(CALLABLES, (16, 1, 5, 60)),
    "telegram-webhook": (16, 1, 5, 60),
    "on-notification-written": (16, 1, 20, 60),
    "on-device-written": (32, 1, 40, 60),
    "plan-fanout": (4, 1, 20, HANDLER),
    "send-batch": (4, 3, 40, HANDLER),
    "export-events": (1, 1, 4, HANDLER),
    "tick": (1, 1, 2, 150),
}

QUEUES = {
    # tasks started in a second; tasks under way at a time in a new project, and at most
    "plan": (20, 4, 40),
    "send-urgent": (2, 3, 40),
    "send-normal": (6, 4, 60),
    "send-bulk": (10, 4, 60),
    "export": (1, 1, 4),
}
MOST_INSTANCES = sum(most for _, _, most, _ in FUNCTIONS.values())

RETRIES = {
    "max_attempts": 20,
    "max_retry_duration": "3600s",
    "min_backoff": "2s",
    "max_backoff": "300s",
    "max_doublings": 7,
}

COUNTED = ("ALIGN_DELTA", "REDUCE_SUM")
SLOWEST = ("ALIGN_PERCENTILE_99", "REDUCE_MAX")
ALERTS = {
    # above what, in how many seconds, for how many seconds on end, reckoned how
    "stuck-notifications": (5, 900, 0, *COUNTED),
    "push-failures": (0.2, 600, 600, *COUNTED),
    "function-failures": (0.05, 300, 600, *COUNTED),
    "slow-moderation": (0, 300, 0, *COUNTED),
    "chat-closed": (0, 300, 0, *COUNTED),
    "other-app": (0, 300, 0, *COUNTED),
    "export-failures": (0, 900, 0, *COUNTED),
    "credentials-refused": (0, 300, 0, *COUNTED),
    "broken": (0, 300, 0, *COUNTED),
    "queue-age": (900_000, 300, 300, *SLOWEST),
    "urgent-queue-age": (60_000, 300, 0, *SLOWEST),
    "unreachable": (1, 300, 300, "ALIGN_NEXT_OLDER", "REDUCE_COUNT_FALSE"),
}


@pytest.fixture(scope="module")
def raised(run: Terraform) -> Plan:
    """Plan prod with as many instances as the functions can use."""
    return planned(run, "prod", f"-var=most_instances={MOST_INSTANCES}")


def test_every_function_takes_as_many_calls_for_as_long_as_was_decided(
    prod: Plan, raised: Plan
) -> None:
    def services(plan: Plan) -> dict[str, Json]:
        return {name: each["service_config"][0] for name, each in plan.functions().items()}

    few, most = services(prod), services(raised)
    assert {
        name: (
            each["max_instance_request_concurrency"],
            each["max_instance_count"],
            most[name]["max_instance_count"],
            each["timeout_seconds"],
        )
        for name, each in few.items()
    } == FUNCTIONS


def test_every_queue_is_as_fast_as_was_decided_and_tries_again_as_often(
    prod: Plan, raised: Plan
) -> None:
    def rates(plan: Plan) -> dict[str, Json]:
        queues = plan.of("google_cloud_tasks_queue")
        return {r.values["name"]: r.values["rate_limits"][0] for r in queues}

    few, most = rates(prod), rates(raised)
    assert {
        name: (
            each["max_dispatches_per_second"],
            each["max_concurrent_dispatches"],
            most[name]["max_concurrent_dispatches"],
        )
        for name, each in few.items()
    } == QUEUES
    for queue in (r.values for r in prod.of("google_cloud_tasks_queue")):
        retries = queue["retry_config"][0]
        assert {name: retries[name] for name in RETRIES} == RETRIES
        assert queue["stackdriver_logging_config"] == [{"sampling_ratio": 0.01}]


def test_the_clock_asks_once_a_minute_and_leaves_what_failed_to_the_next(prod: Plan) -> None:
    (job,) = (r.values for r in prod.of("google_cloud_scheduler_job"))
    assert (job["schedule"], job["time_zone"]) == ("* * * * *", "Etc/UTC")
    assert job["attempt_deadline"] == "180s"
    assert job["retry_config"][0]["retry_count"] == 0
    assert job["http_target"][0]["http_method"] == "POST"


def test_functions_hand_over_and_lease_as_long_as_the_code_does_by_itself(prod: Plan) -> None:
    for name in prod.functions():
        told = prod.environment(name)
        assert (told["FANFARE_HANDLER_SECONDS"], told["FANFARE_LEASE_SECONDS"]) == ("480", "90")


def alerts(plan: Plan) -> dict[str, Json]:
    return {r.key: r.values for r in plan.of("google_monitoring_alert_policy") if r.name == "told"}


def test_people_are_told_from_exactly_the_thresholds_that_were_decided(prod: Plan) -> None:
    found = {}
    for name, alert in alerts(prod).items():
        (condition,) = alert["conditions"]
        (threshold,) = condition["condition_threshold"]
        (sums,) = threshold["aggregations"]
        assert threshold["comparison"] == "COMPARISON_GT"
        assert threshold["denominator_aggregations"] in ([], [sums]), "a share of the same sums"
        found[name] = (
            threshold["threshold_value"],
            int(sums["alignment_period"].removesuffix("s")),
            int(threshold["duration"].removesuffix("s")),
            sums["per_series_aligner"],
            sums["cross_series_reducer"],
        )
    assert found == ALERTS


def test_ten_minutes_without_a_tick_that_succeeded_are_told(prod: Plan) -> None:
    (alert,) = (r.values for r in prod.of("google_monitoring_alert_policy") if r.name == "no_tick")
    (absent,) = alert["conditions"][0]["condition_absent"]
    assert absent["duration"] == "600s"
    assert 'resource.labels.service_name="tick"' in absent["filter"]
    assert 'response_code_class="2xx"' in absent["filter"]
    assert alert["severity"] == "CRITICAL"


def test_every_alert_reaches_everybody_who_is_to_be_told(settled: Plan) -> None:
    channels = {r.values["id"] for r in settled.of("google_monitoring_notification_channel")}
    assert channels
    for alert in settled.of("google_monitoring_alert_policy"):
        assert set(alert.values["notification_channels"]) == channels, alert.address


def test_shares_and_ages_are_of_what_google_measures(settled: Plan) -> None:
    filters = {
        name: alert["conditions"][0]["condition_threshold"][0]["filter"]
        for name, alert in alerts(settled).items()
    }
    assert 'type="run.googleapis.com/request_count"' in filters["function-failures"]
    assert filters["function-failures"].endswith('response_code_class="5xx"')
    assert 'service="fcm.googleapis.com"' in filters["push-failures"]
    assert filters["push-failures"].endswith('response_code_class!="2xx"')
    for name in ("queue-age", "urgent-queue-age"):
        assert 'type="cloudtasks.googleapis.com/queue/task_attempt_delays"' in filters[name]
    assert filters["queue-age"].endswith('queue_id!="send-urgent"')
    assert filters["urgent-queue-age"].endswith('queue_id="send-urgent"')
    (check,) = (r.values for r in settled.of("google_monitoring_uptime_check_config"))
    assert filters["unreachable"].endswith(f'check_id="{check["uptime_check_id"]}"')
    assert (check["period"], check["timeout"]) == ("300s", "10s")
    (target,) = check["monitored_resource"]
    assert target["labels"]["host"] == "europe-west1-fanfare-prod.cloudfunctions.net"


def test_the_bill_is_told_of_at_half_at_nine_tenths_and_before_it_is_full(
    standing: Terraform,
) -> None:
    given = 'budget={"billing_account":"012345-6789AB-CDEF01","monthly":50,"currency":"CHF"}'
    plan = planned(standing, "prod", f"-var={given}")
    (budget,) = (r.values for r in plan.of("google_billing_budget"))
    told = [(rule["threshold_percent"], rule["spend_basis"]) for rule in budget["threshold_rules"]]
    assert [percent for percent, _ in told] == [0.5, 0.9, 1.0]
    assert told[-1] == (1.0, "FORECASTED_SPEND")
    (amount,) = budget["amount"][0]["specified_amount"]
    assert (amount["units"], amount["currency_code"]) == ("50", "CHF")
    assert budget["budget_filter"][0]["calendar_period"] == "MONTH"
    (rule,) = budget["all_updates_rule"]
    assert not rule["disable_default_iam_recipients"]
    channels = [r.values["id"] for r in plan.of("google_monitoring_notification_channel")]
    assert rule["monitoring_notification_channels"] == channels
