"""Terraform accepts the files, plans what we expect, and refuses what is wrong."""

import json
import re
from pathlib import Path

import pytest

from functions.main import DOORS
from infra.offline.terraform import Terraform, offline
from tests.infra.conftest import ROOT, lay_out
from tests.infra.plans import FUNCTION, Plan, Resource, planned, resources

pytestmark = pytest.mark.slow
INVENTORY = json.loads((Path(__file__).parent / "inventory.json").read_text())
OF_EVERY_FUNCTION = (
    "function: google_cloud_run_service_iam_binding.invoker",
    "function: google_cloudfunctions2_function.this",
    "function: google_service_account.runtime",
)
DECLARED = json.loads((ROOT / "firestore.indexes.json").read_text())


@pytest.fixture
def alone(tmp_path: Path, run: Terraform) -> Terraform:
    """Copy Terraform's folder for a test that changes it; its providers are the session's."""
    return run.in_folder(lay_out(tmp_path))


def test_the_files_are_formatted(run: Terraform) -> None:
    done = run("fmt", "-check", "-recursive", "-diff", str(ROOT / "infra"))
    assert done.returncode == 0, done.stdout


def test_the_files_are_valid_against_the_schema_of_the_real_providers(run: Terraform) -> None:
    done = run("validate", "-json")
    assert json.loads(done.stdout)["diagnostics"] == []


def test_terraforms_own_tests_pass(run: Terraform) -> None:
    done = run("test", "-no-color")
    assert done.returncode == 0, done.stdout + done.stderr
    passed = re.search(r"(\d+) passed, 0 failed", done.stdout)
    assert passed, done.stdout
    assert int(passed[1]) >= 10


# ---- what is planned -----------------------------------------------------------------------------


def inventory(plan: Plan) -> dict[str, list[str]]:
    found: dict[str, list[str]] = {}
    for each in plan.resources:
        found.setdefault(each.family, []).append(_called(each))
    return {family: sorted(names) for family, names in sorted(found.items())}


def _called(resource: Resource) -> str:
    key = resource.key.rpartition("/roles/")[2]
    return " ".join(filter(None, [resource.module, key]))


@pytest.mark.parametrize("environment", ["dev", "prod"])
def test_exactly_what_we_expect_is_planned(environment: str, run: Terraform) -> None:
    """Firestore's indexes and fields are compared with their own file, below, and the rights of
    functions with the guide, in ``test_policies.py``.
    """
    found = inventory(planned(run, environment))
    del found["google_firestore_index.composite"], found["google_firestore_field.override"]
    del found["function: google_project_iam_member.role"]
    functions = sorted(door.replace("_", "-") for door in DOORS)
    for family in OF_EVERY_FUNCTION:
        assert [name.removesuffix(" 0") for name in found.pop(family)] == functions
    assert found == dict(sorted((INVENTORY["both"] | INVENTORY[environment]).items()))


def test_every_declared_index_and_field_of_firestore_is_planned_and_no_other(prod: Plan) -> None:
    indexes = [
        (v["collection"], v["query_scope"], _modes(v["fields"]))
        for v in (each.values for each in prod.of("google_firestore_index"))
    ]
    declared = [
        (i["collectionGroup"], i["queryScope"], _modes(_renamed(i["fields"])))
        for i in DECLARED["indexes"]
    ]
    assert sorted(indexes) == sorted(declared)

    fields = [
        (
            v["collection"],
            v["field"],
            _index_lines(v["index_config"][0]["indexes"]),
            bool(v["ttl_config"]),
        )
        for v in (each.values for each in prod.of("google_firestore_field"))
    ]
    overridden = [
        (
            o["collectionGroup"],
            o["fieldPath"],
            _index_lines([{"query_scope": i["queryScope"], **i} for i in o["indexes"]]),
            bool(o.get("ttl")),
        )
        for o in DECLARED["fieldOverrides"]
    ]
    assert sorted(fields) == sorted(overridden)


