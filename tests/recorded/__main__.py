"""Record again what is answered and stored, and print what became different.

python -m tests.recorded                        everything that needs no emulator
python -m tests.recorded provider-api devices   the files of these names
"""

import sys
from collections.abc import Callable, Mapping
from functools import partial
from pathlib import Path

from tests.recorded.answers import answers_of, file_of, functions
from tests.recorded.documents import files, readings_of
from tests.recorded.pages import Json, changes, save


def recordings() -> Mapping[Path, Callable[[], Json]]:
    """Every file, and what it would be now."""
    answers = {file_of(function): partial(answers_of, function) for function in functions()}
    return {**answers, **{file: partial(readings_of, file) for file in files()}}


def main(names: list[str]) -> int:
    """Record those named, or all."""
    for path, look in recordings().items():
        if not names or path.stem in names:
            now = look()
            sys.stdout.writelines(f"{line}\n" for line in changes(path, now))
            save(path, now)
    return 0


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
