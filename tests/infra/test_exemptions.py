"""What Firestore would index by itself and nobody asks for: long texts, and fields of many values.

Each entry of an index is written and paid for with the document, a text of more than 1,500 bytes
fits none, and a document may have 40,000 of them.
"""

import json

import pytest
from pydantic.alias_generators import to_camel

from shared.domain.content.content import Content
from shared.stores.domain_history import DOMAIN_HISTORY
from shared.stores.exports import EXPORTS
from shared.stores.notification_codec import NOTIFICATIONS
from shared.stores.replay_codec import REPLAYS
from shared.stores.usage import USAGE
from tests.infra.conftest import ROOT

OF_MANY_VALUES = {
    NOTIFICATIONS: {"findings", "endorsements", "claim", "errors", "planDomains", "lostDomains"},
    REPLAYS: {"answer"},
    USAGE: {"takers"},
    EXPORTS: {"objects"},
    DOMAIN_HISTORY: {"added", "removed"},
}


def exempt(collection: str) -> set[str]:
    overrides = json.loads((ROOT / "firestore.indexes.json").read_text())["fieldOverrides"]
    ours = [each for each in overrides if each["collectionGroup"] == collection]
    return {each["fieldPath"] for each in ours if not each["indexes"]}


def test_nothing_of_what_is_shown_to_people_is_indexed() -> None:
    content = {to_camel(name) for name in Content.model_fields}
    assert content >= {"title", "body"}
    assert content <= exempt(NOTIFICATIONS)
    assert {"moderatorComment", "readAt", "historyHash"} <= exempt(NOTIFICATIONS)


@pytest.mark.parametrize("collection", OF_MANY_VALUES)
def test_a_field_of_many_values_is_in_no_index(collection: str) -> None:
    assert OF_MANY_VALUES[collection] <= exempt(collection)
