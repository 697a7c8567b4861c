"""What happens leaves the documents in Firestore as recorded, field by field."""

import pytest

from local.firestore import FirestoreEmulator
from tests.recorded.moves import Story, file_of, record
from tests.recorded.pages import changes
from tests.recorded.stories import stories

pytestmark = pytest.mark.slow


@pytest.mark.parametrize("story", stories(), ids=lambda it: it.name)
def test_a_story_goes_as_recorded(
    firestore_emulator: FirestoreEmulator, project: str, story: Story
) -> None:
    now = record(story, firestore_emulator.address, project)
    different = "\n".join(changes(file_of(story), now))
    assert not different, f"{different}\nIf it is meant: python -m tests.recorded {story.name}"
