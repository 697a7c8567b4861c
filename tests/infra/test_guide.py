"""The guide to deploying, held to what it speaks of: variables, files, names, outputs, figures."""

import json
import re
import shlex
import shutil
import subprocess
from pathlib import Path

import pytest

from infra.offline.terraform import Terraform
from shared.settings import Settings
from tests.infra.conftest import ROOT
from tests.infra.plans import Plan, planned

pytestmark = pytest.mark.slow

GUIDE = (ROOT / "docs" / "deploy.md").read_text(encoding="utf-8")
INFRA = ROOT / "infra"
VARIABLES = set(
    re.findall(r'^variable "(\w+)"', (INFRA / "variables.tf").read_text(), re.MULTILINE)
)
OUTPUTS = set(re.findall(r'^output "(\w+)"', (INFRA / "outputs.tf").read_text(), re.MULTILINE))
FILLED_IN = {
    "BUCKET/FOLDER": "an-archive/fanfare",
    '"…"': '"012345-6789AB-CDEF01"',
}
"""What an operator writes where the guide has capitals or dots."""


def offered() -> list[str]:
    """List every example in the table of what is off until it is asked for."""
    _, _, rest = GUIDE.partition("\n## What is off until you ask for it\n")
    rows = [row for row in rest.partition("\n\n```")[0].splitlines() if row.startswith("| ")]
    found = []
    for row in rows[1:]:
        column = row.strip("| ").split(" | ")[1]
        first, *others = re.findall(r"`([^`]+)`", column)
        name = first.partition(" = ")[0]
        found += [first, *(f"{name} = {each}" for each in others)]
    return found


@pytest.mark.parametrize("example", offered())
def test_what_can_be_asked_for_is_planned_as_the_guide_writes_it(
    example: str, run: Terraform, tmp_path: Path
) -> None:
    for blank, filled in FILLED_IN.items():
        example = example.replace(blank, filled)
    (tmp_path / "more.tfvars").write_text(example + "\n")
    assert len(planned(run, "dev", f"-var-file={tmp_path / 'more.tfvars'}").resources) > 100


def test_every_variable_the_guide_sets_is_one() -> None:
    prose = re.sub(r"^```.*?^```$", "", GUIDE, flags=re.MULTILINE | re.DOTALL)
    named = {name for name in re.findall(r"`(\w+) = ", prose) if name != "kms_key"}
    assert named <= VARIABLES
    assert len(named) > 5


def test_every_variable_says_what_it_is() -> None:
    text = (INFRA / "variables.tf").read_text()
    assert len(re.findall(r"^  description = ", text, re.MULTILINE)) == len(VARIABLES)


def test_every_file_given_to_terraform_has_an_example_and_is_told_to_be_made_of_it() -> None:
    files = set(re.findall(r"-(?:var-file|backend-config)=(\S+?)[`\s]", GUIDE))
    assert files == {"envs/dev.tfvars", "envs/prod.tfvars", "envs/dev.gcs.tfbackend"}
    assert all((INFRA / f"{file}.example").is_file() for file in files)
    copied = re.findall(r"^cp infra/(\S+)\.example infra/(\S+)$", GUIDE, re.MULTILINE)
    assert copied == [("envs/dev.tfvars",) * 2, ("envs/dev.gcs.tfbackend",) * 2]


def test_git_ignores_what_an_operator_writes_and_keeps_the_examples(tmp_path: Path) -> None:
    """Asked of a repository of its own, which has no file yet and only our rules."""
    subprocess.run(["git", "init", "-q", tmp_path], check=True)
    (tmp_path / "infra").mkdir()
    for rules in (".gitignore", "infra/.gitignore"):
        shutil.copy(ROOT / rules, tmp_path / rules)
    written = [
        *("infra/envs/dev.tfvars", "infra/envs/prod.tfvars", "infra/envs/dev.gcs.tfbackend"),
        *("infra/terraform.tfvars", "infra/mine.auto.tfvars", "infra/next.plan"),
        *("infra/terraform.tfstate", "infra/terraform.tfstate.backup", "firebase.deploy.json"),
    ]
    kept = ["infra/envs/dev.tfvars.example", "infra/.terraform.lock.hcl", "firebase.json"]
    asked = subprocess.run(
        ["git", "-C", tmp_path, "check-ignore", *written, *kept],
        capture_output=True,
        text=True,
        check=True,
    )
    assert asked.stdout.split() == written


def test_no_example_holds_a_secret_or_a_place_for_one() -> None:
    secretive = re.compile("password|token|credential|secret_|key *=", re.IGNORECASE)
    for example in (INFRA / "envs").glob("*.example"):
        lines = [line for line in example.read_text().splitlines() if not line.startswith("#")]
        assert [line for line in lines if secretive.search(line)] == []


def test_every_resource_that_is_named_to_terraform_is_planned(prod: Plan) -> None:
    named = re.findall(r"(?:-target=|state rm )([\w.]+)", GUIDE)
    assert named
    families = {f"{r.type}.{r.name}" for r in prod.resources}
    assert set(named) <= families