def _renamed(fields: list[dict[str, str]]) -> list[dict[str, str | None]]:
    return [
        {
            "field_path": field["fieldPath"],
            "order": field.get("order"),
            "array_config": field.get("arrayConfig"),
        }
        for field in fields
    ]


def _modes(fields: list[dict[str, str | None]]) -> list[str]:
    return [f"{f['field_path']} {f['order'] or f['array_config']}" for f in fields]


def _index_lines(indexes: list[dict[str, str]]) -> list[str]:
    return sorted(f"{i['query_scope']} {i.get('order') or i.get('array_config')}" for i in indexes)


# ---- what is refused -----------------------------------------------------------------------------

TICK = 'resource "google_cloud_scheduler_job" "tick" {'
RATES = "  rate_limits {"
TOKEN = '      service_account_email = google_service_account.caller["scheduler"].email\n'
TARGET, PUBSUB = "  http_target {", '  pubsub_target {\n    topic_name = "t"\n  }'


@pytest.mark.parametrize(
    ("file", "from_", "to", "sentence"),
    [
        ("queues.tf", TICK, f'{TICK}\n  shedule = "* * * * *"', "Unsupported argument"),
        ("queues.tf", RATES, f"{RATES}\n    max_burst = 5", "Unsupported argument"),
        ("secrets.tf", "  secret_id           = each.value\n", "", "Missing required argument"),
        ("queues.tf", TOKEN, "", "Missing required argument"),
        ("queues.tf", RATES, "  rate_limit {", "Unsupported block type"),
        ("queues.tf", RATES, f"  rate_limits {{\n  }}\n{RATES}", "Too many rate_limits blocks"),
        ("source.tf", "  versioning {\n    enabled = true\n  }", "  versioning = true", "Unsupp"),
        ("source.tf", '"google_storage_bucket" "', '"google_storage_bukket" "', "Invalid resource"),
        ("source.tf", "    enabled = true", '    enabled = "perhaps"', "Incorrect attribute value"),
        ("firestore.tf", '"FIRESTORE_NATIVE"', '"NATIVE"', "must be one of"),
        ("queues.tf", 'base64encode("{}")', '"{}"', "wrap it in base64encode()"),
        ("queues.tf", TARGET, f"{PUBSUB}\n{TARGET}", "exactly one"),
        ("secrets.tf", "    user_managed {", "    auto {}\n    user_managed {", "exactly one"),
        ("firebase.tf", "  site_id = local.panel_site", '  name = "x"', "decided by Google"),
    ],
)
def test_a_mistake_is_found_without_a_cloud(
    file: str, from_: str, to: str, sentence: str, alone: Terraform
) -> None:
    path = alone.folder / file
    assert from_ in path.read_text()
    path.write_text(path.read_text().replace(from_, to, 1))
    assert alone("init").returncode == 0
    done = alone("validate", "-no-color")
    assert done.returncode == 1
    assert sentence in re.sub(r"\s+", " ", done.stderr)


ACCOUNT = '"billing_account":"012345-6789AB-CDEF01"'
KEY = "arn:aws:kms:eu-west-1:123456789012:key/k"


def test_a_project_must_be_named(run: Terraform) -> None:
    done = run("plan", "-no-color", "-var", "environment=dev")
    assert done.returncode == 1
    assert 'variable "project" is not set' in done.stderr


