"""The desktop's client alone: ``python -m cli.desktop listen --gateway URL --domain NAME``."""

import click

from cli.desktop.commands import consent, leave, listen

main = click.Group(
    "fanfare-desktop",
    commands=[listen, consent, leave],
    context_settings={"help_option_names": ["-h", "--help"], "max_content_width": 96},
    help="Be notified on this computer. Needs Python, click and httpx only.",
)

if __name__ == "__main__":
    main()
