"""Record again what is answered and stored, and print what became different.

    python -m tests.recorded                        everything
    python -m tests.recorded provider-api devices   the files of these names

Without the Firestore emulator the moves stay as they are.
"""

import sys
import uuid
from collections.abc import Callable, Iterator
from contextlib import ExitStack
from functools import partial
from pathlib import Path

from local.firestore import FirestoreEmulator
from local.java import EmulatorMissing
from local.processes import free_ports
from tests.recorded import descriptions, moves, pushes
from tests.recorded.answers import answers_of, file_of, functions
from tests.recorded.documents import files, readings_of
from tests.recorded.pages import Json, changes, save
from tests.recorded.stories import stories

Look = Callable[[], Json]


def recordings(end: ExitStack) -> Iterator[tuple[Path, Look]]:
    """List every file, with a look at what it would be now."""
    for function in functions():
        yield file_of(function), partial(answers_of, function)
    for file in files():
        yield file, partial(readings_of, file)
    yield descriptions.FILE, descriptions.description
    yield pushes.FILE, pushes.requests
    emulator = FirestoreEmulator(functions=f"127.0.0.1:{free_ports(1)[0]}")
    for story in stories():
        yield moves.file_of(story), partial(_record, story, emulator, end)


def main(names: list[str]) -> int:
    """Record those named, or all."""
    with ExitStack() as end:
        for path, look in recordings(end):
            if not names or path.stem in names:
                try:
                    now = look()
                except EmulatorMissing as missing:
                    sys.stderr.write(f"{path.stem} stays as it is. {missing}\n")
                    continue
                sys.stdout.writelines(f"{line}\n" for line in changes(path, now))
                save(path, now)
    return 0


def _record(story: moves.Story, emulator: FirestoreEmulator, end: ExitStack) -> Json:
    """Tell a story to the emulator, which the first one starts."""
    if not _STARTED:
        _STARTED.append(end.enter_context(emulator))
    return moves.record(story, emulator.address, f"demo-{uuid.uuid4().hex[:8]}")


_STARTED: list[FirestoreEmulator] = []


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
