"""The pages of docs/: every file they point at is there."""

from __future__ import annotations

import re
from pathlib import Path

import pytest

ROOT = Path(__file__).parents[1]
PAGES = sorted([*ROOT.glob("*.md"), *ROOT.glob("docs/**/*.md")])
LINK = re.compile(r"\]\(([^)#\s]+)[^)]*\)")
NAMED = re.compile(r"`((?:tests|gateway|deploy|docs|helm)/[\w/.-]+)`")


def test_there_are_pages() -> None:
    assert ROOT / "docs/ARCHITECTURE.md" in PAGES
    assert len(PAGES) > 20


@pytest.mark.parametrize("page", PAGES, ids=lambda page: str(page.relative_to(ROOT)))
def test_what_a_page_points_at_is_there(page: Path) -> None:
    text = page.read_text()
    links = [page.parent / target for target in LINK.findall(text) if "://" not in target]
    named = [ROOT / path for path in NAMED.findall(text)]
    assert [str(path) for path in (*links, *named) if not path.exists()] == []


OF_CAPACITY = re.compile(
    r"gateway_(?:ptu|queue|dials|admission|throttled|spilled|memory|model_cost|normalised|usage)[a-z_]*"
)


def test_every_number_of_capacity_is_explained() -> None:
    metrics = set(OF_CAPACITY.findall((ROOT / "docs/METRICS.md").read_text()))
    page = (ROOT / "docs/CAPACITY.md").read_text()
    assert len(metrics) > 20
    assert sorted(metric for metric in metrics if metric not in page) == []
