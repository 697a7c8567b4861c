"""A plan, as tests ask about it: what will be there, and who is given which right."""

import json
from collections.abc import Iterator
from dataclasses import dataclass
from typing import Any

from infra.offline.terraform import Terraform

Json = dict[str, Any]


@dataclass(frozen=True, slots=True)
class Resource:
    """One resource as it will be."""

    address: str
    type: str
    name: str
    key: str
    module: str
    values: Json

    @property
    def family(self) -> str:
        """The resource in our files that this is one of."""
        return f"{'function: ' if self.module else ''}{self.type}.{self.name}"


@dataclass(frozen=True, slots=True, order=True)
class Grant:
    """Role that a member gets, in the project or on one resource in it."""

    member: str
    role: str
    on: str = ""


@dataclass(frozen=True, slots=True)
class Plan:
    """Resources that will exist."""

    resources: tuple[Resource, ...]
    text: str

    def of(self, type: str) -> list[Resource]:
        """List all resources of a type."""
        return [each for each in self.resources if each.type == type]

    def functions(self) -> dict[str, Json]:
        """Name -> function."""
        return {each.values["name"]: each.values for each in self.of(FUNCTION)}

    def environment(self, function: str) -> dict[str, str]:
        """Return the environment variables of a function."""
        (service,) = self.functions()[function]["service_config"]
        return dict(service["environment_variables"])

    def grants(self) -> set[Grant]:
        """List who gets which role."""
        return {grant for each in self.resources for grant in _grants(each)}


FUNCTION = "google_cloudfunctions2_function"
_ON = {
    "google_project_iam_member": "",
    "google_cloud_run_service_iam_binding": "service",
    "google_cloud_tasks_queue_iam_member": "name",
    "google_service_account_iam_member": "service_account_id",
    "google_secret_manager_secret_iam_member": "secret_id",
    "google_artifact_registry_repository_iam_member": "repository",
    "google_storage_bucket_iam_member": "bucket",
}


def _grants(resource: Resource) -> Iterator[Grant]:
    if resource.type not in _ON:
        assert "_iam_" not in resource.type or resource.type in _NO_GRANTS, resource.address
        return
    values = resource.values
    on = str(values[_ON[resource.type]]) if _ON[resource.type] else ""
    for member in values.get("members") or [values["member"]]:
        yield Grant(_short(member), _short(values["role"]), _short(on))


_NO_GRANTS = {
    "google_project_iam_custom_role",
    "google_project_iam_audit_config",
    "aws_iam_role",
    "aws_iam_role_policy",
}


def _short(name: str) -> str:
    """Return the last part of a full name; an account without its domain."""
    return name.removeprefix("serviceAccount:").rpartition("/")[2].partition("@")[0]


def planned(run: Terraform, environment: str, *more: str) -> Plan:
    """Run Terraform's plan for an empty project."""
    file = run.folder / f"{environment}.plan"
    done = run("plan", f"-var-file=envs/{environment}.tfvars", f"-out={file}", "-no-color", *more)
    assert done.returncode == 0, done.stderr
    shown = run("show", "-json", str(file))
    assert shown.returncode == 0, shown.stderr
    root = json.loads(shown.stdout)["planned_values"]["root_module"]
    return Plan(tuple(resources(root)), shown.stdout)


def resources(module: Json, name: str = "") -> Iterator[Resource]:
    """Yield every resource of a module and the modules in it."""
    for each in module.get("resources", ()):
        if each["mode"] == "managed":
            key = str(each.get("index", ""))
            yield Resource(each["address"], each["type"], each["name"], key, name, each["values"])
    for child in module.get("child_modules", ()):
        yield from resources(child, child["address"].partition('["')[2].rstrip('"]'))
