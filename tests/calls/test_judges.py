"""An operator's function is found, or it is said why not."""

from __future__ import annotations

from pathlib import Path

import pytest
import yaml

from gateway.calls.judges import check_judges, load_judge
from gateway.config import ConfigError, parse

EXAMPLE = Path(__file__).parents[2] / "deploy" / "examples" / "azure-entra.yaml"


@pytest.fixture
def package(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """Modules of an operator."""
    (tmp_path / "operators_words.py").write_text(
        "LIMIT = 3\n\ndef judge(side, text):\n    return side == 'agent' and 'router' in text\n"
    )
    (tmp_path / "operators_accident.py").write_text("raise RuntimeError('a secret of the operator')\n")
    monkeypatch.syspath_prepend(tmp_path)


@pytest.mark.usefixtures("package")
def test_a_function_is_imported() -> None:
    judge = load_judge("operators_words:judge")

    assert judge("agent", "a router")
    assert not judge("caller", "a router")


@pytest.mark.usefixtures("package")
@pytest.mark.parametrize(
    ("name", "why"),
    [
        ("operators_sentences:judge", "can not be imported: No module named 'operators_sentences'"),
        ("operators_words:judges", "can not be imported: module 'operators_words' has no attribute 'judges'"),
        ("operators_words:LIMIT", "is no function"),
        ("operators_accident:judge", "can not be imported: its module fails with RuntimeError"),
    ],
)
def test_what_can_not_be_imported_is_named_with_its_line(name: str, why: str) -> None:
    raw = yaml.safe_load(EXAMPLE.read_text())
    raw["lines"][0]["moderation"] = {"python": name}
    with pytest.raises(ConfigError) as caught:
        check_judges(parse(raw))

    assert str(caught.value).startswith(f"lines[0].moderation.python: {name} {why}")


def test_lines_without_a_function_need_none() -> None:
    raw = yaml.safe_load(EXAMPLE.read_text())
    raw["lines"].append({**raw["lines"][0], "name": "other", "numbers": "*", "moderation": {"words": ["darn"]}})
    check_judges(parse(raw))
