"""The meters within a measured process: what Firestore would bill, and the memory it took.

Firestore's answers are counted where our process receives them, at REST and at gRPC. A document in
an answer is a read, and so is one that was asked for and is missing; a query without results is
one, and an aggregation one for every thousand documents it counted.
"""

import json
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import httpx
from google.cloud.firestore import Client

from shared.wire.kept_transport import KeptTransport


@dataclass(slots=True)
class OperationCounts:
    """Operations counted so far."""

    reads: int = 0
    writes: int = 0

    def forget(self) -> None:
        """Reset the counts."""
        self.reads = self.writes = 0


class Meter(KeptTransport):
    """Transport that carries the REST requests to one place, and counts."""

    def __init__(self, billed: OperationCounts) -> None:
        super().__init__()
        self._billed = billed

    def handle_request(self, request: httpx.Request) -> httpx.Response:
        """Send a request with a long timeout: a crowded emulator takes longer than our code would
        wait.
        """
        request.extensions["timeout"] = dict.fromkeys(("connect", "read", "write", "pool"), 600.0)
        response = super().handle_request(request)
        body = response.read()
        path = request.url.path
        if path.endswith(":batchGet"):
            self._billed.reads += len(json.loads(request.content)["documents"])
        elif path.endswith(":runQuery"):
            self._billed.reads += max(1, body.count(b'"updateTime"'))
        elif path.endswith(":runAggregationQuery"):
            self._billed.reads += _aggregated(body)
        elif path.endswith((":commit", ":batchWrite")):
            self._billed.writes += body.count(b'"updateTime"')
        return response


def listen(client: Client, billed: OperationCounts) -> None:
    """Count a client's calls; Google's has no place for that but this private name."""
    client._firestore_api_internal = _Listening(client._firestore_api, billed)


class _Listening:
    """API below Google's client, with its answers counted."""

    def __init__(self, api: Any, billed: OperationCounts) -> None:
        self._api = api
        self._billed = billed

    def __getattr__(self, verb: str) -> Any:
        return getattr(self._api, verb)

    def batch_get_documents(self, *args: Any, **options: Any) -> Iterator[Any]:
        """Count a read for each document, found or missing."""
        for answer in self._api.batch_get_documents(*args, **options):
            self._billed.reads += bool(answer.found or answer.missing)
            yield answer

    def run_query(self, *args: Any, **options: Any) -> Iterator[Any]:
        """Count a read for each document; a query costs one even without results."""
        found = 0
        for answer in self._api.run_query(*args, **options):
            found += bool(answer.document.name)
            yield answer
        self._billed.reads += max(1, found)

    def run_aggregation_query(self, *args: Any, **options: Any) -> Any:
        """Count one read: our queries count a thousand documents at most by this way."""
        self._billed.reads += 1
        return self._api.run_aggregation_query(*args, **options)

    def commit(self, *args: Any, **options: Any) -> Any:
        """Count each document that was written or deleted."""
        answer = self._api.commit(*args, **options)
        self._billed.writes += len(answer.write_results)
        return answer


def _aggregated(body: bytes) -> int:
    """Count one read for every thousand documents; an answer with sums does not say how many there
    were.
    """
    counts = [
        int(part["result"]["aggregateFields"].get("count", {}).get("integerValue", 0))
        for part in json.loads(body)
        if "result" in part
    ]
    return max(1, -(-max(counts, default=0) // 1000))


def peak_bytes() -> int:
    """Read the most memory this process ever had; ``getrusage`` may give its parent's instead."""
    with Path("/proc/self/status").open() as status:
        told = next(line for line in status if line.startswith("VmHWM:"))
    return int(told.split()[1]) * 1024
