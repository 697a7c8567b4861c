"""Who may do what, told from the plan: the doors, the rights, the secrets, the limits."""

import json
import re
from pathlib import Path

import pytest

from functions.main import DOORS
from functions.table import routes
from infra.offline.terraform import Terraform
from shared.adapters.tasks import CloudTasks
from shared.domain.audience.device import AddressKind
from shared.domain.delivery import ledger
from shared.domain.notifications.lifecycle import Status
from shared.flow.delivery.queues import Queue, send_task
from shared.settings import Settings, read
from tests.builders import a_notification, ran
from tests.infra.conftest import ROOT
from tests.infra.plans import Grant, Plan, planned

pytestmark = pytest.mark.slow

PUBLIC = {*(row.function for row in routes()), "telegram-webhook"}
"""Called by people and devices: each checks its caller's ID token, key or secret itself."""

PRIVATE = {
    "plan-fanout": "fanfare-tasks",
    "send-batch": "fanfare-tasks",
    "export-events": "fanfare-tasks",
    "on-notification-written": "fanfare-events",
    "on-device-written": "fanfare-events",
    "tick": "fanfare-scheduler",
}
"""Called by Google only, each under one account."""

FCM_MESSAGES_A_MINUTE = 600_000


# ---- doors ---------------------------------------------------------------------------------------


def test_what_is_deployed_is_what_the_code_has_doors_for(prod: Plan) -> None:
    built = {name: f["build_config"][0]["entry_point"] for name, f in prod.functions().items()}
    assert built == {door.replace("_", "-"): door for door in DOORS}
    assert set(built) == PUBLIC | set(PRIVATE)


def test_the_guide_counts_queues_as_the_plan_does(prod: Plan) -> None:
    guide = (ROOT / "docs" / "deploy.md").read_text()
    assert f"{WORDS[len(prod.of('google_cloud_tasks_queue'))]} queues `RUNNING`" in guide


WORDS = {4: "four", 5: "five", 6: "six"}


def test_everyone_may_call_the_public_doors_and_nothing_else(prod: Plan) -> None:
    everyone = {g for g in prod.grants() if g.member in {"allUsers", "allAuthenticatedUsers"}}
    assert everyone == {Grant("allUsers", "run.invoker", door) for door in PUBLIC}


def test_every_private_door_has_one_caller_and_takes_internal_calls_only(prod: Plan) -> None:
    callers = {g for g in prod.grants() if g.role == "run.invoker" and g.on not in PUBLIC}
    assert callers == {Grant(who, "run.invoker", door) for door, who in PRIVATE.items()}
    inside = {
        name
        for name, function in prod.functions().items()
        if function["service_config"][0]["ingress_settings"] == "ALLOW_INTERNAL_ONLY"
    }
    assert inside == set(PRIVATE)


def test_the_right_to_call_is_given_as_a_whole_so_that_no_one_else_keeps_it(prod: Plan) -> None:
    bound = {r.values["service"] for r in prod.of("google_cloud_run_service_iam_binding")}
    assert bound == set(prod.functions())
    assert not prod.of("google_cloud_run_service_iam_member")


def test_only_where_cloud_run_checks_tokens_does_a_function_believe_that(prod: Plan) -> None:
    """A public function with this setting would accept a token that anybody wrote."""
    believing = {
        name for name in prod.functions() if "FANFARE_IAM_CHECKS_TOKENS" in prod.environment(name)
    }
    assert believing == set(PRIVATE)
    assert all(prod.environment(n)["FANFARE_IAM_CHECKS_TOKENS"] == "true" for n in believing)


@pytest.mark.parametrize(("function", "account"), PRIVATE.items())
def test_the_code_expects_the_account_that_may_call(
    function: str, account: str, prod: Plan
) -> None:
    settings = settings_of(prod, function)
    caller = account.removeprefix("fanfare-")
    assert settings.account(caller).partition("@")[0] == account


@pytest.mark.parametrize("function", sorted(PUBLIC | set(PRIVATE)))
def test_a_function_starts_with_the_settings_it_is_given(function: str, prod: Plan) -> None:
    settings = settings_of(prod, function)
    assert (settings.project, settings.region) == ("fanfare-prod", "europe-west1")
    assert not settings.local


def settings_of(plan: Plan, function: str) -> Settings:
    return read(plan.environment(function) | {"K_SERVICE": function})


