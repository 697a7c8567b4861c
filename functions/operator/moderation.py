"""The operators' routes about moderation: its policy, and who moderates."""

from datetime import timedelta
from typing import Annotated

from pydantic import Field

from functions.http.bodies import EmptyRequest, OptionalRequest, RequestModel
from functions.http.callers import operator
from functions.http.fields import Comment, ShortText, VisibleText
from functions.http.routes import Call, Reply
from functions.operator.answers import ModeratorAnswer, PolicyAnswer
from functions.operator.door import DOOR, Email, sent_fields
from shared.domain.notifications.review import Template
from shared.flow.providers import operate
from shared.stores.moderators import Moderator
from shared.wiring import parts

MOST_TEMPLATES = 50
LONGEST_SLA_SECONDS = 7 * 24 * 3600
MOST_AUDIENCE = 1_000_000_000


class TemplateInput(RequestModel):
    """A rejection that need not be written again."""

    id: Annotated[str, Field(pattern=r"^[a-z0-9-]{1,64}$")]
    title: Annotated[ShortText, VisibleText]
    comment: Annotated[Comment, VisibleText]


class PolicyInput(RequestModel):
    """An operator's decisions about moderation."""

    second_approval_above: Annotated[int, Field(ge=0, le=MOST_AUDIENCE)] = 0
    sla_seconds: Annotated[int, Field(ge=60, le=LONGEST_SLA_SECONDS)] = 0
    templates: Annotated[tuple[TemplateInput, ...], Field(max_length=MOST_TEMPLATES)] = ()


class ModeratorInput(OptionalRequest):
    """A moderator's names elsewhere."""

    telegram_user_id: Annotated[int, Field(ge=1, le=2**53)] | None = None
    name: ShortText = ""
    email: Email = ""


@DOOR.route("GET", "/v1/moderation", who=operator, input=EmptyRequest, answer=PolicyAnswer)
def read_policy(call: Call[EmptyRequest]) -> Reply:
    """Read when two must approve, how soon a moderator should, and the rejection templates."""
    del call
    return Reply(PolicyAnswer.of(parts().review_policies.get()))


@DOOR.route("PUT", "/v1/moderation", who=operator, input=PolicyInput, answer=PolicyAnswer)
def put_policy(call: Call[PolicyInput]) -> Reply:
    """Change what was sent; templates are replaced as a whole."""
    fields = sent_fields(call.input)
    if "sla_seconds" in fields:
        fields["sla"] = timedelta(seconds=fields.pop("sla_seconds"))
    if "templates" in fields:
        fields["templates"] = tuple(_template(each) for each in fields["templates"])
    policy = operate.change_policy(fields, policies=parts().review_policies)
    return Reply(PolicyAnswer.of(policy))


@DOOR.route(
    "PUT",
    "/v1/moderators/<account:uid>",
    who=operator,
    input=ModeratorInput,
    answer=ModeratorAnswer,
)
def put_moderator(call: Call[ModeratorInput]) -> Reply:
    """Grant the claim; it is in the account's next ID token. A Telegram user id lets them decide
    in the chat, too.
    """
    p = parts()
    put = operate.put_moderator(call.path["uid"], sent_fields(call.input), needs=p)
    return Reply(_answer(put))


@DOOR.route(
    "DELETE",
    "/v1/moderators/<account:uid>",
    who=operator,
    input=EmptyRequest,
    answer=None,
    status=204,
)
def delete_moderator(call: Call[EmptyRequest]) -> Reply:
    """Take the claim, the right to decide in the chat, and end the account's sessions."""
    p = parts()
    operate.delete_moderator(call.path["uid"], needs=p)
    return Reply(None, 204)


def _template(input: TemplateInput) -> Template:
    return Template(input.id, input.title, input.comment)


def _answer(moderator: Moderator) -> ModeratorAnswer:
    return ModeratorAnswer(
        uid=moderator.uid,
        moderator=True,
        telegram_user_id=moderator.telegram_user_id,
        name=moderator.name,
        email=moderator.email,
    )
