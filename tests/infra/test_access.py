"""How people, apps and devices come in: what is planned for each of its variables."""

import os
from collections.abc import Callable
from pathlib import Path

import pytest

from functions.main import DOORS
from infra.offline.terraform import Terraform
from tests.infra.conftest import lay_out
from tests.infra.plans import Grant, Plan
from tests.infra.test_policies import PRIVATE, PUBLIC, settings_of
from tests.infra.test_uses import values_of
from tests.infra.test_uses import with_ as with_

pytestmark = pytest.mark.slow

With = Callable[..., Plan]
NO_CHECK = "-var=public_access=no-invoker-check"


# ---- an organisation that forbids allUsers -------------------------------------------------------


def unchecked(plan: Plan) -> set[str]:
    """Name the functions whose callers Cloud Run does not ask IAM about."""
    return {r.module for r in plan.of("terraform_data") if r.name == "no_invoker_check"}


def test_by_default_iam_is_asked_about_every_caller(dev: Plan) -> None:
    assert unchecked(dev) == set()


def test_without_the_check_nobody_is_named_for_public_functions_and_private_ones_stay_guarded(
    dev: Plan, with_: With
) -> None:
    plan = with_(NO_CHECK)
    assert unchecked(plan) == PUBLIC
    everyone = {Grant("allUsers", "run.invoker", door) for door in PUBLIC}
    assert dev.grants() - plan.grants() == everyone
    assert plan.grants() <= dev.grants()
    assert set(values_of(plan, "FANFARE_IAM_CHECKS_TOKENS")) == set(PRIVATE)


@pytest.fixture
def gcloud(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """Put a gcloud on the path that writes down what it is asked."""
    asked = tmp_path / "asked"
    asked.touch()
    (tmp_path / "bin").mkdir()
    script = tmp_path / "bin" / "gcloud"
    script.write_text(f'#!/bin/sh\necho "$@" >> {asked}\n')
    script.chmod(0o755)
    monkeypatch.setenv("PATH", f"{script.parent}:{os.environ['PATH']}")
    return asked


def test_cloud_run_is_told_once_for_each_public_function_and_again_after_each_change(
    gcloud: Path, run: Terraform, tmp_path: Path
) -> None:
    alone = run.in_folder(lay_out(tmp_path))
    assert alone("init").returncode == 0

    def applied() -> list[str]:
        gcloud.write_text("")
        done = alone("apply", "-auto-approve", "-no-color", "-var-file=envs/dev.tfvars", NO_CHECK)
        assert done.returncode == 0, done.stderr
        return sorted(gcloud.read_text().splitlines())

    expected = sorted(
        f"run services update {name} --project=fanfare-dev --region=europe-west1 "
        "--no-invoker-iam-check --quiet"
        for name in PUBLIC
    )
    assert applied() == expected
    assert applied() == []
    with (alone.folder.parent / "build" / "fanfare-functions.zip").open("ab") as bundle:
        bundle.write(b"\0")
    assert applied() == expected


# ---- a second factor, and which app it is --------------------------------------------------------


def test_by_default_neither_is_demanded_and_a_factor_can_be_enrolled(dev: Plan) -> None:
    public = {name.replace("_", "-") for name in DOORS} - set(PRIVATE)
    assert values_of(dev, "FANFARE_MFA") == dict.fromkeys(public, "off")
    assert values_of(dev, "FANFARE_APP_CHECK") == dict.fromkeys(public, "off")
    assert factors(dev) == ("ENABLED", [], "ENABLED")


def factors(plan: Plan) -> tuple[str, list[str], str]:
    (accounts,) = (r.values for r in plan.of("google_identity_platform_config"))
    (mfa,) = accounts["mfa"]
    (totp,) = mfa["provider_configs"]
    return mfa["state"], mfa["enabled_providers"] or [], totp["state"]


def test_a_second_factor_is_demanded_by_the_doors_and_not_of_devices(with_: With) -> None:
    plan = with_("-var=mfa=required")
    assert set(values_of(plan, "FANFARE_MFA").values()) == {"required"}
    assert settings_of(plan, "approve-notification").mfa == "required"
    assert factors(plan) == ("ENABLED", [], "ENABLED"), "MANDATORY would lock devices out"


@pytest.mark.parametrize(
    ("offered", "planned_as"),
    [
        ('["sms"]', ("ENABLED", ["PHONE_SMS"], "DISABLED")),
        ('["sms","totp"]', ("ENABLED", ["PHONE_SMS"], "ENABLED")),
        ("[]", ("DISABLED", [], "DISABLED")),
    ],
)
def test_the_factors_that_are_offered_are_those_asked_for(
    offered: str, planned_as: tuple[str, list[str], str], with_: With
) -> None:
    assert factors(with_(f"-var=mfa_factors={offered}")) == planned_as


def test_a_factor_cannot_be_demanded_that_nobody_can_enrol(run: Terraform) -> None:
    done = run(
        *("plan", "-no-color", "-var-file=envs/dev.tfvars"),
        *("-var=mfa=required", "-var=mfa_factors=[]"),
    )
    assert done.returncode == 1
    assert "nobody could enrol" in done.stderr


def test_apps_are_asked_for_their_proof_by_the_devices_door(with_: With) -> None:
    plan = with_("-var=device_app_check=required")
    assert settings_of(plan, "device-api").app_check == "required"
    services = plan.of("google_firebase_app_check_service_config")
    assert {r.values["enforcement_mode"] for r in services} == {"UNENFORCED"}, "of Google's own"


def test_these_variables_change_nobodys_rights(dev: Plan, with_: With) -> None:
    plan = with_("-var=mfa=required", "-var=device_app_check=required", "-var=most_instances=100")
    assert plan.grants() == dev.grants()
