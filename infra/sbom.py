"""Describe in a CycloneDX document what the deployed archive is made of, package by package.

It names the archive by its SHA-256 and every package by version, package URL and the hashes of the
files that may be installed. The same sources give the same bytes.
"""

import hashlib
import json
import subprocess
import sys
from pathlib import Path
from typing import Any, Final

ROOT: Final = Path(__file__).resolve().parent.parent
SPECIFICATION: Final = "1.6"


def sbom(archive: Path) -> dict[str, Any]:
    """Build the document for ``archive``, of the packages in ``requirements.txt``."""
    written = subprocess.run(  # noqa: S603
        [
            *(sys.executable, "-W", "ignore", "-m", "cyclonedx_py", "requirements"),
            *("requirements.txt", "--pyproject", "pyproject.toml", "--mc-type", "application"),
            *("--output-reproducible", "--output-format", "JSON", "--spec-version", SPECIFICATION),
        ],
        cwd=ROOT,
        check=True,
        capture_output=True,
    )
    document: dict[str, Any] = json.loads(written.stdout)
    digest = hashlib.sha256(archive.read_bytes()).hexdigest()
    document["metadata"]["component"]["hashes"] = [{"alg": "SHA-256", "content": digest}]
    return document


if __name__ == "__main__":
    if len(sys.argv) != 2 or sys.argv[1] in {"-h", "--help"}:
        sys.exit("usage: python -m infra.sbom ARCHIVE.zip")
    zipped = Path(sys.argv[1]).resolve()
    target = zipped.with_suffix(".cdx.json")
    document = sbom(zipped)
    target.write_text(json.dumps(document, indent=2, ensure_ascii=False) + "\n")
    print(f"{sys.argv[1].removesuffix('.zip')}.cdx.json  {len(document['components'])} packages")
