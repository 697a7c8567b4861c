"""``fanfare account``: people's accounts, without anybody typing somebody else's password."""

import click

from cli.errors import cli_errors
from cli.terminal import say
from shared.domain.errors import NotFound
from shared.ports import Invitations
from shared.wiring import invitations, parts

by_mail = click.option(
    "--mail", is_flag=True, help="Have Google send the link, instead of printing it."
)


@click.group()
def account() -> None:
    """Invite people, and help them in again.

    Nobody types a password for somebody else: its owner sets it, by a link that is good once and
    for an hour.
    """


@account.command()
@click.argument("email")
@click.option("--operator", is_flag=True, help="With the right of an operator.")
@by_mail
@cli_errors
def invite(email: str, operator: bool, mail: bool) -> None:
    """Make an account whose owner sets the password.

    Prints its uid, by which an operator makes it a provider or a moderator, and the link. For an
    account that is there already, the link again.
    """
    accounts = invitations(parts())
    try:
        uid, what = accounts.uid(email), "was there already"
    except NotFound:
        uid, what = accounts.create(email), "is new"
    if operator:
        accounts.set_operator(email, True)
    say(f"{uid}  {email} {what}{', and an operator' if operator else ''}")
    _hand_over(accounts, email, mail=mail)


@account.command()
@click.argument("email")
@by_mail
@cli_errors
def reset(email: str, mail: bool) -> None:
    """Give somebody who forgot their password a link to set another."""
    accounts = invitations(parts())
    accounts.uid(email)  # Google may not say that there is none
    _hand_over(accounts, email, mail=mail)


@account.command()
@click.argument("email")
@cli_errors
def demote(email: str) -> None:
    """Take the right of an operator, and end the account's sessions."""
    invitations(parts()).set_operator(email, False)
    say(f"{email} is no operator any more, and signed out everywhere")


@account.command()
@click.argument("email")
@cli_errors
def unenrol(email: str) -> None:
    """Remove the second factor of somebody who lost it.

    With the password they sign in again, and enrol another.
    """
    invitations(parts()).drop_second_factors(email)
    say(f"{email} has no second factor any more")


def _hand_over(accounts: Invitations, email: str, *, mail: bool) -> None:
    if mail:
        accounts.mail_password_link(email)
        say(f"Google sends the link to {email}")
        return
    link = accounts.password_link(email)
    say("whoever opens this link sets the password, once and within an hour:")
    say(link)
