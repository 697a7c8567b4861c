"""The calls of the Bot API that our bot may make, with every parameter they take.

Telegram ignores unknown parameters; here they are a fault, so that a parameter that was misspelt,
or no longer exists, is found before Telegram quietly leaves it out.
"""

from collections.abc import Mapping
from typing import Annotated, Literal

from pydantic import BaseModel, ConfigDict, Field, StringConstraints

MOST_TEXT_UNITS = 4096
MOST_CAPTION_UNITS = 1024
MOST_DATA_BYTES = 64

_NAME = StringConstraints(pattern=r"^@[A-Za-z0-9_]{4,32}$")
ChatId = int | Annotated[str, _NAME]
ParseMode = Literal["HTML", "Markdown", "MarkdownV2"]
UpdateKind = Literal[
    "message",
    "edited_message",
    "channel_post",
    "edited_channel_post",
    "callback_query",
    "my_chat_member",
    "chat_member",
]


class _Part(BaseModel):
    model_config = ConfigDict(extra="forbid", strict=True, frozen=True)


class User(_Part):
    """User who is mentioned."""

    id: int
    is_bot: bool = False
    first_name: str = ""
    last_name: str = ""
    username: str = ""


class Entity(_Part):
    """A mark on a part of a text."""

    type: Literal[
        "mention",
        "hashtag",
        "bot_command",
        "url",
        "email",
        "bold",
        "italic",
        "underline",
        "strikethrough",
        "spoiler",
        "blockquote",
        "expandable_blockquote",
        "code",
        "pre",
        "text_link",
        "text_mention",
        "custom_emoji",
    ]
    offset: int = Field(ge=0)
    length: int = Field(gt=0)
    url: str | None = None
    user: User | None = None
    language: str | None = None
    custom_emoji_id: str | None = None


class LinkPreviewOptions(_Part):
    """Link that is previewed, and how."""

    is_disabled: bool = False
    url: str | None = None
    prefer_small_media: bool = False
    prefer_large_media: bool = False
    show_above_text: bool = False


class ReplyParameters(_Part):
    """Message that this one answers."""

    message_id: int
    chat_id: ChatId | None = None
    allow_sending_without_reply: bool = False
    quote: str | None = None


class InlineButton(_Part):
    """Button under a message: exactly one thing happens when it is pressed."""

    text: str = Field(min_length=1)
    url: str | None = None
    callback_data: str | None = None


class InlineKeyboard(_Part):
    """Rows of buttons."""

    inline_keyboard: list[list[InlineButton]]


class ForceReply(_Part):
    """Request to the client to open a reply to this message."""

    force_reply: Literal[True]
    input_field_placeholder: str | None = Field(None, min_length=1, max_length=64)
    selective: bool = False


class _ToChat(_Part):
    chat_id: ChatId
    message_thread_id: int | None = None
    parse_mode: ParseMode | None = None
    disable_notification: bool = False
    protect_content: bool = False
    reply_parameters: ReplyParameters | None = None
    reply_markup: InlineKeyboard | ForceReply | None = None


class SendMessage(_ToChat):
    """``sendMessage``."""

    text: str
    entities: list[Entity] = []
    link_preview_options: LinkPreviewOptions = LinkPreviewOptions()


class SendPhoto(_ToChat):
    """``sendPhoto``, by address."""

    photo: str
    caption: str = ""
    caption_entities: list[Entity] = []
    show_caption_above_media: bool = False
    has_spoiler: bool = False


class _Edit(_Part):
    chat_id: ChatId
    message_id: int
    reply_markup: InlineKeyboard | None = None


class EditMessageText(_Edit):
    """``editMessageText``."""

    text: str
    parse_mode: ParseMode | None = None
    entities: list[Entity] = []
    link_preview_options: LinkPreviewOptions = LinkPreviewOptions()


class EditMessageCaption(_Edit):
    """``editMessageCaption``."""

    caption: str = ""
    parse_mode: ParseMode | None = None
    caption_entities: list[Entity] = []
    show_caption_above_media: bool = False


class EditMessageReplyMarkup(_Edit):
    """``editMessageReplyMarkup``."""


class AnswerCallbackQuery(_Part):
    """``answerCallbackQuery``."""

    callback_query_id: str
    text: str = Field("", max_length=200)
    show_alert: bool = False
    url: str | None = None
    cache_time: int = 0


class SetWebhook(_Part):
    """``setWebhook``."""

    url: str
    ip_address: str | None = None
    max_connections: int = Field(40, ge=1, le=100)
    allowed_updates: list[UpdateKind] = []
    drop_pending_updates: bool = False
    secret_token: str | None = Field(None, pattern=r"^[A-Za-z0-9_-]{1,256}$")


class DeleteWebhook(_Part):
    """``deleteWebhook``."""

    drop_pending_updates: bool = False


class GetUpdates(_Part):
    """``getUpdates``."""

    offset: int = Field(0, ge=0)
    limit: int = Field(100, ge=1, le=100)
    timeout: int = Field(0, ge=0, le=50)
    allowed_updates: list[UpdateKind] = []


class GetChat(_Part):
    """``getChat``."""

    chat_id: ChatId


class GetChatMember(_Part):
    """``getChatMember``."""

    chat_id: ChatId
    user_id: int


class NoParameters(_Part):
    """Parameters of a call that takes none."""


METHODS: Mapping[str, type[BaseModel]] = {
    "getMe": NoParameters,
    "getChat": GetChat,
    "getChatMember": GetChatMember,
    "sendMessage": SendMessage,
    "sendPhoto": SendPhoto,
    "editMessageText": EditMessageText,
    "editMessageCaption": EditMessageCaption,
    "editMessageReplyMarkup": EditMessageReplyMarkup,
    "answerCallbackQuery": AnswerCallbackQuery,
    "setWebhook": SetWebhook,
    "getWebhookInfo": NoParameters,
    "deleteWebhook": DeleteWebhook,
    "getUpdates": GetUpdates,
}
"""The parameter table: nothing else is answered."""


class Refused(Exception):
    """Error for an answer of Telegram's that is no success."""

    def __init__(
        self, code: int, description: str, parameters: Mapping[str, object] | None = None
    ) -> None:
        super().__init__(description)
        self.code = code
        self.description = description
        self.parameters = parameters