def test_events_of_both_collections_come_from_where_the_database_is_and_come_again(
    prod: Plan,
) -> None:
    (database,) = prod.of("google_firestore_database")
    collections = {}
    for name, function in prod.functions().items():
        for trigger in function["event_trigger"] or ():
            filters = {f["attribute"]: f for f in trigger["event_filters"]}
            assert trigger["retry_policy"] == "RETRY_POLICY_RETRY"
            assert trigger["trigger_region"] == database.values["location_id"]
            assert trigger["service_account_email"].startswith("fanfare-events@")
            assert filters["database"]["value"] == "(default)"
            assert filters["document"]["operator"] == "match-path-pattern"
            collections[name] = filters["document"]["value"]
    assert collections == {
        "on-notification-written": "pendingNotifications/{id}",
        "on-device-written": "devices/{id}",
    }


# ---- rights --------------------------------------------------------------------------------------


def documented() -> set[Grant]:
    """Read the table of rights in docs/deploy.md."""
    text = (ROOT / "docs" / "deploy.md").read_text()
    table = text.partition("<!-- rights -->")[2].partition("<!-- /rights -->")[0]
    found = set()
    for row in table.splitlines():
        account, _, rights = row.strip("| ").partition(" | ")
        for right in re.findall(r"`([^`]+)`", rights):
            role, _, on = right.partition(" on ")
            found.add(Grant(account.strip("`"), role, on))
    return found


@pytest.mark.parametrize("environment", ["dev", "prod"])
def test_every_account_has_exactly_the_documented_rights(environment: str, run: Terraform) -> None:
    assert planned(run, environment).grants() == documented()


def test_every_function_runs_under_an_account_of_its_own(prod: Plan) -> None:
    accounts = {
        name: function["service_config"][0]["service_account_email"].partition("@")[0]
        for name, function in prod.functions().items()
    }
    assert accounts == {name: f"fn-{name}" for name in accounts}


def test_no_role_is_broad(prod: Plan) -> None:
    broad = re.compile(r"^(owner|editor|viewer|.*[aA]dmin|iam\.serviceAccountTokenCreator)$")
    assert [grant for grant in prod.grants() if broad.match(grant.role)] == []
    permissions = {
        r.values["role_id"]: set(r.values["permissions"])
        for r in prod.of("google_project_iam_custom_role")
    }
    assert permissions == {
        "fanfareSender": {"cloudmessaging.messages.create"},
        "fanfareTokenSigner": {"iam.serviceAccounts.signBlob"},
        "fanfareAccountReader": {"firebaseauth.users.get"},
        "fanfareAccountKeeper": {"firebaseauth.users.get", "firebaseauth.users.update"},
    }


def test_a_function_may_enqueue_where_it_does(prod: Plan) -> None:
    """Whoever plans or sends names the queue by itself; moderators' doors never do."""
    queues: dict[str, set[str]] = {}
    for grant in prod.grants():
        if grant.role == "cloudtasks.enqueuer":
            queues.setdefault(grant.member.removeprefix("fn-"), set()).add(grant.on)
    every = {str(queue) for queue in Queue}
    assert queues == {
        "provider-api": {Queue.URGENT},
        "on-notification-written": {Queue.PLAN, Queue.URGENT},
        "plan-fanout": every - {Queue.EXPORT},
        "send-batch": every - {Queue.PLAN, Queue.EXPORT},
        "export-events": {Queue.EXPORT},
        "tick": every,
    }


# ---- secrets -------------------------------------------------------------------------------------


def test_secrets_have_a_place_and_no_value(prod: Plan) -> None:
    assert {r.values["secret_id"] for r in prod.of("google_secret_manager_secret")} == {
        "telegram-bot-token",
        "telegram-webhook-secret",
        "log-key",
        *(f"{kind}-credentials" for kind in AddressKind if kind is not AddressKind.FCM),
    }
    forbidden = re.compile("secret_version|account_key|apikeys_key|hmac_key|private_key|random_")
    assert [r.address for r in prod.resources if forbidden.search(r.type)] == []


def test_no_variable_takes_a_secret_and_no_setting_holds_one() -> None:
    files = [*(ROOT / "infra").rglob("*.tf"), *(ROOT / "infra").rglob("*.example")]
    text = "\n".join(path.read_text() for path in files)
    variables = re.findall(r'^variable "(\w+)"', text, re.MULTILINE)
    secretive = re.compile("password|token|key$|credential", re.IGNORECASE)
    assert [name for name in variables if secretive.search(name) and name != "signs_tokens"] == []
    assert not re.search(r"-----BEGIN|AIza[0-9A-Za-z_-]{35}|\bAKIA[0-9A-Z]{16}\b", text)


# ---- limits --------------------------------------------------------------------------------------


