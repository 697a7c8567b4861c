"""The messages of Terraform's plugin protocol 6 that a provider without a cloud needs.

Field numbers are the protocol's. Built at run time, so that no generated code and no second version
of protobuf come into the project.
"""

from collections.abc import Mapping
from typing import Any

from google.protobuf import descriptor_pb2, descriptor_pool, message_factory

_PACKAGE = "fanfare.terraform"
_MESSAGES = {
    "DynamicValue": "1 msgpack bytes, 2 json bytes",
    "Step": "1 attribute_name string, 2 element_key_string string, 3 element_key_int int64",
    "AttributePath": "1 steps Step*",
    "Diagnostic": "1 severity int64, 2 summary string, 3 detail string, 4 attribute AttributePath",
    "Diagnosed": "1 diagnostics Diagnostic*",
    "Attribute": "1 name string, 2 type bytes, 4 required bool, 5 optional bool, "
    "6 computed bool, 7 sensitive bool",
    "NestedBlock": "1 type_name string, 2 block Block, 3 nesting int64, 4 min_items int64, "
    "5 max_items int64",
    "Block": "2 attributes Attribute*, 3 block_types NestedBlock*",
    "Schema": "1 version int64, 2 block Block",
    "SchemaEntry": "1 key string, 2 value Schema",
    "Capabilities": "2 get_provider_schema_optional bool",
    "ProviderSchema": "1 provider Schema, 2 resources SchemaEntry*, 3 data SchemaEntry*, "
    "5 provider_meta Schema, 6 capabilities Capabilities",
    "RawState": "1 json bytes",
    "Configure": "2 config DynamicValue",
    "Validate": "1 type_name string, 2 config DynamicValue",
    "Upgrade": "1 type_name string, 3 raw_state RawState",
    "Upgraded": "1 state DynamicValue",
    "Read": "1 type_name string, 2 current DynamicValue",
    "ReadBack": "1 state DynamicValue",
    "Plan": "1 type_name string, 2 prior DynamicValue, 3 proposed DynamicValue",
    "Planned": "1 state DynamicValue, 4 diagnostics Diagnostic*, 5 legacy_type_system bool",
    "Apply": "1 type_name string, 2 prior DynamicValue, 3 planned DynamicValue",
    "Applied": "1 state DynamicValue, 3 diagnostics Diagnostic*, 4 legacy_type_system bool",
    "ReadData": "1 type_name string, 2 config DynamicValue",
    "Data": "1 state DynamicValue, 2 diagnostics Diagnostic*",
    "Nothing": "",
}
_KINDS: Mapping[str, Any] = {
    kind.removeprefix("TYPE_").lower(): number
    for kind, number in descriptor_pb2.FieldDescriptorProto.Type.items()
}


def _built() -> dict[str, Any]:
    file = descriptor_pb2.FileDescriptorProto(name="fanfare_terraform.proto", package=_PACKAGE)
    for name, fields in _MESSAGES.items():
        message = file.message_type.add(name=name)
        for number, label, kind in (field.split() for field in filter(None, fields.split(", "))):
            many, plain = kind.endswith("*"), kind.rstrip("*")
            field = message.field.add(name=label, number=int(number), label=3 if many else 1)
            if plain in _MESSAGES:
                field.type = descriptor_pb2.FieldDescriptorProto.TYPE_MESSAGE
                field.type_name = f".{_PACKAGE}.{plain}"
            else:
                field.type = _KINDS[plain]
    pool = descriptor_pool.DescriptorPool()
    pool.Add(file)
    return {
        name: message_factory.GetMessageClass(pool.FindMessageTypeByName(f"{_PACKAGE}.{name}"))
        for name in _MESSAGES
    }


MESSAGES = _built()
