"""A provider who looks at the numbers is told, of each code, what it means and what to do."""

from shared.domain.codes import OUTCOMES
from shared.domain.notifications.lifecycle import Status
from tests.doors.conftest import Call, a_body
from tests.notification_documents import alter
from tests.parts import MemoryParts


def test_every_error_has_its_sentence_and_its_remedy(provider: Call, world: MemoryParts) -> None:
    id = provider("POST", "/v1/notifications", a_body()).get_json()["id"]
    counts = {code: number for number, code in enumerate(OUTCOMES, start=1)}
    alter(world.database, id, status=str(Status.FAILED), errors=counts)
    shown = provider("GET", f"/v1/notifications/{id}/stats").get_json()["errors"]
    assert {it["code"]: it["count"] for it in shown} == counts
    assert {it["code"]: it["message"] for it in shown} == {
        code: it.sentence for code, it in OUTCOMES.items()
    }
    assert {it["code"]: it["remedy"] for it in shown} == {
        code: it.remedy for code, it in OUTCOMES.items()
    }