@pytest.mark.parametrize("function", [name for name, who in PRIVATE.items() if "tasks" in who])
def test_a_task_handler_hands_over_is_cut_off_and_is_given_up_in_this_order(
    function: str, prod: Plan
) -> None:
    """Cloud Tasks must still be listening when the function is cut off, or it starts a second."""
    settings = settings_of(prod, function)
    (service,) = prod.functions()[function]["service_config"]
    deadline = dispatch_deadline_seconds(settings)
    assert settings.handler_seconds < service["timeout_seconds"] < deadline <= 1800
    assert settings.lease_seconds < service["timeout_seconds"]


def dispatch_deadline_seconds(settings: Settings) -> int:
    """Return what the code itself asks Cloud Tasks for."""
    local = settings.model_copy(update={"cloud_tasks": "127.0.0.1:1"})
    task = send_task(ran(a_notification(status=Status.SENDING)), ledger.BatchId("0-0-0"))
    return int(CloudTasks(local)._described(task, "q").dispatch_deadline.seconds)


def test_the_tick_is_cut_off_before_the_scheduler_gives_it_up(prod: Plan) -> None:
    (job,) = prod.of("google_cloud_scheduler_job")
    (tick,) = prod.functions()["tick"]["service_config"]
    assert tick["timeout_seconds"] < int(job.values["attempt_deadline"].removesuffix("s"))
    assert job.values["schedule"] == "* * * * *"
    (target,) = job.values["http_target"]
    assert target["oidc_token"][0]["service_account_email"].startswith("fanfare-scheduler@")


def test_there_is_a_queue_for_every_name_in_the_code_with_limits_and_retries(prod: Plan) -> None:
    queues = {r.values["name"]: r.values for r in prod.of("google_cloud_tasks_queue")}
    assert set(queues) == {str(queue) for queue in Queue}
    for queue in queues.values():
        (rates,), (retries,) = queue["rate_limits"], queue["retry_config"]
        assert 0 < rates["max_dispatches_per_second"] <= 500
        assert 0 < rates["max_concurrent_dispatches"] <= 5000
        assert retries["max_attempts"] >= 10, "a bad minute is no reason to wait for the tick"
        assert retries["max_retry_duration"] == "3600s"
        assert retries["min_backoff"] == "2s"
        assert queue["http_target"] == [], "it would override the token of every task"
        assert queue["deletion_policy"] == "PREVENT"


def test_all_queues_together_stay_below_what_fcm_allows(prod: Plan) -> None:
    sending = {str(queue) for queue in Queue} - {Queue.PLAN, Queue.EXPORT}
    a_second = sum(
        r.values["rate_limits"][0]["max_dispatches_per_second"]
        for r in prod.of("google_cloud_tasks_queue")
        if r.values["name"] in sending
    )
    assert a_second * ledger.BATCH_SIZE * 60 < FCM_MESSAGES_A_MINUTE
    text = (ROOT / "infra" / "functions.tf").read_text()
    assert f"batch_size      = {ledger.BATCH_SIZE}\n" in text


def test_every_instance_has_as_many_threads_as_it_is_sent_calls(prod: Plan) -> None:
    for name, function in prod.functions().items():
        (service,) = function["service_config"]
        assert int(prod.environment(name)["THREADS"]) == service["max_instance_request_concurrency"]
        assert 1 <= service["max_instance_count"] <= 100


def test_only_what_a_person_waits_for_is_always_running_and_in_prod_only(
    prod: Plan, dev: Plan
) -> None:
    def warm(plan: Plan) -> set[str]:
        services = {name: f["service_config"][0] for name, f in plan.functions().items()}
        return {name for name, each in services.items() if each["min_instance_count"] > 0}

    assert warm(prod) == {"provider-api", "device-api"} <= PUBLIC
    assert warm(dev) == set()


def test_every_function_has_the_memory_it_was_measured_with(prod: Plan) -> None:
    for name, function in prod.functions().items():
        (service,) = function["service_config"]
        assert service["available_memory"] == ("1Gi" if name == "send-batch" else "512Mi")
        assert service["available_cpu"] == "1", "less takes one call at a time only"
        assert service["timeout_seconds"] >= 60


VCPU_OF_A_NEW_PROJECT = 20
MEMORY_OF_A_NEW_PROJECT = 40 * 1024
"""MiB. A region's quotas in a project that has asked for nothing."""


def asked_for(plan: Plan) -> tuple[int, int]:
    """Return the vCPU and the MiB that all functions together may use."""
    services = [each["service_config"][0] for each in plan.functions().values()]
    mib = {"512Mi": 512, "1Gi": 1024}
    return (
        sum(int(each["available_cpu"]) * each["max_instance_count"] for each in services),
        sum(mib[each["available_memory"]] * each["max_instance_count"] for each in services),
    )