@pytest.mark.parametrize(
    ("variable", "sentence"),
    [
        ("project=demo-fanfare", "A project named demo-… is a local one"),
        ("project=Fanfare", "6 to 30 small letters, digits and hyphens"),
        ("environment=staging", "environment is dev or prod."),
        ("region=europe", "region is one region of Google Cloud"),
        ("database_location=europe", "database_location is eur3, nam5, nam7 or a region"),
        ("bundle=nowhere.zip", "run `make bundle` first"),
        ('warm_instances={"nothing":1}', "names a function that does not exist"),
        ('warm_instances={"tick":99}', "whole numbers from 0 to 10"),
        ('warm_instances={"tick":null}', "whole numbers from 0 to 10"),
        ('warm_instances={"tick":5}', "raise most_instances, or keep fewer warm"),
        ("fcm_messages_per_minute=10", "a whole number, at least 1000"),
        ('batches_per_second={"bulk":501}', "at most 500 a second"),
        ('batches_per_second={"bulk":12}', "more than FCM allows"),
        ("panel_site=My_Panel", "6 to 30 small letters"),
        ('panel_domains=["https://x.example"]', "without https:// and without a path"),
        ('alert_emails=["nobody"]', "alert_emails are e-mail addresses."),
        ('budget={"billing_account":"x","monthly":5}', "has the form 012345-6789AB-CDEF01"),
        (
            'budget={"billing_account":"012345-6789AB-CDEF01","monthly":0}',
            "at least 1, in a currency",
        ),
        ('archive={"to":"arn:aws:s3:::b","region":"eu-west-1"}', "not an ARN"),
        ('archive={"to":"s3://archive"}', "a region of AWS"),
        ('archive={"to":"s3://archive","region":"europe-west1"}', "a region of AWS"),
        ('archive={"to":"gs://archive","region":"eu-west-1"}', "and for nothing else"),
        (
            'archive={"to":"s3://archive","region":"eu-west-1","kms_key":"alias/seal"}',
            "the ARN of a key in AWS",
        ),
        (f'archive={{"to":"gs://archive","kms_key":"{KEY}"}}', "signs what is in s3:// only"),
        (
            f'archive={{"to":"s3://archive","region":"eu-north-1","kms_key":"{KEY}"}}',
            "a key in the region of the bucket",
        ),
        ('archive={"to":"gs://archive","retention_days":0}', "a whole number of days"),
        ('archive={"to":null}', "not an ARN"),
        ('telegram={"chat_id":0.5}', "the whole number of a chat"),
        ('telegram={"chat_id":null}', "the whole number of a chat"),
        ('push_services=["fcm"]', "apns and hms; FCM is always there"),
        ('batches_per_second={"urgnet":1}', "has urgent, normal and bulk, and nothing else"),
        ('batches_per_second={"bulk":null}', "at most 500 a second"),
        (f'budget={{{ACCOUNT},"monthly":5,"curency":"CHF"}}', "currency, and nothing else"),
        (f'budget={{{ACCOUNT},"montly":5}}', "currency, and nothing else"),
        (f'budget={{{ACCOUNT},"monthly":"much"}}', "a whole number of at least 1"),
        (f"budget={{{ACCOUNT}}}", "a whole number of at least 1"),
        ('budget={"monthly":5}', "has the form 012345-6789AB-CDEF01"),
        ('telegram={"chat_id":-100,"chatid":-200}', "telegram has chat_id, and nothing else"),
        ("telegram={}", "the whole number of a chat"),
        ('archive={"to":"gs://archive","retention":30}', "retention_days, and nothing else"),
        ('archive={"to":"gs://archive","kmsKey":"k"}', "retention_days, and nothing else"),
        ('archive={"to":"gs://archive","retention_days":"long"}', "a whole number of days"),
        ("archive={}", "not an ARN"),
        ("most_instances=19", "at least 20"),
        ("public_access=everyone", "public_access is allUsers, or no-invoker-check"),
        ("device_app_check=on", "device_app_check is off or required."),
        ("mfa=yes", "mfa is off or required."),
        ('mfa_factors=["telegram"]', "mfa_factors are totp and sms."),
        ("most_instances=20.5", "a whole number"),
    ],
)
def test_a_malformed_variable_is_refused_with_a_sentence(
    variable: str, sentence: str, run: Terraform
) -> None:
    done = run("plan", "-no-color", "-var-file=envs/dev.tfvars", f"-var={variable}")
    assert done.returncode == 1
    assert sentence in re.sub(r"\s+", " ", done.stderr)
    assert "Invalid function argument" not in done.stderr, "Terraform's own words, not ours"


@pytest.mark.parametrize(
    ("variable", "sentence"),
    [
        ("protect=false", "prod is always protected"),
        ("alert_emails=[]", "prod needs somebody who is told"),
    ],
)
def test_prod_is_held_to_more(variable: str, sentence: str, run: Terraform) -> None:
    done = run("plan", "-no-color", "-var-file=envs/prod.tfvars", f"-var={variable}")
    assert done.returncode == 1
    assert sentence in re.sub(r"\s+", " ", done.stderr)


