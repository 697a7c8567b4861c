"""What people are told of, and that the code says what the metrics listen for."""

import json
import re

import pytest

from functions.service import clock
from infra.offline.terraform import Terraform
from shared.adapters.push.engine import Access
from shared.domain.audience.device import DEFAULT_APP, AddressKind, AppService
from shared.domain.delivery.evidence import WRONG_APP, WRONG_ENVIRONMENT
from shared.domain.notifications.notification import NotificationId
from shared.domain.push.languages import LANGUAGES
from shared.domain.push.reactions import CREDENTIALS_REFUSED
from shared.flow.delivery.push_round import report
from shared.wire.tokens import CredentialsRefused
from tests.flow.test_one_answer import Sent, named, phone
from tests.infra.conftest import ROOT
from tests.infra.plans import Plan, planned

pytestmark = pytest.mark.slow


def source(module: str) -> str:
    return (ROOT / module).read_text()


def metric(plan: Plan, name: str) -> str:
    found = {r.key: r.values["filter"] for r in plan.of("google_logging_metric")}
    return str(found[name])


def phrases(plan: Plan, name: str) -> list[str]:
    """List what a metric searches for anywhere in an entry."""
    found = re.findall(r'(?:AND |OR |\()"([^"]+)"', metric(plan, name))
    return [phrase for phrase in found if phrase not in plan.functions()]


def listened_for(filter: str) -> re.Pattern[str]:
    """Build the pattern that a message must match."""
    return re.compile(json.loads(filter.rpartition("=~")[2]))


def test_work_that_got_stuck_is_counted_from_what_the_tick_logs(prod: Plan) -> None:
    filter = metric(prod, "stuck")
    assert 'service_name="tick"' in filter
    said = "swept 1 notifications, 0 parts, 2 batches"
    assert listened_for(filter).search(said)
    assert 'f"swept {swept.runs} notifications' in source(clock.__name__.replace(".", "/") + ".py")


@pytest.mark.parametrize("kind", AddressKind)
def test_refused_credentials_are_counted_from_what_the_senders_log(
    kind: AddressKind, prod: Plan, caplog: pytest.LogCaptureFixture
) -> None:
    """Searching a log for a phrase takes no notice of capitals."""
    assert " AND severity>=ERROR AND " in metric(prod, "credentials-refused")
    phrase = f"{LANGUAGES[kind].log_name}: credentialsRefused"
    assert phrase in phrases(prod, "credentials-refused")
    sent = Sent(phone(hwid, kind) for hwid in named(3))
    sent.world.push.will_all(CREDENTIALS_REFUSED)
    sent()
    said = [r.getMessage() for r in caplog.records if r.levelname == "ERROR"]
    assert any(phrase.lower() in it.lower() for it in said)


@pytest.mark.parametrize("kind", AddressKind)
def test_one_senders_word_about_a_few_addresses_is_no_alarm(
    kind: AddressKind, caplog: pytest.LogCaptureFixture
) -> None:
    report(AppService(DEFAULT_APP, kind), NotificationId("n1"), [CREDENTIALS_REFUSED])
    name = LANGUAGES[kind].log_name
    assert f"{name}: credentialsRefused, notification n1, 1 addresses" in caplog.text
    assert {record.levelname for record in caplog.records} == {"WARNING"}


class NoTokens:
    """The service that gives out access tokens refuses our own key."""

    def current(self, refused: str = "") -> str:
        raise CredentialsRefused("invalid_grant")


@pytest.mark.parametrize("service", ["FCM", "HMS"])
def test_an_own_key_that_gets_no_token_is_an_alarm_whoever_is_asked_for(
    service: str, prod: Plan, caplog: pytest.LogCaptureFixture
) -> None:
    assert Access(service, "/send", NoTokens()).target() == CREDENTIALS_REFUSED
    (record,) = caplog.records
    assert record.levelname == "ERROR"
    assert any(it in record.getMessage() for it in phrases(prod, "credentials-refused"))


def test_addresses_of_another_app_are_counted_from_what_the_flow_logs(prod: Plan) -> None:
    said, *floods = phrases(prod, "other-app")
    assert said in source("shared/flow/delivery/send.py")
    assert 'log.error("%s: %s, notification %s' in source("shared/flow/delivery/verdicts.py")
    codes = [WRONG_APP.code, WRONG_ENVIRONMENT.code]
    assert floods == [f": {code}, notification" for code in codes]


