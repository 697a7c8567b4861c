"""The panel's types are those of the table of routes, and its calls say which they answer with."""

import re

from functions.table import routes
from local.emulators.panel.server import ROOT, Site
from local.panel_types import FILE, FUNCTION, types

API = (ROOT / "panel" / "api.js").read_text()
CALL = re.compile(
    r'/\*\*(?P<doc>[^\n]*)\*/\nexport const \w+ = [^\n]*call\("(?P<method>[A-Z]+)", '
    r'["`](?P<path>/v1/[^"`?]+)'
)


def test_the_types_are_those_of_the_table() -> None:
    assert FILE.read_text(encoding="utf-8") == types(), f"{FILE.name} is stale: make docs"


def test_a_type_says_what_may_be_left_out_what_may_be_null_and_which_words_there_are() -> None:
    text = types()
    assert "export interface EstimateInput {\n  targetSegment: Segment;\n}\n" in text
    assert "  title?: string | null;\n" in text
    assert '  kind?: "one-time" | null;\n' in text
    assert "  counts: Record<string, number>;\n" in text
    assert "  errors?: { field: string; code: string; message: string }[];\n" in text
    assert 'export type Plan = "premium" | "enterprise";\n' in text
    assert "unknown;" not in text.replace("Record<string, unknown>;", "")


def test_every_call_says_what_its_route_takes_and_answers() -> None:
    rows = {(row.method, row.template): row for row in routes() if row.function == FUNCTION}
    calls = list(CALL.finditer(API))
    assert len(calls) == len(re.findall(r"export const (?!remove\b)\w+ = \([^)]*\) => call", API))
    for call in calls:
        row = rows[call["method"], re.sub(r"\$\{[^}]+\}", "{id}", call["path"])]
        assert row.answer
        assert f'@returns {{Promise<import("./types").{row.answer.__name__}>}}' in call["doc"]
        taken = re.findall(r'@param {import\("./types"\).(\w+)', call["doc"])
        assert set(taken) <= {row.input.__name__}


def test_types_are_not_published() -> None:
    assert FILE not in Site.read().files.values()
