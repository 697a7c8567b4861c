"""The same calls by gRPC, as Google's client library sends them.

Protocol buffers have a form in JSON, and that of Firestore's messages is what its REST API speaks:
a message is converted to it, answered as there, and the answer converted back.
"""

from collections.abc import Callable, Iterator
from typing import Any, NamedTuple

import grpc
from google.cloud.firestore_v1.types import firestore
from google.protobuf.json_format import MessageToDict, ParseDict

from local.emulators.firestore.calls import Refused, Store
from local.emulators.firestore.rules import is_owner

SERVICE = "google.firestore.v1.Firestore"


class Method(NamedTuple):
    """Method by its name in the REST API, with its messages."""

    verb: str
    request: Any
    response: Any
    is_stream: bool = False


METHODS = {
    "Commit": Method("commit", firestore.CommitRequest, firestore.CommitResponse),
    "BatchWrite": Method("batchWrite", firestore.BatchWriteRequest, firestore.BatchWriteResponse),
    "BatchGetDocuments": Method(
        "batchGet", firestore.BatchGetDocumentsRequest, firestore.BatchGetDocumentsResponse, True
    ),
    "RunQuery": Method("runQuery", firestore.RunQueryRequest, firestore.RunQueryResponse, True),
    "RunAggregationQuery": Method(
        "runAggregationQuery",
        firestore.RunAggregationQueryRequest,
        firestore.RunAggregationQueryResponse,
        True,
    ),
}


def handler(store: Store) -> grpc.GenericRpcHandler:
    """Create the service of a store."""
    return grpc.method_handlers_generic_handler(
        SERVICE, {name: _method(store, method) for name, method in METHODS.items()}
    )


def _method(store: Store, method: Method) -> grpc.RpcMethodHandler:
    request, response = method.request.pb(), method.response.pb()
    codec = {
        "request_deserializer": request.FromString,
        "response_serializer": response.SerializeToString,
    }
    answer = _answering(store, method.verb)

    def whole(asked: Any, context: grpc.ServicerContext) -> Any:
        return ParseDict(answer(asked, context), response())

    def parts(asked: Any, context: grpc.ServicerContext) -> Iterator[Any]:
        for part in answer(asked, context):
            yield ParseDict(part, response())

    if method.is_stream:
        return grpc.unary_stream_rpc_method_handler(parts, **codec)
    return grpc.unary_unary_rpc_method_handler(whole, **codec)


def _answering(store: Store, verb: str) -> Callable[[Any, grpc.ServicerContext], Any]:
    def answer(asked: Any, context: grpc.ServicerContext) -> Any:
        body = MessageToDict(asked)
        path = body["parent"] if "parent" in body else f"{body.get('database', '')}/documents"
        try:
            _check_owner(context)
            return store.call(path, verb, body)
        except Refused as refused:
            context.abort(grpc.StatusCode[refused.word], refused.told)

    return answer


def _check_owner(context: grpc.ServicerContext) -> None:
    """Refuse whoever brings a token: Google's client brings none to an emulator."""
    told = dict(context.invocation_metadata()).get("authorization")
    if told is not None and not is_owner(str(told)):
        raise Refused("PERMISSION_DENIED", "no user reads here by gRPC")