def test_waiting_beyond_the_agreed_time_is_counted_from_what_the_tick_logs(prod: Plan) -> None:
    (sentence,) = re.findall(r'log\.warning\("([^"]+)"', source("shared/flow/moderation/remind.py"))
    found = phrases(prod, "waiting")
    assert len(found) == 2
    assert all(phrase in sentence for phrase in found)


def test_a_closed_chat_is_counted_from_what_the_doors_log(prod: Plan) -> None:
    assert listened_for(metric(prod, "chat-closed")).search("the moderators' chat: put out")
    assert "the moderators' chat: {fault}" in source("functions/service/chat.py")


def test_exports_that_fail_are_counted_by_how_grave_they_are(prod: Plan) -> None:
    filter = metric(prod, "export-failures")
    assert 'service_name="export-events"' in filter
    assert filter.endswith("severity>=ERROR")


def test_our_own_faults_are_counted_from_what_the_edge_logs(prod: Plan) -> None:
    pattern = listened_for(metric(prod, "broken"))
    assert pattern.search("tick: defect: a record")
    assert pattern.search("POST /v1/notifications: unexpected: boom")
    assert not pattern.search("tick: try again: busy")
    edge = source("functions/http/errors.py")
    assert 'kind = "defect" if isinstance(error, Defect) else "unexpected"' in edge
    assert 'f"{where}: {kind}: {message_of(error)}"' in edge


WATCHED = {
    "slow-moderation",
    "chat-closed",
    "other-app",
    "export-failures",
    "stuck-notifications",
    "push-failures",
    "function-failures",
    "credentials-refused",
    "queue-age",
    "urgent-queue-age",
    "broken",
    "unreachable",
}


def test_everything_that_needs_a_person_is_told_to_one(prod: Plan) -> None:
    alerts = {r.key or r.name: r.values for r in prod.of("google_monitoring_alert_policy")}
    assert set(alerts) == WATCHED | {"no_tick"}
    for alert in alerts.values():
        assert alert["severity"] in {"CRITICAL", "ERROR", "WARNING"}
        assert len(alert["documentation"][0]["content"]) > 40, "it says what to do"
    assert len(prod.of("google_monitoring_notification_channel")) == 1


def test_a_share_is_compared_with_the_whole_it_is_a_share_of(prod: Plan) -> None:
    alerts = {r.key: r.values for r in prod.of("google_monitoring_alert_policy")}
    for name in ("push-failures", "function-failures"):
        (threshold,) = alerts[name]["conditions"][0]["condition_threshold"]
        assert threshold["filter"].startswith(threshold["denominator_filter"] + " AND ")
        assert 0 < threshold["threshold_value"] < 1
        assert len(threshold["denominator_aggregations"]) == 1


def test_the_uptime_check_asks_for_what_anyone_may_read(prod: Plan) -> None:
    (check,) = (r.values for r in prod.of("google_monitoring_uptime_check_config"))
    (asked,) = check["http_check"]
    assert asked["path"] == "/provider-api/openapi.json"
    assert asked["use_ssl"]
    assert asked["validate_ssl"]


def test_the_dashboard_shows_queues_answers_and_pushes(prod: Plan) -> None:
    (dashboard,) = (r.values for r in prod.of("google_monitoring_dashboard"))
    shown = json.loads(dashboard["dashboard_json"])
    assert len(shown["mosaicLayout"]["tiles"]) == 8
    for metric_type in ("queue/depth", "request_count", "request_latencies", "instance_count"):
        assert metric_type in dashboard["dashboard_json"]


def test_a_budget_is_watched_where_one_is_given(run: Terraform) -> None:
    budget = 'budget={"billing_account":"012345-6789AB-CDEF01","monthly":50}'
    assert len(planned(run, "prod", f"-var={budget}").of("google_billing_budget")) == 1


def test_reading_a_secret_or_an_account_leaves_a_trace(prod: Plan) -> None:
    logged = {
        r.values["service"]: {c["log_type"] for c in r.values["audit_log_config"]}
        for r in prod.of("google_project_iam_audit_config")
    }
    both = {"DATA_READ", "DATA_WRITE"}
    assert logged == {
        "allServices": {"ADMIN_READ"},
        "secretmanager.googleapis.com": both,
        "identitytoolkit.googleapis.com": both,
        "iam.googleapis.com": both,
    }
