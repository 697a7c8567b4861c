"""``docs/api.md`` has every call, field and code, and each of its curls answers what it shows."""

import ast
import json
import os
import re
import subprocess
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from importlib import import_module
from pathlib import Path
from typing import Any, get_args

import pytest
from pydantic import BaseModel
from pydantic.alias_generators import to_camel
from pydantic.json_schema import JsonSchemaMode

from functions.http import validation
from functions.http.errors import STATUSES, TABLE, Row
from functions.table import routes
from local.stack_file import STACK_FILE, Stack
from shared.domain import codes
from shared.domain.errors import Refusal
from shared.flow.providers.rates import RATES
from tests.docs.reference import LEFT_OUT, Step, differences, quoted, steps, tables

ROOT = Path(__file__).parents[2]
SECONDS_FOR_ALL = 180
STEPS = steps()

ROWS = list(routes())


def models() -> Iterator[type[BaseModel]]:
    """Yield every model that a call takes or answers, and those inside them."""
    waiting = [
        model for row in ROWS for model in (*row.inputs, *([row.answer] if row.answer else []))
    ]
    while waiting:
        yield (model := waiting.pop())
        inner = [each.annotation for each in model.model_fields.values()]
        while inner:
            each = inner.pop()
            inner += get_args(each)
            if isinstance(each, type) and issubclass(each, BaseModel):
                waiting.append(each)


MODELS: Mapping[str, type[BaseModel]] = {model.__name__: model for model in models()}


# -- nothing is left out, nothing is made up -------------------------------------------------------


def endpoints() -> Iterator[tuple[str, str]]:
    """List method and path of every call a person, a server or a device can make."""
    for row in ROWS:
        yield row.method, f"/{row.function}{row.template.rstrip('/')}"


def fits(path: str, template: str) -> bool:
    given, wanted = path.split("/"), template.split("/")
    return len(given) == len(wanted) and all(
        w in (g, "{" + w.strip("{}") + "}") for g, w in zip(given, wanted, strict=True)
    )


def test_every_endpoint_has_a_curl_and_every_curl_an_endpoint() -> None:
    asked = {(r.method, r.path) for step in STEPS for r in step.requests if r.base == "GATEWAY"}
    known = set(endpoints())
    without = {(m, t) for m, t in known if not any(m == n and fits(p, t) for n, p in asked)}
    unknown = {(n, p) for n, p in asked if not any(m == n and fits(p, t) for m, t in known)}
    assert (without, unknown) == (set(), set())


def test_every_body_and_query_has_a_table_of_its_fields() -> None:
    taken = {row.input.__name__ for row in ROWS}
    shown = {name for name, _ in tables("fields")}
    same = {"NotificationInput": "CompleteInput", "EditInput": "CompleteInput", "EmptyRequest": ""}
    assert {same.get(each, each) for each in taken} - {""} <= shown


@pytest.mark.parametrize("name", [name for name, _ in tables("fields")])
def test_a_table_has_the_fields_of_its_model_with_their_limits(name: str) -> None:
    mode: JsonSchemaMode = "serialization" if "Answer" in name else "validation"
    schema = MODELS[name].model_json_schema(mode=mode)
    fields, told = schema["properties"], dict(_by_field(dict(tables("fields"))[name]))
    assert set(told) == set(fields)
    if "Answer" in name:
        return
    required = {field for field, row in told.items() if "required" in row[1]}
    assert required == set(schema.get("required", ()))
    for field, row in told.items():
        for number in limits(fields[field]):
            assert re.search(rf"\b{number:,}\b", row[2]), (field, number)


def _by_field(rows: list[list[str]]) -> Iterator[tuple[str, list[str]]]:
    for row in rows[1:]:
        for field in quoted(row[0]):
            yield field, row


def limits(schema: Any) -> Iterator[int]:
    """Read the bounds in a field's schema; those of 0 and of empty texts are not worth telling."""
    if isinstance(schema, list):
        for each in schema:
            yield from limits(each)
    if isinstance(schema, dict):
        for name, value in schema.items():
            if name in {"maxLength", "minimum", "maximum", "maxItems"} and value:
                yield int(value)
            elif name not in {"default", "$ref"}:
                yield from limits(value)


def test_every_code_of_a_refusal_is_in_the_table_with_its_status() -> None:
    known = {(problem.status, code) for code, problem in codes.PROBLEMS.items()}
    assert known == {(row.status, code) for code, row in problem_codes()}


def test_every_code_of_a_field_is_in_the_table() -> None:
    assert set(codes.FIELD_FAULTS) == set(field_codes())


def test_the_words_of_callables_are_those_of_the_protocol_with_our_codes() -> None:
    row_of = dict(problem_codes())
    for word, status, told in _words():
        assert STATUSES[word] == status
        assert {row_of[code].word for code in told} == {word}


def _words() -> Iterator[tuple[str, int, list[str]]]:
    for _, rows in tables("words"):
        for word, status, cell in rows[1:]:
            known = [code for code in quoted(cell) if not code.startswith("details")]
            yield quoted(word)[0], int(status), known


def refusals(root: type[Refusal] = Refusal) -> Iterator[type[Refusal]]:
    for each in root.__subclasses__():
        yield each
        yield from refusals(each)


def problem_codes() -> Iterator[tuple[str, Row]]:
    """Collect every code of a problem: the classes' own, and those given where one is raised."""
    classes = {each.__name__: each for each in refusals()}
    for each in classes.values():
        if each.__name__ != "Forbidden":  # is never raised without a code of its own
            yield each.code, row_of(each)
    for call in calls():
        raised = classes.get(called(call))
        for keyword in call.keywords:
            if raised and keyword.arg == "code":
                yield from ((code, row_of(raised)) for code in words(keyword.value))
    yield "tryAgain", TABLE[import_module("shared.domain.errors").TryAgain]
    yield "internal", TABLE[Exception]


