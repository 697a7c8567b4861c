"""What is off until it is asked for, and what each function is then told and may do."""

from collections.abc import Callable

import pytest

from infra.offline.terraform import Terraform
from shared.domain.audience.device import AddressKind
from shared.settings import Settings
from tests.infra.conftest import ROOT
from tests.infra.plans import Grant, Plan, planned
from tests.infra.test_policies import documented, settings_of

pytestmark = pytest.mark.slow

BESIDES_FCM = [kind for kind in AddressKind if kind is not AddressKind.FCM]
SECRETS = {
    "FANFARE_TELEGRAM_BOT_TOKEN": "telegram-bot-token",
    "FANFARE_TELEGRAM_WEBHOOK_SECRET": "telegram-webhook-secret",
    "FANFARE_LOG_KEY": "log-key",
    **{f"FANFARE_{kind.upper()}_CREDENTIALS": f"{kind}-credentials" for kind in BESIDES_FCM},
}
GOOGLES_ARCHIVE = '-var=archive={"to":"gs://an-archive/fanfare"}'
AMAZONS_ARCHIVE = '-var=archive={"to":"s3://an-archive","region":"eu-central-1"}'

With = Callable[..., Plan]


@pytest.fixture(scope="module")
def with_(run: Terraform) -> With:
    """Plan dev with further variables; the same ones are planned once."""
    known: dict[tuple[str, ...], Plan] = {}

    def plan(*variables: str) -> Plan:
        if variables not in known:
            known[variables] = planned(run, "dev", *variables)
        return known[variables]

    return plan


def secrets(plan: Plan) -> dict[str, set[str]]:
    """Map each environment variable to the functions in which it holds a secret."""
    found: dict[str, set[str]] = {}
    for name, function in plan.functions().items():
        for given in function["service_config"][0]["secret_environment_variables"] or ():
            assert given["secret"] == SECRETS[given["key"]]
            assert given["version"] == "latest", "the guide replaces them without Terraform"
            assert given["key"] not in plan.environment(name)
            found.setdefault(given["key"], set()).add(name)
    return found


def values_of(plan: Plan, variable: str) -> dict[str, str]:
    """Map each function to its value of this variable."""
    environments = {name: plan.environment(name) for name in plan.functions()}
    return {name: env[variable] for name, env in environments.items() if variable in env}


def further_rights(plan: Plan) -> set[Grant]:
    return plan.grants() - documented()


def test_by_default_nothing_is_on(dev: Plan) -> None:
    assert secrets(dev) == {}
    for variable in ("FANFARE_TELEGRAM_CHAT_ID", "FANFARE_THREATS", "FANFARE_ARCHIVE"):
        assert values_of(dev, variable) == {}


def test_the_bot_is_known_where_messages_are_posted_and_its_secret_where_they_arrive(
    with_: With,
) -> None:
    plan = with_('-var=telegram={"chat_id":-1001234567890}')
    posting = {"telegram-webhook", "on-notification-written", "tick"}
    assert values_of(plan, "FANFARE_TELEGRAM_CHAT_ID") == dict.fromkeys(posting, "-1001234567890")
    assert secrets(plan) == {
        "FANFARE_TELEGRAM_BOT_TOKEN": posting,
        "FANFARE_TELEGRAM_WEBHOOK_SECRET": {"telegram-webhook"},
    }
    assert settings_of(plan, "tick").telegram_chat_id == -1001234567890
    assert {g.role for g in further_rights(plan)} == {"secretmanager.secretAccessor"}


@pytest.mark.parametrize("service", BESIDES_FCM)
def test_a_push_services_credentials_go_to_those_that_send(
    service: AddressKind, with_: With
) -> None:
    plan = with_(f'-var=push_services=["{service}"]')
    senders = {"provider-api", "send-batch"}
    assert secrets(plan) == {f"FANFARE_{service.upper()}_CREDENTIALS": senders}
    assert further_rights(plan) == {
        Grant(f"fn-{name}", "secretmanager.secretAccessor", f"{service}-credentials")
        for name in senders
    }


def test_functions_that_may_have_to_log_an_hwid_share_one_key_for_its_hash(with_: With) -> None:
    plan = with_("-var=keyed_logs=true")
    loggers = {
        *("provider-api", "device-api", "operator-api"),
        *("on-device-written", "plan-fanout", "send-batch"),
    }
    assert secrets(plan) == {"FANFARE_LOG_KEY": loggers}
    assert further_rights(plan) == {
        Grant(f"fn-{name}", "secretmanager.secretAccessor", "log-key") for name in loggers
    }


def test_links_are_looked_up_by_those_that_look_at_content(with_: With) -> None:
    plan = with_("-var=web_risk=true")
    assert set(values_of(plan, "FANFARE_THREATS").items()) == {
        ("provider-api", "webrisk"),
        ("plan-fanout", "webrisk"),
    }
    assert settings_of(plan, "plan-fanout").threat_list == "webrisk"
    assert further_rights(plan) == set()


def test_an_archive_in_google_cloud_may_be_added_to_and_read_by_the_function_that_exports(
    with_: With,
) -> None:
    plan = with_(GOOGLES_ARCHIVE)
    place = "gs://an-archive/fanfare"
    assert values_of(plan, "FANFARE_ARCHIVE") == dict.fromkeys(("export-events", "tick"), place)
    assert settings_of(plan, "export-events").archive == place
    days = values_of(plan, "FANFARE_ARCHIVE_RETENTION_DAYS")
    assert days == dict.fromkeys(("export-events", "tick"), "365")
    assert further_rights(plan) == {
        Grant("fn-export-events", "storage.objectCreator", "an-archive"),
        Grant("fn-export-events", "storage.objectViewer", "an-archive"),
    }
    assert plan.of("aws_iam_role") == []


def test_an_archive_in_aws_needs_no_right_in_google_cloud_and_no_key(with_: With) -> None:
    plan = with_(AMAZONS_ARCHIVE)
    regions = dict.fromkeys(("export-events", "tick"), "eu-central-1")
    assert values_of(plan, "FANFARE_AWS_REGION") == regions
    assert settings_of(plan, "export-events").aws_region == "eu-central-1"
    assert further_rights(plan) == set()
    assert secrets(plan) == {}
    (role,) = plan.of("aws_iam_role")
    assert role.values["name"] == "fanfare-archive-fanfare-dev"


def test_the_role_in_aws_is_for_the_audience_that_the_code_asks_a_token_for() -> None:
    audience = Settings.model_fields["archive_audience"].default
    assert f'"accounts.google.com:oaud" = "{audience}"' in (ROOT / "infra/archive.tf").read_text()