@pytest.mark.parametrize("environment", ["dev", "prod"])
def test_by_default_all_instances_together_fit_into_a_new_projects_quota(
    environment: str, run: Terraform
) -> None:
    vcpu, mib = asked_for(planned(run, environment))
    assert vcpu <= VCPU_OF_A_NEW_PROJECT
    assert mib <= MEMORY_OF_A_NEW_PROJECT


@pytest.mark.parametrize("most", [50, 100, 226, 1000])
def test_one_variable_raises_them_all_and_never_beyond_it(most: int, run: Terraform) -> None:
    vcpu, _ = asked_for(planned(run, "dev", f"-var=most_instances={most}"))
    assert most * 0.8 < vcpu <= most or vcpu == 226


@pytest.mark.parametrize("most", [20, 47, 110, 226])
def test_all_that_the_queues_send_at_once_finds_an_instance(most: int, run: Terraform) -> None:
    plan = planned(run, "dev", f"-var=most_instances={most}")
    at_once = {
        r.values["name"]: r.values["rate_limits"][0]["max_concurrent_dispatches"]
        for r in plan.of("google_cloud_tasks_queue")
    }

    def room(function: str) -> int:
        (service,) = plan.functions()[function]["service_config"]
        return int(service["max_instance_count"] * service["max_instance_request_concurrency"])

    assert at_once.pop(Queue.PLAN) <= room("plan-fanout")
    assert at_once.pop(Queue.EXPORT) <= room("export-events")
    assert sum(at_once.values()) <= room("send-batch")
    assert min(at_once.values()) >= 1


def test_the_guide_names_the_instances_that_the_functions_can_use(run: Terraform) -> None:
    vcpu, _ = asked_for(planned(run, "dev", "-var=most_instances=1000"))
    variables = (ROOT / "infra" / "variables.tf").read_text()
    assert f"above {vcpu} nothing is gained" in variables
    assert f"`most_instances = {vcpu}`" in (ROOT / "docs" / "deploy.md").read_text()


# ---- data ----------------------------------------------------------------------------------------


def test_prod_can_be_recovered_and_cannot_be_deleted_by_accident(prod: Plan) -> None:
    (database,) = (r.values for r in prod.of("google_firestore_database"))
    assert database["point_in_time_recovery_enablement"] == "POINT_IN_TIME_RECOVERY_ENABLED"
    assert database["delete_protection_state"] == "DELETE_PROTECTION_ENABLED"
    assert database["deletion_policy"] == "PREVENT"
    backups = {r.key: r.values["retention"] for r in prod.of("google_firestore_backup_schedule")}
    assert backups == {"daily": f"{14 * 86400}s", "weekly": f"{14 * 7 * 86400}s"}
    assert all(r.values["deletion_protection"] for r in prod.of("google_secret_manager_secret"))


def test_people_sign_in_by_password_at_the_panel_and_nobody_anonymously(prod: Plan) -> None:
    (accounts,) = (r.values for r in prod.of("google_identity_platform_config"))
    (sign_in,), (client,) = accounts["sign_in"], accounts["client"]
    assert sign_in["email"][0] == {"enabled": True, "password_required": True}
    assert sign_in["anonymous"][0] == {"enabled": False}
    assert client["permissions"][0]["disabled_user_deletion"], "who decided must stay known"
    (key,) = (r.values["web_settings"][0] for r in prod.of("google_recaptcha_enterprise_key"))
    assert not key["allow_all_domains"]
    links = "fanfare-prod.firebaseapp.com"
    assert accounts["authorized_domains"] == [*key["allowed_domains"], links]


def test_app_check_refuses_nobody_until_it_is_asked_to(prod: Plan) -> None:
    checked = prod.of("google_firebase_app_check_service_config")
    assert {r.values["enforcement_mode"] for r in checked} == {"UNENFORCED"}


def test_the_rules_that_are_released_are_the_tested_ones(prod: Plan) -> None:
    (ruleset,) = prod.of("google_firebaserules_ruleset")
    (file,) = ruleset.values["source"][0]["files"]
    assert file["content"] == (ROOT / "firestore.rules").read_text()
    (release,) = prod.of("google_firebaserules_release")
    assert release.values["name"] == "cloud.firestore"


def test_the_deployed_bundle_is_named_by_its_content(prod: Plan, run: Terraform) -> None:
    (bundle,) = prod.of("google_storage_bucket_object")
    assert re.fullmatch(r"fanfare-[0-9a-f]{64}\.zip", bundle.values["name"])
    objects = {
        f["build_config"][0]["source"][0]["storage_source"][0]["object"]
        for f in prod.functions().values()
    }
    assert objects == {bundle.values["name"]}
    assert Path(run.folder, bundle.values["source"]).exists()


def test_the_plan_names_nobodys_machine(prod: Plan) -> None:
    assert str(ROOT) not in json.dumps([r.values for r in prod.resources])
