"""Look up every pinned package among the vulnerabilities that are known.

The advisories are fetched over the network. Where they cannot be reached, nothing is audited, which
is reported and is no failure: a build must not depend on the availability of an external service.
"""

import json
import subprocess
import sys
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from typing import Any, Final

from infra.lock import DEVELOPMENT, ROOT
from infra.offline.tools import Missing, installed

LONGEST_SECONDS: Final = 180


@dataclass(frozen=True, slots=True)
class Audit:
    """Result of the look-up: packages with an answer, those without, and a line a vulnerability."""

    audited: int
    skipped: int
    vulnerable: tuple[str, ...]

    @property
    def reached(self) -> bool:
        """True if any advisory could be read."""
        return self.audited > 0

    def sentence(self) -> str:
        """Format the result, as it is printed."""
        if not self.reached:
            return "Not audited: advisories cannot be reached from here."
        rest = f", {self.skipped} without an answer" if self.skipped else ""
        found = f"{len(self.vulnerable)} vulnerabilities" if self.vulnerable else "none vulnerable"
        return f"Audited {self.audited} packages: {found}{rest}."


def read(report: Mapping[str, Any]) -> Audit:
    """Read pip-audit's JSON report."""
    packages = report.get("dependencies", [])
    skipped = [it for it in packages if "skip_reason" in it]
    return Audit(
        audited=len(packages) - len(skipped),
        skipped=len(skipped),
        vulnerable=tuple(line for it in packages for line in _vulnerabilities(it)),
    )


def run(requirements: str = DEVELOPMENT) -> Audit:
    """Audit a requirements file; raises ``Missing`` without the tool."""
    command = [
        *(str(installed("audit")), "-m", "pip_audit", "--requirement", requirements),
        *("--require-hashes", "--disable-pip", "--progress-spinner", "off", "--format", "json"),
    ]
    try:
        done = subprocess.run(  # noqa: S603
            command, cwd=ROOT, check=False, capture_output=True, timeout=LONGEST_SECONDS
        )
        return read(json.loads(done.stdout))
    except (subprocess.TimeoutExpired, ValueError):  # no report: it got no answer at all
        return Audit(0, 0, ())


def _vulnerabilities(package: Mapping[str, Any]) -> Iterator[str]:
    for it in package.get("vulns", ()):
        mended = ", ".join(it.get("fix_versions", ())) or "no version yet"
        yield f"{package['name']} {package['version']}: {it['id']}, mended in {mended}"


def main() -> int:
    """Print the audit; 1 if anything is vulnerable."""
    try:
        audit = run()
    except Missing as missing:
        print(f"Not audited: {missing}")
        return 0
    print("\n".join([*audit.vulnerable, audit.sentence()]))
    return int(bool(audit.vulnerable))


if __name__ == "__main__":
    sys.exit(main())