def test_indexes_of_every_kind_are_built_before_the_functions_that_need_them(
    standing: Terraform,
) -> None:
    (command,) = re.findall(r"`terraform (apply -target=[^`]+)`", GUIDE)
    aimed = re.findall(r"-target=([\w.]+)", command)
    assert aimed == ["google_firestore_index.composite", "google_firestore_field.override"]
    done = standing(*command.replace("apply", "plan", 1).split(), "-no-color")
    assert done.returncode == 0, done.stderr
    assert "No changes" in done.stdout


def test_the_outputs_the_guide_reads_are_there(standing: Terraform) -> None:
    assert set(re.findall(r"terraform output (?:-json )?(\w+)", GUIDE)) <= OUTPUTS
    (script,) = re.findall(r"terraform output -json panel \| python3 -c '([^']+)'", GUIDE)
    shown = standing("output", "-json", "panel").stdout
    read = subprocess.run(
        ["python3", "-c", script], input=shown, capture_output=True, text=True, check=True
    )
    assert read.stdout.strip() == json.loads(shown)["config"]["apiKey"] != ""
    assert set(json.loads(shown)) >= {"site", "origins", "config"}


def test_the_guide_counts_what_is_made_as_the_plan_does(dev: Plan) -> None:
    (told,) = re.findall(r"with N about (\d+)", GUIDE)
    assert len(dev.resources) == pytest.approx(int(told), rel=0.05)
    (alerts,) = re.findall(r"(\d+) alerts, where Google charges", GUIDE)
    assert len(dev.of("google_monitoring_alert_policy")) == int(alerts)


def test_every_secret_every_queue_and_every_function_it_names_is_planned(prod: Plan) -> None:
    secrets = {r.values["secret_id"] for r in prod.of("google_secret_manager_secret")}
    assert set(re.findall(r"versions add ([a-z-]+)", GUIDE)) <= secrets
    rotated = GUIDE.partition("\n## Rotate\n")[2].partition("\n## ")[0]
    assert secrets <= set(re.findall(r"`([a-z-]+)`", rotated)), "how is this one replaced?"
    functions = set(prod.functions())
    assert set(re.findall(r"cloudfunctions\.net/([a-z-]+)", GUIDE)) <= functions
    assert set(re.findall(r"\$GATEWAY/([a-z-]+)", GUIDE)) <= functions
    assert set(re.findall(r"functions logs read ([a-z-]+)", GUIDE)) <= functions
    jobs = {r.values["name"] for r in prod.of("google_cloud_scheduler_job")}
    assert set(re.findall(r"scheduler jobs describe (\w+)", GUIDE)) == jobs


def test_every_setting_it_hands_to_a_command_is_one() -> None:
    known = {field.alias for field in Settings.model_fields.values()}
    assert set(re.findall(r"\b(FANFARE_\w+)", GUIDE)) <= known


def test_backups_are_kept_as_long_as_it_says(prod: Plan) -> None:
    days = {
        r.key: int(r.values["retention"].removesuffix("s")) // 86_400
        for r in prod.of("google_firestore_backup_schedule")
    }
    assert f"daily for {days['daily']} days, weekly for {days['weekly'] // 7} weeks" in GUIDE


def test_data_is_never_exported_to_where_the_state_is() -> None:
    """Whoever may read the state of Terraform would read everybody's data."""
    exported = re.findall(r"firestore (?:export|import) gs://([\w-]+)/", GUIDE)
    assert set(exported) == {"PROJECT-recovery"}
    assert "buckets create gs://PROJECT-recovery" in GUIDE


def test_a_misspelt_variable_in_a_file_is_told_as_the_guide_says(
    run: Terraform, tmp_path: Path
) -> None:
    """Terraform only warns of it, so that the guide has to tell people to look."""
    (tmp_path / "more.tfvars").write_text("protcet = true\n")
    file = f"-var-file={tmp_path / 'more.tfvars'}"
    done = run("plan", "-no-color", "-var-file=envs/dev.tfvars", file)
    assert done.returncode == 0
    assert "Value for undeclared variable" in done.stdout + done.stderr
    assert "Value for undeclared variable" in GUIDE


def test_the_panels_site_and_region_go_into_a_copy_that_firebase_understands() -> None:
    form = r"^sed (.+) firebase\.json > firebase\.deploy\.json$"
    (command,) = re.findall(form, GUIDE, re.MULTILINE)
    filled = command.replace("PROJECT", "fanfare-dev").replace("REGION", "us-east4")
    done = subprocess.run(
        ["sed", *shlex.split(filled), ROOT / "firebase.json"],
        capture_output=True,
        text=True,
        check=True,
    )
    hosting = json.loads(done.stdout)["hosting"]
    assert (hosting["site"], "target" in hosting) == ("fanfare-dev-panel", False)
    assert hosting["rewrites"][0]["run"]["region"] == "us-east4"
    assert "--config firebase.deploy.json" in GUIDE