def row_of(kind: type[Exception]) -> Row:
    return next(TABLE[each] for each in kind.__mro__ if each in TABLE)


def words(code: ast.expr) -> list[str]:
    if isinstance(code, ast.JoinedStr):
        of_roles = [f"{role}Only" for role in ("moderator", "operator")]
        return of_roles if "role" in ast.unparse(code) else [f"{limit}Reached" for limit in RATES]
    return [code.value] if isinstance(code, ast.Constant) and isinstance(code.value, str) else []


def field_codes() -> Iterator[str]:
    """Collect every code a fault of a field can have."""
    yield from ({code for code, _ in validation._WORDS.values()} - {"malformed"})
    yield from (validation._REQUIRED[0], validation._INVALID[0])
    for call in calls():
        place = {"FieldError": 1, "PydanticCustomError": 0}.get(called(call))
        if place is not None and len(call.args) > place:
            yield from map(to_camel, words(call.args[place]))


def calls() -> Iterator[ast.Call]:
    for folder in ("functions", "shared"):
        for source in sorted((ROOT / folder).rglob("*.py")):
            tree = ast.parse(source.read_text(encoding="utf-8"))
            yield from (node for node in ast.walk(tree) if isinstance(node, ast.Call))


def called(call: ast.Call) -> str:
    return call.func.id if isinstance(call.func, ast.Name) else ""


# -- it works --------------------------------------------------------------------------------------


@dataclass(frozen=True)
class Run:
    """Results of the document's commands; of each step, files named after its line."""

    folder: Path
    output: str

    def output_of(self, step: Step) -> str:
        out = self.folder / f"{step.line}.out"
        assert out.exists(), f"the commands ended before this one: {self.output}"
        return out.read_text(encoding="utf-8")

    def statuses(self, step: Step) -> list[int]:
        lines = (self.folder / f"{step.line}.err").read_text(encoding="utf-8").splitlines()
        return [int(line.removeprefix("HTTP ")) for line in lines if line.startswith("HTTP ")]


@pytest.fixture(scope="module")
def run(stack: Stack, tmp_path_factory: pytest.TempPathFactory) -> Run:
    """Run all commands, one after the other, in one shell."""
    folder = tmp_path_factory.mktemp("reference")
    (folder / ".curlrc").write_text('write-out = "%{stderr}HTTP %{http_code}\\n"\nnoproxy = "*"\n')
    script = "".join(
        f"{{\n{step.commands}}} > {step.line}.out 2> {step.line}.err\n" for step in STEPS
    )
    ended = subprocess.run(
        ["bash", "-euo", "pipefail", "-c", script],
        cwd=folder,
        env={
            **os.environ,
            "CURL_HOME": str(folder),
            "STACK": str(stack.folder / STACK_FILE.name),
        },
        capture_output=True,
        text=True,
        timeout=SECONDS_FOR_ALL,
        check=False,
    )
    return Run(folder, f"exit code {ended.returncode} {ended.stderr}")


@pytest.mark.slow
@pytest.mark.xdist_group("stack")
@pytest.mark.parametrize("step", STEPS, ids=str)
def test_it_answers_what_is_shown(run: Run, step: Step) -> None:
    said, statuses = run.output_of(step), run.statuses(step)
    if step.status is not None:
        *before, last = statuses
        assert last == step.status, said
        assert all(status < 300 for status in before)
    if step.answer is None:
        assert said == ""
    else:
        assert list(differences(step.answer, json.loads(said))) == []


@pytest.mark.parametrize("step", [s for s in STEPS if s.requests], ids=str)
def test_what_is_asked_is_answered(step: Step) -> None:
    only_defines = step.commands.count("() {") >= len(step.requests)
    assert step.status or only_defines


# -- the comparison itself -------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("example", "real"),
    [
        ({"a": 1}, {"a": 2}),
        ({"a": 1}, {"a": 1, "b": 2}),
        ({"a": 1, LEFT_OUT: LEFT_OUT}, {"b": 1}),
        ({"a": None}, {"a": "x"}),
        ({"a": True}, {"a": 1}),
        ({"a": "x"}, {"a": "y"}),
        ({"a": "2026-01-01T00:00:00Z"}, {"a": "soon"}),
        ({"deliveredCount": 1}, {"deliveredCount": "1"}),
        ({"errors": {"consent": 1}}, {"errors": {"noAddress": 1}}),
        ([{"a": 1}], [{"a": 1}, {"a": 2}]),
        ([{"a": 3}, LEFT_OUT], [{"a": 1}, {"a": 2}]),
    ],
)
def test_an_answer_that_is_not_as_shown_is_found(example: Any, real: Any) -> None:
    assert list(differences(example, real))


@pytest.mark.parametrize(
    ("example", "real"),
    [
        ({"a": 1, LEFT_OUT: LEFT_OUT}, {"a": 1, "b": 2}),
        ({"a": "ey…"}, {"a": "xyz"}),
        ({"a": "2026-01-01T00:00:00Z"}, {"a": "2026-02-03T04:05:06.789Z"}),
        ({"deliveredCount": 1, "count": 1}, {"deliveredCount": 0, "count": 3}),
        ({"errors": {"consent": 1}}, {"errors": {"consent": 7, "noAddress": 1}}),
        ([{"a": 2}, LEFT_OUT], [{"a": 1}, {"a": 2}]),
    ],
)
def test_what_is_left_open_is_not_compared(example: Any, real: Any) -> None:
    assert list(differences(example, real)) == []
