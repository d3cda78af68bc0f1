"""docs/AGENTS.md: every piece of configuration on the page is one, and together they are the example it arrives at."""

from __future__ import annotations

import copy
import re
from collections.abc import Iterator
from datetime import UTC, datetime
from pathlib import Path
from typing import Any, NamedTuple

import pytest
import yaml

from gateway.calls.judges import load_judge
from gateway.calls.variables import agent_for_call
from gateway.config import load, parse

ROOT = Path(__file__).parents[2]
PAGE = ROOT / "docs" / "AGENTS.md"
EXAMPLE = ROOT / "deploy" / "examples" / "support-line.yaml"


class Piece(NamedTuple):
    text: str
    instead: bool
    """another way to go, and not part of the whole"""


def pieces(language: str) -> list[Piece]:
    """The blocks of the page in this language, in order."""
    block = re.compile(rf"(<!-- instead -->\n)?```{language}\n(.*?)```\n", re.DOTALL)
    return [Piece(text, bool(instead)) for instead, text in block.findall(PAGE.read_text(encoding="utf-8"))]


def merged(before: Any, piece: Any) -> Any:
    """`before` under `piece`: mappings of one type are joined by their fields, lists of named things by their names."""
    if isinstance(before, dict) and isinstance(piece, dict) and before.get("type") == piece.get("type"):
        return before | {field: merged(before.get(field), value) for field, value in piece.items()}
    if _is_named(before) and _is_named(piece):
        over = {item["name"]: item for item in piece}
        whole = [merged(item, over.pop(item["name"], {})) for item in before]
        return whole + list(over.values())
    return copy.deepcopy(piece)


def _is_named(value: Any) -> bool:
    return isinstance(value, list) and bool(value) and all(isinstance(item, dict) and "name" in item for item in value)


def steps() -> Iterator[tuple[Piece, Any, Any]]:
    """Every piece, with the configuration before it and with it."""
    before: Any = {}
    for piece in pieces("yaml"):
        after = merged(before, yaml.safe_load(piece.text))
        yield piece, before, after
        if not piece.instead:
            before = after


@pytest.mark.parametrize("step", range(len(pieces("yaml"))))
def test_every_piece_is_valid_where_it_stands_and_changes_something(step: int) -> None:
    _, before, after = list(steps())[step]

    parse(after, EXAMPLE.parent)
    assert after != before


def test_the_pieces_together_are_the_example() -> None:
    whole = [after for piece, _, after in steps() if not piece.instead][-1]

    assert whole == yaml.safe_load(EXAMPLE.read_text(encoding="utf-8"))


def test_the_page_shows_the_files_beside_the_example() -> None:
    shown = [piece.text for piece in pieces("text") + pieces("json")]

    for suffix in ("instructions.txt", "story.json"):
        assert EXAMPLE.with_suffix(f".{suffix}").read_text(encoding="utf-8") in shown


def test_call_data_looks_as_the_page_says() -> None:
    config = load(EXAMPLE)
    told = agent_for_call(
        config.agents[0], config.lines[0], datetime(2026, 11, 23, 12, tzinfo=UTC), {"ticket": "NW-4711"}
    )

    (shown,) = [piece.text for piece in pieces("text") if "<call-data>" in piece.text]
    assert told.instructions.endswith(shown.rstrip("\n"))


def test_a_judge_looks_as_the_page_says(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    (function,) = pieces("python")
    (named,) = [piece for piece in pieces("yaml") if "python:" in piece.text]
    (tmp_path / "northwind_words.py").write_text(function.text)
    monkeypatch.syspath_prepend(tmp_path)

    judge = load_judge(yaml.safe_load(named.text)["lines"][0]["moderation"]["python"])
    assert judge("agent", "Ask your lawyer.")
    assert not judge("caller", "Ask your lawyer.")


def test_every_link_leads_somewhere() -> None:
    page = PAGE.read_text(encoding="utf-8")
    anchors = {
        re.sub(r"[^a-z0-9 -]", "", title.lower()).replace(" ", "-")
        for title in re.findall(r"^## (.*)$", page, re.MULTILINE)
    }

    for target in re.findall(r"\]\(([^)]+)\)", page):
        path, _, anchor = target.partition("#")
        assert (PAGE.parent / path).exists(), target
        assert path or anchor in anchors, target
