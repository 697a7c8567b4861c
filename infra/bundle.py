"""Build the archive every Cloud Function is deployed from.

The buildpack wants ``main.py`` and ``requirements.txt`` at the root, while this repository keeps
its doors in ``functions/``; the archive puts that right. An allow-list decides what is in it, and
dates and order are fixed, so the same sources always give the same bytes.
"""

import hashlib
import sys
import zipfile
from collections.abc import Iterator
from pathlib import Path

ROOT = Path(__file__).resolve().parent.parent
EPOCH = (1980, 1, 1, 0, 0, 0)
NOT_DEPLOYED = {
    "functions/main.py",  # stands at the root of the archive
    "shared/adapters/invitations.py",  # for the operator's command
    "functions/table.py",  # for tests and tools: it loads every door at once
}


def members(root: Path = ROOT) -> Iterator[tuple[str, Path]]:
    """Name in the archive and file on disk, in order of names."""
    found = {
        "main.py": root / "functions" / "main.py",
        "requirements.txt": root / "requirements.txt",
    }
    for folder in ("functions", "shared"):
        for path in (root / folder).rglob("*.py"):
            name = path.relative_to(root).as_posix()
            if name not in NOT_DEPLOYED and "memory" not in path.parts:
                found[name] = path
    yield from sorted(found.items())


def build(target: Path, root: Path = ROOT) -> str:
    """Write the archive to ``target``; returns its SHA-256."""
    target.parent.mkdir(parents=True, exist_ok=True)
    with zipfile.ZipFile(target, "w") as archive:
        for name, path in members(root):
            entry = zipfile.ZipInfo(name, EPOCH)
            entry.external_attr = 0o644 << 16
            entry.create_system = 3  # the same bytes on every operating system
            entry.compress_type = zipfile.ZIP_DEFLATED
            archive.writestr(entry, path.read_bytes(), compresslevel=9)
    return hashlib.sha256(target.read_bytes()).hexdigest()


if __name__ == "__main__":
    if len(sys.argv) != 2 or sys.argv[1] in {"-h", "--help"}:
        sys.exit("usage: bundle.py TARGET.zip")
    out = Path(sys.argv[1])
    digest = build(out)
    print(f"{out}  {out.stat().st_size:,} bytes  sha256 {digest}")
