"""The OpenAPI document is sent as recorded, byte for byte."""

import json

from tests.recorded.descriptions import FILE, description, sent
from tests.recorded.pages import changes, load


def test_the_description_is_sent_as_recorded() -> None:
    different = "\n".join(changes(FILE, description()))
    assert not different, f"{different}\nIf it is meant: python -m tests.recorded {FILE.stem}"
    assert sent() == json.dumps(load(FILE), ensure_ascii=False, separators=(",", ":"))
