"""What an account may do as it is now."""

from dataclasses import replace

import pytest

from shared.domain.actors import Role
from shared.domain.errors import Forbidden, Unauthenticated
from shared.domain.providers.standing import (
    Standing,
    check_recent_sign_in,
    check_second_factor,
    open_account,
)
from tests.builders import a_provider

ANNA = Standing("anna", ("anna@shop.example",), "anna@shop.example")


def test_a_session_ends_in_the_second_in_which_all_are_ended() -> None:
    ended = replace(ANNA, signed_out_at=100)
    for began in (99, 100):
        with pytest.raises(Unauthenticated):
            open_account(ended, began)
    assert open_account(ended, 101) == ended
    assert open_account(ANNA, 1) == ANNA


@pytest.mark.parametrize("account", [None, replace(ANNA, disabled=True)])
def test_an_account_that_is_closed_has_no_session(account: Standing | None) -> None:
    with pytest.raises(Unauthenticated) as refused:
        open_account(account, 1)
    assert refused.value.code == "accountClosed"


def test_a_sign_in_is_recent_for_fifteen_minutes() -> None:
    check_recent_sign_in(1000, 1900)
    with pytest.raises(Forbidden):
        check_recent_sign_in(1000, 1901)


def test_a_sign_in_without_a_second_factor_is_refused_with_the_role_it_was_for() -> None:
    for factor in ("totp", "phone"):
        check_second_factor(factor, Role.OPERATOR)
    with pytest.raises(Forbidden) as refused:
        check_second_factor("", Role.MODERATOR)
    assert refused.value.code == "secondFactorRequired"
    assert "moderator" in refused.value.message


@pytest.mark.parametrize(
    ("account", "members", "may_act"),
    [
        (replace(ANNA, uid="p1"), (), True),
        (ANNA, (), False),
        (ANNA, ("anna",), True),
        (ANNA, ("Anna@Shop.Example",), True),
        (replace(ANNA, verified_email=""), ("anna@shop.example",), False),
        (replace(ANNA, uid="p1", disabled=True), (), False),
    ],
)
def test_to_act_for_a_provider_takes_its_uid_or_a_verified_address(
    account: Standing, members: tuple[str, ...], may_act: bool
) -> None:
    assert account.acts_for(a_provider("p1", members=members)) is may_act
