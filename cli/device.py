"""``fanfare device``: this computer as one that is notified, and what an operator does for a device
that lost what it proves itself by.
"""

import click

from cli.desktop.commands import consent, leave, listen
from cli.errors import cli_errors
from shared.flow.audience import devices
from shared.wiring import parts


@click.group()
def device() -> None:
    """Be notified on this computer; help a device that lost its secret."""


@device.command()
@click.argument("hwid")
@cli_errors
def reset(hwid: str) -> None:
    """Give a hwid up to whoever registers it next.

    For a device that lost its secret and has no push address to show. Its secret, its tokens and
    what is stored of it end, but for a withdrawn consent.
    """
    devices.reset(hwid, devices=parts().devices)
    click.echo("reset: the next registration of this hwid needs no proof")


for each in (listen, consent, leave):
    device.add_command(each)
