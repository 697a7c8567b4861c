"""A provider: its schema, and the calls that Terraform makes to it."""

import gzip
import json
from collections.abc import Callable, Iterable, Mapping
from pathlib import Path
from typing import Any

import grpc
import msgpack  # type: ignore[import-untyped]

from infra.offline.checks import Fault, Json, faults
from infra.offline.messages import MESSAGES
from infra.offline.planning import applied, placeholder, planned

HERE = Path(__file__).resolve().parent
_NESTING = {"single": 1, "list": 2, "set": 3, "map": 4}
_ERROR = 1


class Provider:
    """Server that answers as the provider of ``schemas/{name}.json.gz`` would, without reaching any
    cloud.

    Resources of the types in ``existing`` are refused when they are created, as Google refuses what
    the project has already.
    """

    def __init__(self, name: str, existing: Iterable[str] = ()) -> None:
        packed = (HERE / "schemas" / f"{name}.json.gz").read_bytes()
        self._schema: Json = json.loads(gzip.decompress(packed))
        self._supplement: Json = json.loads((HERE / "supplement.json").read_text())
        self._existing = frozenset(existing)
        self._project = ""
        self._answer = self._provider_schema()

    @property
    def source(self) -> str:
        """Address under which Terraform knows the provider."""
        return str(self._schema["source"])

    def calls(self) -> Mapping[str, tuple[str, str, Callable[[Any], Any]]]:
        """Name of the call -> message it takes, message it answers, and how."""
        return {
            "GetProviderSchema": ("Nothing", "ProviderSchema", lambda _: self._answer),
            "ValidateProviderConfig": ("Nothing", "Diagnosed", lambda _: {}),
            "ConfigureProvider": ("Configure", "Diagnosed", self._configure),
            "ValidateResourceConfig": ("Validate", "Diagnosed", self._validate),
            "ValidateDataResourceConfig": ("Validate", "Diagnosed", lambda _: {}),
            "UpgradeResourceState": ("Upgrade", "Upgraded", self._upgrade),
            "ReadResource": ("Read", "ReadBack", lambda call: {"state": call.current}),
            "PlanResourceChange": ("Plan", "Planned", self._plan),
            "ApplyResourceChange": ("Apply", "Applied", self._apply),
            "ReadDataSource": ("ReadData", "Data", self._read_data),
            "GetFunctions": ("Nothing", "Nothing", lambda _: {}),
            "StopProvider": ("Nothing", "Nothing", lambda _: {}),
        }

    def handler(self) -> grpc.GenericRpcHandler:
        """Build the gRPC service of all calls."""
        methods = {
            name: grpc.unary_unary_rpc_method_handler(
                _answering(how, MESSAGES[answer]), MESSAGES[takes].FromString
            )
            for name, (takes, answer, how) in self.calls().items()
        }
        return grpc.method_handlers_generic_handler("tfplugin6.Provider", methods)

    def _configure(self, call: Any) -> Json:
        given = _unpacked(call.config)
        self._project = str(given.get("project") or "")
        return {}

    def _validate(self, call: Any) -> Json:
        block, supplement = self._of(call.type_name)
        found = faults(block, supplement, _unpacked(call.config))
        return {"diagnostics": [_diagnostic(fault) for fault in found]}

    def _upgrade(self, call: Any) -> Json:
        return {"state": _packed(json.loads(call.raw_state.json))}

    def _plan(self, call: Any) -> Json:
        block, supplement = self._of(call.type_name)
        proposed, prior = _unpacked(call.proposed), _unpacked(call.prior)
        state = planned(block, supplement, proposed, prior, self._project)
        return {"state": _packed(state), "legacy_type_system": True}

    def _apply(self, call: Any) -> Json:
        block, _ = self._of(call.type_name)
        if call.type_name in self._existing and _unpacked(call.prior) is None:
            fault = Fault("Error 409", f"{call.type_name}: the project has it already")
            return {"state": _packed(None), "diagnostics": [_diagnostic(fault)]}
        state = applied(call.type_name, block, _unpacked(call.planned))
        return {"state": _packed(state), "legacy_type_system": True}

    def _read_data(self, call: Any) -> Json:
        state = _unpacked(call.config)
        for name, argument in self._schema["data"][call.type_name]["arguments"].items():
            if state.get(name) is None and argument.get("computed"):
                state[name] = placeholder(call.type_name, name, argument["type"], state)
        return {"state": _packed(state)}

    def _of(self, type_name: str) -> tuple[Json, Json]:
        return self._schema["resources"][type_name], self._supplement.get(type_name, {})

    def _provider_schema(self) -> Json:
        def entries(blocks: Json) -> list[Json]:
            return [
                {"key": name, "value": {"block": self._block(block, name)}}
                for name, block in blocks.items()
            ]

        return {
            "provider": {"block": self._block(self._schema["provider"], "")},
            "resources": entries(self._schema["resources"]),
            "data": entries(self._schema["data"]),
            "provider_meta": {"block": {"attributes": [_MODULE_NAME]}},
            "capabilities": {"get_provider_schema_optional": True},
        }

    def _block(self, block: Json, type_name: str) -> Json:
        sensitive = self._supplement.get(type_name, {}).get("sensitive", ())
        return {
            "attributes": [
                {
                    "name": name,
                    "type": json.dumps(argument["type"]).encode(),
                    "sensitive": name in sensitive,
                    **{k: True for k in ("required", "optional", "computed") if argument.get(k)},
                }
                for name, argument in block["arguments"].items()
            ],
            "block_types": [
                {
                    "type_name": name,
                    "nesting": _NESTING[nested["nesting"]],
                    "min_items": nested["least"],
                    "max_items": nested["most"],
                    "block": self._block(nested, ""),
                }
                for name, nested in block["blocks"].items()
            ],
        }


_MODULE_NAME: Json = {"name": "module_name", "type": b'"string"', "optional": True}


def _answering(how: Callable[[Any], Json], message: Any) -> Callable[[Any, object], bytes]:
    return lambda call, _: message(**how(call)).SerializeToString()


def _diagnostic(fault: Fault) -> Json:
    steps = [
        {"element_key_int": step} if isinstance(step, int) else {"attribute_name": step}
        for step in fault.place
    ]
    said = {"severity": _ERROR, "summary": fault.summary, "detail": fault.detail}
    return {**said, "attribute": {"steps": steps}} if steps else said


def _unpacked(value: Any) -> Any:
    if not value.msgpack:
        return json.loads(value.json or b"null")
    return msgpack.unpackb(value.msgpack, raw=False, strict_map_key=False)


def _packed(value: Any) -> Json:
    return {"msgpack": msgpack.packb(value, use_bin_type=True)}
