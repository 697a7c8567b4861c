"""The moderators' room as a person in it sees it, over the emulator's own controls."""

from collections.abc import Mapping
from typing import Any

import httpx

from local import demo, telegram_setup
from tests.conftest import eventually

MIRA, NIK = demo.IN_THE_CHAT.values()
STRANGER = 7999
ROOM = telegram_setup.ROOM


class Chat:
    """The room as a person in it sees it, and what they can do there."""

    def __init__(self, client: httpx.Client) -> None:
        self._client = client

    def messages(self) -> list[Mapping[str, Any]]:
        return list(self._client.get("/messages", params={"chat": ROOM}).json()["messages"])

    def about(self, id: str) -> Mapping[str, Any]:
        """Wait for the notification's message."""
        eventually(lambda: bool(self._about(id)), f"{id} is in the chat")
        (message,) = self._about(id)
        return message

    def _about(self, id: str) -> list[Mapping[str, Any]]:
        return [m for m in self.messages() if m["text"].endswith(id)]

    def says(self, id: str, words: str) -> Mapping[str, Any]:
        """Wait until the notification's message has these words."""
        eventually(lambda: words in self.about(id)["text"], f"the message of {id} says {words!r}")
        return self.about(id)

    def press(self, user: int, id: str, button: str, **options: Any) -> str:
        """Press a button; return the query's id."""
        place = {"user": user, "chat": ROOM, "message": self.about(id)["message_id"]}
        answer = self._client.post("/_press", json={**place, "button": button, **options})
        return str(answer.raise_for_status().json()["query"])

    def answer_to(self, query: str) -> str:
        """Return the first answer to the presser."""

        def texts() -> list[str]:
            return [a["text"] for a in self.answers() if a["callback_query_id"] == query]

        eventually(lambda: bool(texts()), "the press is answered")
        return texts()[0]

    def answers(self) -> list[Mapping[str, Any]]:
        """Return the answers to all pressers."""
        return list(self._client.get("/answers").json()["answers"])

    def question_to(self, id: str, number: int = 1) -> Mapping[str, Any]:
        """Wait for the question under the notification's message."""
        about = self.about(id)["message_id"]

        def questions() -> list[Mapping[str, Any]]:
            return [
                m
                for m in self.messages()
                if m.get("reply_to_message", {}).get("message_id") == about
                and m.get("reply_markup", {}).get("force_reply")
            ]

        eventually(lambda: len(questions()) >= number, f"somebody is asked about {id}")
        return questions()[number - 1]

    def reply(self, user: int, to: int, text: str, **options: Any) -> None:
        given = {"user": user, "chat": ROOM, "to": to, "text": text, **options}
        self._client.post("/_reply", json=given).raise_for_status()

    def calls(self, method: str) -> list[Mapping[str, Any]]:
        answer = self._client.get("/received", params={"method": method, "limit": 10000})
        return list(answer.json()["received"])

    def next(self, answer: str, method: str, **more: Any) -> None:
        self._client.post("/_next", json={"answer": answer, "method": method, **more})

    def release(self, *, backwards: bool) -> None:
        self._client.post("/_release", json={"backwards": backwards})
