from __future__ import annotations

import base64
import dataclasses
import json
import re
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from gateway.audio.wav import read_wav
from gateway.demo.facts import DemoRecord, SpokenWord
from gateway.demo.page import write_page
from gateway.demo.picture import draw


def page_of(record: DemoRecord, folder: Path) -> str:
    geometry = draw(record, folder / "call.png")
    write_page(record, geometry, folder / "call.png", folder / "call.html")
    return (folder / "call.html").read_text(encoding="utf-8")


@pytest.fixture(scope="module")
def record(story: Any) -> DemoRecord:
    made: DemoRecord = story.record()
    return made


@pytest.fixture(scope="module")
def page(record: DemoRecord, tmp_path_factory: pytest.TempPathFactory) -> str:
    return page_of(record, tmp_path_factory.mktemp("page"))


def data_of(page: str) -> dict[str, Any]:
    found = re.search(r'<script type="application/json" id="call">(.*?)</script>', page, re.DOTALL)
    assert found is not None
    data: dict[str, Any] = json.loads(found[1])
    return data


def test_nothing_is_fetched_from_elsewhere(page: str) -> None:
    assert "://" not in re.sub(r"base64,[A-Za-z0-9+/=]+", "", page)
    sources = re.findall(r'(?:src|href)="([^"]{0,30})', page)
    assert len(sources) == 2
    assert all(source.startswith("data:") for source in sources)
    assert "$" not in re.sub(r"base64,[A-Za-z0-9+/=]+", "", page), "a placeholder was left"


def test_the_sound_is_both_sides_of_the_call(page: str, record: DemoRecord) -> None:
    found = re.search(r"data:audio/wav;base64,([A-Za-z0-9+/=]+)", page)
    assert found is not None
    wav = read_wav(base64.b64decode(found[1]))
    assert np.array_equal(wav.channels[:, 0], record.caller_track)
    assert np.array_equal(wav.channels[:, 1], record.ear_track)


def test_the_cursor_knows_every_time_axis(page: str, record: DemoRecord) -> None:
    data = data_of(page)
    assert data["sound_at"] == record.answered_s
    assert len(data["views"]) == 3
    for view in data["views"]:
        assert 0 <= view["x0"] < view["x1"] <= data["width"]
        assert 0 <= view["top"] < view["bottom"] <= data["height"]
        assert view["t0"] < view["t1"]
    assert {word["who"] for word in data["words"]} == {"caller", "agent"}


def test_the_table_has_a_row_a_turn_and_strikes_what_was_not_heard(page: str, record: DemoRecord) -> None:
    assert page.count("<tr data-at=") == len(record.turns) + len(record.barge_ins)
    assert f"<b>{record.turns[0].wait_ms:,} ms</b>" in page
    assert f"<del>{record.item('msg_agent.reply2').text_unheard}</del>" in page


def test_what_was_said_can_not_become_part_of_the_page(record: DemoRecord, tmp_path: Path) -> None:
    said = SpokenWord("</script><img src=x onerror=alert(1)>", 1.0, 2.0)
    first, *others = record.utterances
    hostile = dataclasses.replace(record, utterances=(dataclasses.replace(first, words=(said,)), *others))
    page = page_of(hostile, tmp_path)
    assert "<img src=x" not in page
    assert any(word["text"] == said.text for word in data_of(page)["words"])
