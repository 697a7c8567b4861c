"""A command that cannot do what it was asked says so in sentences, without a stack trace."""

from collections.abc import Callable
from functools import wraps
from typing import Any

import click
from google.auth.exceptions import GoogleAuthError

from shared.domain.chat.text import neutral
from shared.domain.errors import Defect, FieldError, InvalidInput, Refusal, TryAgain
from shared.settings import SettingsError

SIGN_IN = (
    "Google does not know you here: run `gcloud auth application-default login`, or name a service "
    "account's key in GOOGLE_APPLICATION_CREDENTIALS"
)


def cli_errors(command: Callable[..., None]) -> Callable[..., None]:
    """Turn refusals into sentences and exit code 1; of wrong fields, one for each."""

    @wraps(command)
    def guarded(*args: Any, **options: Any) -> None:
        try:
            command(*args, **options)
        except InvalidInput as faults:
            said = "; ".join(map(_named, faults.errors))
            raise failure(said or faults.message) from None
        except (Refusal, TryAgain) as refusal:
            raise failure(refusal.message) from None
        except (Defect, SettingsError) as fault:
            raise failure(str(fault)) from None
        except GoogleAuthError as unknown:
            raise failure(f"{SIGN_IN} ({unknown})") from None

    return guarded


def failure(sentence: str) -> click.ClickException:
    """Return the error to end with; it may repeat another party's words."""
    return click.ClickException(neutral(sentence, lines=True))


def _named(fault: FieldError) -> str:
    named = fault.field in fault.message
    return fault.message if named else f"{fault.field} {fault.message}"
