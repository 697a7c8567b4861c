"""A scanner that knows common mistakes finds none that is not justified where it stands."""

import json
import subprocess
from pathlib import Path
from typing import Any

import pytest

from tests.infra.conftest import ROOT, lay_out

pytestmark = pytest.mark.slow

JUSTIFIED = {"CKV_GCP_62", "CKV_GCP_84", "CKV_GCP_102", "CKV_GCP_124"}


def scan(python: Path, folder: Path) -> dict[str, Any]:
    """Run checkov on the Terraform files in a folder, without asking any service."""
    command = [
        *(str(python), str(python.with_name("checkov")), "--directory", str(folder)),
        *("--framework", "terraform", "--skip-download", "--output", "json"),
    ]
    done = subprocess.run(command, capture_output=True, text=True, timeout=300, check=False)
    assert done.stdout, done.stderr
    return dict(json.loads(done.stdout))


def ids(checks: list[dict[str, Any]]) -> set[str]:
    return {str(check["check_id"]) for check in checks}


def test_nothing_is_found_but_what_is_justified_in_place(scanner: Path) -> None:
    found = scan(scanner, ROOT / "infra")
    failed = [f"{c['check_id']} {c['resource']}" for c in found["results"]["failed_checks"]]
    assert failed == []
    assert found["summary"]["parsing_errors"] == 0
    assert found["summary"]["passed"] >= 30
    skipped = found["results"]["skipped_checks"]
    assert ids(skipped) == JUSTIFIED
    assert all(len(c["check_result"]["suppress_comment"].split()) >= 8 for c in skipped)


def test_it_would_find_a_bucket_that_is_open(scanner: Path, tmp_path: Path) -> None:
    infra = lay_out(tmp_path)
    source = infra / "source.tf"
    closed = 'public_access_prevention    = "enforced"'
    assert closed in source.read_text()
    source.write_text(source.read_text().replace(closed, ""))
    assert "CKV_GCP_114" in ids(scan(scanner, infra)["results"]["failed_checks"])
