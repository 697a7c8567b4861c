"""What each of Google's services is told to be, so that no default of theirs decides it."""

import json

import pytest

from infra.offline.terraform import Terraform
from tests.infra.conftest import ROOT
from tests.infra.plans import Json, Plan
from tests.infra.test_policies import PRIVATE, PUBLIC

pytestmark = pytest.mark.slow

PANEL = ["fanfare-prod-panel.web.app", "fanfare-prod-panel.firebaseapp.com"]
WHERE_LINKS_LEAD = "fanfare-prod.firebaseapp.com"
REGION = "europe-west1"


def one(plan: Plan, type: str) -> Json:
    (found,) = plan.of(type)
    return found.values


def test_functions_run_the_python_they_are_tested_with_and_events_are_all_writes(
    prod: Plan,
) -> None:
    for function in prod.functions().values():
        assert function["build_config"][0]["runtime"] == "python311"
        assert function["location"] == REGION
        triggers = function["event_trigger"] or []
        assert {t["event_type"] for t in triggers} <= {"google.cloud.firestore.document.v1.written"}


def test_browsers_may_call_from_the_panel_only_and_the_public_doors_only(prod: Plan) -> None:
    origins = ",".join(f"https://{host}" for host in PANEL)
    for name in PUBLIC:
        assert prod.environment(name)["FANFARE_PANEL_ORIGINS"] == origins
    for name in PRIVATE:
        assert "FANFARE_PANEL_ORIGINS" not in prod.environment(name)


def test_accounts_are_one_for_each_address_with_a_second_factor_for_who_wants_it(
    prod: Plan,
) -> None:
    accounts = one(prod, "google_identity_platform_config")
    assert accounts["authorized_domains"] == [*PANEL, WHERE_LINKS_LEAD]
    assert accounts["sign_in"][0]["allow_duplicate_emails"] is False
    (mfa,) = accounts["mfa"]
    assert mfa["state"] == "ENABLED"
    assert mfa["provider_configs"][0]["state"] == "ENABLED"
    assert len(mfa["provider_configs"][0]["totp_provider_config"]) == 1
    (permissions,) = accounts["client"][0]["permissions"]
    assert permissions["disabled_user_signup"] is False, "a device's first sign-in is one"


def test_the_panels_proof_lasts_an_hour(prod: Plan) -> None:
    proof = one(prod, "google_firebase_app_check_recaptcha_enterprise_config")
    assert proof["token_ttl"] == "3600s"


def test_the_source_is_kept_private_and_its_versions_are_kept(prod: Plan, dev: Plan) -> None:
    bucket = one(prod, "google_storage_bucket")
    assert bucket["uniform_bucket_level_access"] is True
    assert bucket["public_access_prevention"] == "enforced"
    assert bucket["versioning"] == [{"enabled": True}]
    assert bucket["location"] == REGION
    assert bucket["force_destroy"] is False
    assert one(dev, "google_storage_bucket")["force_destroy"] is True


def test_images_are_cleaned_up_but_for_the_newest_three(prod: Plan) -> None:
    repository = one(prod, "google_artifact_registry_repository")
    assert repository["cleanup_policy_dry_run"] is False
    policies = {each["action"]: each for each in repository["cleanup_policies"]}
    assert policies["KEEP"]["most_recent_versions"][0]["keep_count"] == 3
    assert policies["DELETE"]["condition"][0]["older_than"] == f"{30 * 86_400}s"


def test_secrets_stay_in_the_region(prod: Plan) -> None:
    for secret in prod.of("google_secret_manager_secret"):
        (replication,) = secret.values["replication"]
        (replica,) = replication["user_managed"][0]["replicas"]
        assert replica["location"] == REGION


def test_taking_fanfare_away_takes_no_service_from_the_project(prod: Plan) -> None:
    assert all(not r.values["disable_on_destroy"] for r in prod.of("google_project_service"))


def test_the_database_is_where_it_was_decided_and_backed_up_daily_and_on_sundays(
    prod: Plan,
) -> None:
    database = one(prod, "google_firestore_database")
    assert (database["location_id"], database["type"]) == ("eur3", "FIRESTORE_NATIVE")
    backups = {r.key: r.values for r in prod.of("google_firestore_backup_schedule")}
    assert len(backups["daily"]["daily_recurrence"]) == 1
    assert backups["weekly"]["weekly_recurrence"] == [{"day": "SUNDAY"}]


def test_whoever_applies_uses_up_the_projects_own_quota(prod: Plan) -> None:
    configured = json.loads(prod.text)["configuration"]["provider_config"]
    for name in ("google", "google-beta"):
        told = configured[name]["expressions"]
        assert told["user_project_override"]["constant_value"] is True
        assert told["billing_project"]["references"] == ["var.project"]
        assert told["default_labels"]["references"] == ["local.labels"]


def test_people_and_hosting_reach_the_public_doors_where_the_code_says_they_are(
    standing: Terraform,
) -> None:
    shown = json.loads(standing("output", "-json").stdout)
    assert shown["gateway"]["value"] == f"https://{REGION}-fanfare-prod.cloudfunctions.net"
    assert set(shown["functions"]["value"]) == PUBLIC | set(PRIVATE)

    firebase = json.loads((ROOT / "firebase.json").read_text())
    for rewrite in firebase["hosting"]["rewrites"]:
        assert rewrite["run"]["serviceId"] in PUBLIC
        assert rewrite["run"]["region"] == REGION
    for name in ("rules", "indexes"):
        assert (ROOT / firebase["firestore"][name]).is_file()
    assert (ROOT / firebase["hosting"]["public"] / "index.html").is_file()
    local = [e for e in firebase["emulators"].values() if isinstance(e, dict) and "host" in e]
    assert {each["host"] for each in local} == {"127.0.0.1"}
    assert "functions" not in firebase, "Terraform is the one way functions are deployed"
