"""Where functions answer: what the code computes, what is called and what tokens name agree."""

import jwt
import pytest

from shared.adapters.identities import DemoIdentities
from shared.adapters.tasks import CloudTasks
from shared.domain.delivery import ledger
from shared.domain.errors import Unauthenticated
from shared.domain.notifications.lifecycle import Status
from shared.flow.delivery.queues import plan_task, send_task
from shared.ports import Task
from shared.settings import Settings
from tests.builders import a_notification, ran
from tests.infra.plans import Plan
from tests.infra.test_policies import PRIVATE, PUBLIC, settings_of

pytestmark = pytest.mark.slow

RUN = ran(a_notification(status=Status.SENDING))
TASKS = [plan_task(RUN), send_task(RUN, ledger.BatchId("0-0-0"))]


def number(plan: Plan) -> str:
    """Read the project's number: Google decides it, so that only an applied setup knows it."""
    (project,) = plan.of("google_firebase_project")
    return str(project.values["project_number"])


def address(plan: Plan, function: str) -> str:
    return f"https://{function}-{number(plan)}.europe-west1.run.app"


@pytest.mark.parametrize("function", sorted(PUBLIC | set(PRIVATE)))
def test_every_function_knows_where_every_function_answers(function: str, settled: Plan) -> None:
    settings = settings_of(settled, function)
    assert settings.functions_url == address(settled, "{function}")
    for other in PRIVATE:
        assert settings.function_url(other) == address(settled, other)


@pytest.mark.parametrize("task", TASKS, ids=lambda task: task.function)
def test_a_task_calls_its_function_there_and_names_it_as_the_audience(
    task: Task, settled: Plan
) -> None:
    settings = settings_of(settled, "tick").model_copy(update={"cloud_tasks": "127.0.0.1:1"})
    request = CloudTasks(settings)._described(task, "q").http_request
    assert request.url == address(settled, task.function)
    assert request.oidc_token.audience == request.url
    assert request.oidc_token.service_account_email == settings.account("tasks")


def test_the_scheduler_calls_the_tick_there_and_names_it_as_the_audience(settled: Plan) -> None:
    (job,) = settled.of("google_cloud_scheduler_job")
    (target,) = job.values["http_target"]
    assert target["uri"] == settings_of(settled, "tick").function_url("tick")
    assert target["oidc_token"][0]["audience"] == target["uri"]


@pytest.mark.parametrize("function", sorted(PRIVATE))
def test_a_function_believes_a_token_for_itself_and_none_for_another(
    function: str, settled: Plan
) -> None:
    """With ours, and with the address that Eventarc names: the function's own on Cloud Run."""
    settings = settings_of(settled, function)
    believed = [settings.function_url(function), f"https://{function}-k2x7abcdef-ew.a.run.app"]
    others = [settings.function_url(other) for other in PRIVATE if other != function]
    for audience in believed:
        verify(settings, function, audience)
    for audience in others:
        with pytest.raises(Unauthenticated):
            verify(settings, function, audience)


def verify(settings: Settings, function: str, audience: str) -> None:
    account = settings.account(PRIVATE[function].removeprefix("fanfare-"))
    claims = {
        "iss": "https://accounts.google.com",
        "aud": audience,
        "sub": "1",
        "email": account,
        "email_verified": True,
        "iat": 0,
        "exp": 1 << 40,
    }
    here = settings.model_copy(update={"project": "demo-p"})
    token = jwt.encode(claims, "", algorithm="none")
    DemoIdentities(here).verify_service(token, function, account)
