"""What is counted within a measured process: what Firestore would bill, and the memory it took.

Firestore is listened to where our process talks to it, at REST and at gRPC. A document in an answer
is a read, and so is one that was asked for and is not there; a query that finds nothing is one, and
an aggregation one for every thousand documents it counted.
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
class Billed:
    """What was counted so far."""

    reads: int = 0
    writes: int = 0

    def forget(self) -> None:
        """Begin anew."""
        self.reads = self.writes = 0


class Meter(KeptTransport):
    """Carries the REST requests to one place, and counts."""

    def __init__(self, billed: Billed) -> None:
        super().__init__()
        self._billed = billed

    def handle_request(self, request: httpx.Request) -> httpx.Response:
        """Of what a crowded emulator takes its time for, ours would lose its patience."""
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


def listen(client: Client, billed: Billed) -> None:
    """Count a client's calls; Google's has no place for that but this private name."""
    client._firestore_api_internal = _Listening(client._firestore_api, billed)


class _Listening:
    """The API below Google's client, its answers counted."""

    def __init__(self, api: Any, billed: Billed) -> None:
        self._api = api
        self._billed = billed

    def __getattr__(self, verb: str) -> Any:
        return getattr(self._api, verb)

    def batch_get_documents(self, *given: Any, **named: Any) -> Iterator[Any]:
        """Found or missing, each is a read."""
        for answer in self._api.batch_get_documents(*given, **named):
            self._billed.reads += bool(answer.found or answer.missing)
            yield answer

    def run_query(self, *given: Any, **named: Any) -> Iterator[Any]:
        """A query costs a read even when it finds nothing."""
        found = 0
        for answer in self._api.run_query(*given, **named):
            found += bool(answer.document.name)
            yield answer
        self._billed.reads += max(1, found)

    def run_aggregation_query(self, *given: Any, **named: Any) -> Any:
        """Ours count a thousand documents at most by this way."""
        self._billed.reads += 1
        return self._api.run_aggregation_query(*given, **named)

    def commit(self, *given: Any, **named: Any) -> Any:
        """Each document that was written or deleted."""
        answer = self._api.commit(*given, **named)
        self._billed.writes += len(answer.write_results)
        return answer


def _aggregated(body: bytes) -> int:
    """One read for every thousand documents; of sums it is not told how many there were."""
    counts = [
        int(part["result"]["aggregateFields"].get("count", {}).get("integerValue", 0))
        for part in json.loads(body)
        if "result" in part
    ]
    return max(1, -(-max(counts, default=0) // 1000))


def peak_bytes() -> int:
    """The most memory this process ever had; ``getrusage`` may tell its parent's instead."""
    with Path("/proc/self/status").open() as status:
        told = next(line for line in status if line.startswith("VmHWM:"))
    return int(told.split()[1]) * 1024
