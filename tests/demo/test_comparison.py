from __future__ import annotations

import dataclasses
from pathlib import Path
from typing import Any

import pytest

from gateway.demo.comparison import draw_comparison, remarks
from gateway.demo.facts import DemoRecord
from gateway.demo.findings import ROW_COUNT, find, rows
from gateway.demo.story import assumed_network


@pytest.fixture(scope="module")
def ours(story: Any) -> DemoRecord:
    made: DemoRecord = story.record()
    return made


@pytest.fixture(scope="module")
def naive(naive_story: Any) -> DemoRecord:
    made: DemoRecord = naive_story.record(traced=False)
    return made


def test_what_went_wrong_is_counted_at_the_ear(naive: DemoRecord) -> None:
    findings = find(naive)
    assert findings.greeting_lost_ms == pytest.approx(900.0, abs=5.0)
    assert findings.talked_over_ms == naive.barge_ins[0].talked_over_ms
    assert findings.unanswered == (2, 3)
    heard_ms = naive.barge_ins[0].heard_at_onset_ms  # it was never cut: the rest was heard over the caller's words
    assert findings.believed_unheard_ms == pytest.approx(900.0 + 11748.0 - heard_ms, abs=10.0)


def test_a_good_call_has_nothing_to_answer_for(ours: DemoRecord) -> None:
    findings = find(ours)
    assert findings.greeting_lost_ms == 0.0
    assert findings.believed_unheard_ms == 0.0
    assert findings.unanswered == ()
    assert findings.talked_over_ms is not None
    assert findings.talked_over_ms < 500
    assert not any(remark.bad for remark in remarks(ours))


def test_an_answer_cut_but_not_truncated_misleads_the_model(ours: DemoRecord) -> None:
    cut = ours.barge_ins[0]
    items = tuple(
        dataclasses.replace(item, truncated_at_ms=None, believed_ms=item.generated_ms)
        if item.item_id == cut.item_id
        else item
        for item in ours.items
    )
    untold = dataclasses.replace(cut, truncated_at_ms=None, believed_ms=11748.125)
    findings = find(dataclasses.replace(ours, items=items, barge_ins=(untold,)))
    assert findings.believed_unheard_ms == pytest.approx(11748.125 - cut.heard_ms, abs=1.0)


def test_turns_the_caller_never_came_to_count_as_unanswered(ours: DemoRecord, naive: DemoRecord) -> None:
    given_up = dataclasses.replace(naive, turns=naive.turns[1:2], utterances=naive.utterances[1:2])
    assert len(rows(find(naive), find(ours))) == ROW_COUNT
    table = {name: (before, after) for name, before, after in rows(find(given_up), find(ours))}
    assert table["caller's turns answered"] == ("0 of 2", "2 of 2")
    assert table["longest wait for an answer"][0] == "no answer at all"


@pytest.mark.parametrize("count", [1, 2])
def test_the_calls_stand_below_each_other_without_collisions(
    ours: DemoRecord, naive: DemoRecord, tmp_path: Path, count: int
) -> None:
    geometry = draw_comparison([*[naive] * count, ours], tmp_path / "before-after.png")
    assert len(geometry.panels) == count + 1
    for above, below in zip(geometry.panels, geometry.panels[1:], strict=False):
        assert above.y1 < below.y0
    for number, label in enumerate(geometry.labels):
        assert 0 <= label.box.x0 <= label.box.x1 <= geometry.width, label
        assert label.box.y1 <= geometry.height, label
        for other in geometry.labels[number + 1 :]:
            assert not label.box.overlaps(other.box), (label.text, other.text)


def test_the_numbers_stand_in_the_picture(ours: DemoRecord, naive: DemoRecord, tmp_path: Path) -> None:
    geometry = draw_comparison([naive, ours], tmp_path / "before-after.png")
    everything = "\n".join(label.text for label in geometry.labels)
    assert f"{naive.barge_ins[0].talked_over_ms / 1000:.1f} s after the caller has interrupted" in everything
    assert "of the greeting never heard: “Hello," in everything
    assert "the end of the turn went unnoticed" in everything
    assert "the model is told 3,880 ms; 3,900 ms were heard" in everything
    assert "offline twin" in everything


def test_what_is_assumed_of_the_network_stands_beside_what_it_leads_to(
    ours: DemoRecord, naive: DemoRecord, tmp_path: Path
) -> None:
    plain = draw_comparison([naive, ours], tmp_path / "plain.png")
    assert not any("assumed" in label.text for label in plain.labels)
    calls = [
        dataclasses.replace(call, meta=dataclasses.replace(call.meta, network=assumed_network(silence_marked=marked)))
        for call, marked in ((naive, False), (naive, True), (ours, True))
    ]
    geometry = draw_comparison(calls, tmp_path / "told.png")
    texts = [label.text for label in geometry.labels]
    assert sum("plays nothing in its first 200 ms" in text for text in texts) == len(calls)
    assert sum("silent frames are marked" in text for text in texts) == 2
    assert any("what was assumed" in text for text in texts)
    for number, label in enumerate(geometry.labels):
        assert label.box.x1 <= geometry.width
        assert not any(label.box.overlaps(other.box) for other in geometry.labels[number + 1 :]), label
