"""The push services are sent what is recorded, byte for byte."""

from tests.recorded.pages import changes
from tests.recorded.pushes import FILE, requests


def test_push_services_are_sent_what_is_recorded() -> None:
    different = "\n".join(changes(FILE, requests()))
    assert not different, f"{different}\nIf it is meant: python -m tests.recorded {FILE.stem}"