# ---- applying ------------------------------------------------------------------------------------


def test_applying_it_leaves_nothing_to_do_and_no_secret_behind(standing: Terraform) -> None:
    again = standing("plan", "-detailed-exitcode", "-no-color", "-var-file=envs/prod.tfvars")
    assert again.returncode == 0, again.stdout

    state = json.loads(standing("show", "-json").stdout)["values"]["root_module"]
    holds_secrets = re.compile("secret_version|account_key|apikeys_key|hmac_key|private_key|random")
    assert [r.address for r in resources(state) if holds_secrets.search(r.type)] == []


@pytest.mark.parametrize(
    "arguments",
    [
        ("-var-file=envs/dev.tfvars", "-var=project=fanfare-prod"),
        ("-var-file=envs/prod.tfvars", "-var=project=fanfare-other"),
    ],
    ids=["another environment", "another project"],
)
def test_nothing_else_can_take_over_the_state_of_a_fanfare(
    arguments: tuple[str, ...], standing: Terraform
) -> None:
    other = standing("plan", "-no-color", *arguments)
    assert other.returncode == 1
    assert "terraform_data.claim" in other.stderr
    assert "prevent_destroy" in other.stderr


@pytest.mark.usefixtures("terraform_here")
def test_a_second_fanfare_in_a_project_stops_before_it_touches_the_first(tmp_path: Path) -> None:
    with offline(lay_out(tmp_path), existing=["google_firestore_database"]) as run:
        assert run("init").returncode == 0
        done = run("apply", "-auto-approve", "-no-color", "-var-file=envs/dev.tfvars")
        assert done.returncode == 1
        assert "the project has it already" in done.stderr
        state = json.loads(run("show", "-json").stdout)["values"]["root_module"]
        assert {each.type for each in resources(state)} == {
            "terraform_data",
            "google_project_service",
        }


def test_what_was_protected_is_torn_down_as_the_guide_says(alone: Terraform) -> None:
    unprotected = (alone.folder / "envs" / "prod.tfvars").read_text().replace('"prod"', '"dev"')
    (alone.folder / "mine.tfvars").write_text(f"{unprotected}\nprotect = false\n")
    assert alone("init").returncode == 0
    assert alone("apply", "-auto-approve", "-var-file=envs/prod.tfvars").returncode == 0
    kept = alone("destroy", "-auto-approve", "-no-color", "-var-file=envs/prod.tfvars")
    assert "Instance cannot be destroyed" in kept.stderr

    assert alone("state", "rm", "terraform_data.claim").returncode == 0
    assert alone("apply", "-auto-approve", "-var-file=mine.tfvars").returncode == 0
    assert alone("state", "rm", "terraform_data.claim").returncode == 0
    done = alone("destroy", "-auto-approve", "-no-color", "-var-file=mine.tfvars")
    assert done.returncode == 0, done.stderr
    assert "Destroy complete!" in done.stdout
    assert "values" not in json.loads(alone("show", "-json").stdout)


def test_new_code_deploys_every_function_anew_and_nothing_else(alone: Terraform) -> None:
    assert alone("init").returncode == 0
    assert alone("apply", "-auto-approve", "-var-file=envs/dev.tfvars").returncode == 0
    with (alone.folder.parent / "build" / "fanfare-functions.zip").open("ab") as bundle:
        bundle.write(b"\0")
    planned = alone("plan", "-no-color", "-var-file=envs/dev.tfvars", "-out=next.plan")
    assert planned.returncode == 0, planned.stderr
    changes = json.loads(alone("show", "-json", "next.plan").stdout)["resource_changes"]
    changed = [c["type"] for c in changes if c["change"]["actions"] != ["no-op"]]
    assert set(changed) == {FUNCTION, "google_storage_bucket_object"}
    assert changed.count(FUNCTION) == len(DOORS)
