"""A copy of everything Terraform reads, Terraform in it, and what it plans for dev and prod.

The copy keeps its state on disk instead of in a bucket, and is laid out as the repository is. Its
settings are the committed examples, whatever an operator has written beside them.
"""

import os
import shutil
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import NoReturn

import pytest

from infra.bundle import build
from infra.offline.terraform import Terraform, offline, terraform
from infra.offline.tools import Missing, aloud, installed
from tests.infra.plans import Plan, planned

ROOT = Path(__file__).parents[2]
LOCAL_STATE = 'terraform {\n  backend "local" {}\n}\n'


def go_without(missing: Missing) -> NoReturn:
    """Skip, with the reason; in CI, where the tools belong, fail."""
    if os.environ.get("CI") == "true":
        pytest.fail(str(missing), pytrace=False)
    pytest.skip(str(missing))


def lay_out(folder: Path) -> Path:
    """Copy everything Terraform reads; return the folder to run it in."""
    for name in ("firestore.rules", "firestore.indexes.json"):
        shutil.copy(ROOT / name, folder / name)
    build(folder / "build" / "fanfare-functions.zip")
    left_out = shutil.ignore_patterns(
        "__pycache__", "offline", ".terraform*", "*.py", "*.tfvars", "*.tfbackend"
    )
    shutil.copytree(ROOT / "infra", folder / "infra", ignore=left_out)
    for example in (folder / "infra" / "envs").glob("*.example"):
        shutil.copy(example, example.with_suffix(""))
    (folder / "infra" / "backend_override.tf").write_text(LOCAL_STATE)
    return folder / "infra"


@pytest.fixture(scope="session")
def say(request: pytest.FixtureRequest) -> Callable[[str], None]:
    """Return what prints a line past pytest's capturing: installing a tool takes a while."""
    reporter = request.config.pluginmanager.getplugin("terminalreporter")
    return reporter.write_line if reporter else aloud


@pytest.fixture(scope="session")
def terraform_here(say: Callable[[str], None]) -> None:
    """Make sure of Terraform before a test asks for it."""
    try:
        terraform(say)
    except Missing as missing:
        go_without(missing)


@pytest.fixture(scope="session")
def run(terraform_here: None, tmp_path_factory: pytest.TempPathFactory) -> Iterator[Terraform]:
    """Yield Terraform in a copy that no test changes."""
    with offline(lay_out(tmp_path_factory.mktemp("infra"))) as run:
        ready = run("init")
        assert ready.returncode == 0, ready.stderr
        yield run


@pytest.fixture(scope="session")
def prod(run: Terraform) -> Plan:
    """Plan an empty project that becomes prod."""
    return planned(run, "prod")


@pytest.fixture(scope="session")
def dev(run: Terraform) -> Plan:
    """Plan an empty project that becomes dev."""
    return planned(run, "dev")


@pytest.fixture(scope="session")
def standing(run: Terraform, tmp_path_factory: pytest.TempPathFactory) -> Terraform:
    """Return Terraform in a copy with prod applied, and placeholders for what Google decides."""
    there = run.in_folder(lay_out(tmp_path_factory.mktemp("standing")))
    assert there("init").returncode == 0
    done = there("apply", "-auto-approve", "-var-file=envs/prod.tfvars")
    assert done.returncode == 0, done.stderr
    return there


@pytest.fixture(scope="session")
def settled(standing: Terraform) -> Plan:
    """Plan prod once it is applied: nothing in it is unknown any more."""
    return planned(standing, "prod")


@pytest.fixture(scope="session")
def scanner(say: Callable[[str], None]) -> Path:
    """Return the Python that has checkov."""
    try:
        return installed("checkov", say)
    except Missing as missing:
        go_without(missing)
