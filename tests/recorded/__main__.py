"""Record again what is answered and stored, and print what became different.

python -m tests.recorded             everything
python -m tests.recorded provider-api openapi …
"""

import sys

from tests.recorded.answers import answers_of, file_of, functions
from tests.recorded.pages import changes, save


def main(names: list[str]) -> int:
    """Record those named, or all."""
    for function in functions():
        if not names or function in names:
            path, now = file_of(function), answers_of(function)
            sys.stdout.writelines(f"{line}\n" for line in changes(path, now))
            save(path, now)
    return 0


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
