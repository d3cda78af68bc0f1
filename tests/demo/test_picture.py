from __future__ import annotations

import dataclasses
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from matplotlib.colors import to_rgb
from matplotlib.image import imread

from gateway.demo import picture, style
from gateway.demo.canvas import Canvas
from gateway.demo.facts import AgentItem, DemoRecord, Turn
from gateway.demo.picture import Geometry, draw, headline

Drawn = tuple[DemoRecord, Geometry, Path]


@pytest.fixture(scope="module")
def drawn(story: Any, tmp_path_factory: pytest.TempPathFactory) -> Drawn:
    record = story.record()
    path = tmp_path_factory.mktemp("picture") / "call.png"
    return record, draw(record, path), path


def assert_tidy(labels: Any, width: int, height: int) -> None:
    """Every text stands inside the sheet and on no other text."""
    for number, label in enumerate(labels):
        box = label.box
        assert box.x0 >= 0, label
        assert box.x1 <= width, label
        assert box.y0 >= 0, label
        assert box.y1 <= height, label
        for other in labels[number + 1 :]:
            assert not box.overlaps(other.box), (label.text, other.text)


def test_the_sheet_has_its_size(drawn: Drawn) -> None:
    _, geometry, path = drawn
    assert imread(path).shape[:2] == (geometry.height, geometry.width)
    assert geometry.width == 2000
    assert 1000 <= geometry.height <= 1300


def test_no_label_covers_another_or_leaves_the_sheet(drawn: Drawn) -> None:
    _, geometry, _ = drawn
    assert_tidy(geometry.labels, geometry.width, geometry.height)


def drawn_texts(canvas: Canvas) -> list[tuple[str, Any]]:
    """Every text and the extent that the renderer really gives it, in pixels."""
    renderer = canvas._agg.get_renderer()  # type: ignore[no-untyped-call]  # matplotlib has no types here
    return [(text.get_text(), text.get_window_extent(renderer)) for text in canvas._axes.texts]


@pytest.mark.parametrize("ends_after_s", [0.6, 2.0, 4.5, 6.0])
@pytest.mark.parametrize("interrupted", [False, True])
def test_the_last_words_end_before_the_time_axis_does(
    story: Any, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, ends_after_s: float, interrupted: bool
) -> None:
    """Measured by the renderer: nothing under the lanes stands out from them, however late the last answer begins."""
    sheets: list[Canvas] = []

    class Kept(Canvas):
        def __init__(self, width: int, height: int) -> None:
            super().__init__(width, height)
            sheets.append(self)

    monkeypatch.setattr(picture, "Canvas", Kept)
    record = story.record()
    number = 1 if interrupted else 2  # the long answer, with the remark that nobody truncated it, or the last one
    item = dataclasses.replace(record.items[number], truncated_at_ms=None)
    late = _item_at(item, record.duration_s - ends_after_s)
    geometry = draw(dataclasses.replace(record, items=(*record.items[:number], late)), tmp_path / "late.png")

    right = geometry.views[0].axis.x1
    words = {word.text for word in geometry.words}
    found = [(text, extent) for text, extent in drawn_texts(sheets[-1]) if text in words or "truncated:" in text]
    assert len(found) >= len(geometry.words)
    assert [text for text, extent in found if extent.x1 > right] == []


def test_what_was_promised_is_written(drawn: Drawn) -> None:
    record, geometry, _ = drawn
    texts = [label.text for label in geometry.labels]
    everything = "\n".join(texts)
    for wanted in (
        "offline twin",
        record.profile,
        "pcm16 16 kHz",
        "truncated at 3,880 ms",
        "generated and never heard",
    ):
        assert wanted in everything
    moments = ("caller's onset", "speech_started", "StopAudio", "silence at the ear", "first words heard", "answered")
    for moment in moments:
        assert moment in everything
    for turn in record.turns:
        assert f"{turn.wait_ms:,} ms" in texts


def test_every_word_is_there_and_the_unheard_are_marked(drawn: Drawn) -> None:
    record, geometry, _ = drawn
    written = [word.text for word in geometry.words]
    said = [word.text for utterance in record.utterances for word in utterance.words]
    answered = [word for item in record.items for word in item.words]
    assert sorted(written) == sorted([*said, *(word.text for word in answered)])
    unheard = [word.text for word in geometry.words if not word.heard]
    assert unheard == [word.text for word in answered if not word.heard]


def test_unheard_words_are_struck_through(drawn: Drawn) -> None:
    _, geometry, path = drawn
    image = imread(path)[:, :, :3]
    for word in geometry.words:
        row = round(word.box.y0 + 0.76 * style.BODY_PX) - 6
        band = image[row - 1 : row + 2, round(word.box.x0) + 1 : round(word.box.x1) - 1]
        unbroken = bool((band.mean(axis=2) < 0.8).any(axis=0).all())
        assert unbroken is not word.heard, word.text


def test_the_agents_sound_ends_at_the_cut(drawn: Drawn) -> None:
    record, geometry, path = drawn
    image = imread(path)[:, :, :3]
    (barge_in,) = record.barge_ins
    view = geometry.views[0]
    top = round(view.top) + 190
    green = np.abs(image[top : top + 100] - np.array(to_rgb(style.AGENT))).sum(axis=2) < 0.02
    tall = green.sum(axis=0) > 6
    cut, answer = view.axis.x(barge_in.silence_s), view.axis.x(record.turns[1].first_heard_s or 0.0)
    assert tall[round(cut) - 20 : round(cut) - 2].any()
    assert not tall[round(cut) + 4 : round(answer) - 6].any()


def test_the_time_axis_reaches_over_the_whole_call(drawn: Drawn) -> None:
    record, geometry, _ = drawn
    axis = geometry.views[0].axis
    assert axis.t0 == 0.0
    assert record.duration_s <= axis.t1 <= record.duration_s + 4.0
    lens = geometry.views[2].axis
    assert lens.holds(record.barge_ins[0].onset_s)
    assert lens.x(0.05) - lens.x(0.0) > 30, "50 ms have to be readable"


def test_the_headline_counts_at_the_ear(drawn: Drawn) -> None:
    facts = headline(drawn[0])
    assert "first words 640 ms after the ring" in facts
    assert "truncated within 20 ms of what was heard" in facts


def test_a_bridge_without_a_trace_can_be_drawn(naive_story: Any, tmp_path: Path) -> None:
    record = naive_story.record(traced=False)
    geometry = draw(record, tmp_path / "naive.png")
    texts = [label.text for label in geometry.labels]
    assert texts.count("never answered") == 2
    assert "PTU" not in texts
    assert_tidy(geometry.labels, geometry.width, geometry.height)


def test_many_short_turns_keep_out_of_each_others_way(story: Any, tmp_path: Path) -> None:
    """What does not fit is left out; the page's table has it."""
    record = story.record()
    turn, charge, item = record.turns[0], record.ptu[-1], record.items[-1]
    starts = [1.0 + 0.9 * number for number in range(25)]
    turns = tuple(_moved(turn, at - turn.caller_onset_s, number) for number, at in enumerate(starts))
    items = tuple(_item_at(item, at) for at in starts)
    charges = tuple(dataclasses.replace(charge, at_s=at) for at in starts)
    crowded = dataclasses.replace(record, turns=turns, items=(*record.items, *items), ptu=charges)
    geometry = draw(crowded, tmp_path / "crowded.png")
    assert_tidy(geometry.labels, geometry.width, geometry.height)
    texts = [label.text for label in geometry.labels]
    assert f"{turn.wait_ms:,} ms" in texts
    assert sum(word.text == item.words[0].text for word in geometry.words) >= len(items)


def _moved(turn: Turn, by_s: float, number: int) -> Turn:
    """Every third is never answered."""
    times = ("caller_onset_s", "caller_end_s", "decided_s", "first_audio_s", "first_heard_s")
    moved: dict[str, Any] = {name: getattr(turn, name) + by_s for name in times}
    return dataclasses.replace(turn, **moved | ({"first_heard_s": None} if number % 3 == 1 else {}))


def _item_at(item: AgentItem, at_s: float) -> AgentItem:
    by_s = at_s - item.words[0].start_s
    words = tuple(dataclasses.replace(w, start_s=w.start_s + by_s, end_s=w.end_s + by_s) for w in item.words)
    return dataclasses.replace(item, words=words, first_heard_s=at_s)


def test_two_answers_that_begin_together_do_not_cover_each_other(story: Any, tmp_path: Path) -> None:
    record = story.record()
    last = record.items[-1]
    twin = _item_at(last, last.words[0].start_s - 0.2)
    geometry = draw(dataclasses.replace(record, items=(*record.items, twin)), tmp_path / "together.png")
    assert_tidy(geometry.labels, geometry.width, geometry.height)


def test_an_interrupted_answer_nobody_truncated_is_called_that(story: Any, tmp_path: Path) -> None:
    record = story.record()
    (barge_in,) = record.barge_ins
    items = tuple(dataclasses.replace(item, truncated_at_ms=None) for item in record.items)
    untold = dataclasses.replace(record, items=items, barge_ins=(dataclasses.replace(barge_in, truncated_at_ms=None),))
    geometry = draw(untold, tmp_path / "untold.png")
    assert any(label.text.startswith("never truncated") for label in geometry.labels)
    assert "never truncated" in headline(untold)


def test_a_picture_says_who_carried_the_call_and_what_went_wrong(naive_story: Any) -> None:
    facts = headline(naive_story.record(traced=False))
    assert facts[0] == "Naive bridge: 26 s, 3 turns"
    assert "900 ms of the greeting never heard" in facts
    assert "2 turns never answered" in facts
    assert "never truncated" in facts


@pytest.mark.parametrize("slower", [1.0, 3.0, 12.0])
def test_a_slow_set_up_stays_inside_its_frame(story: Any, tmp_path: Path, slower: float) -> None:
    record = story.record()
    names = ("answered_s", "media_open_s", "model_ready_s", "first_words_sent_s", "first_words_heard_s")
    times: dict[str, Any] = {name: getattr(record.set_up, name) * slower for name in names}
    times["first_words_sent_s"] = 0.8 * times["first_words_heard_s"]
    slow = dataclasses.replace(record, set_up=dataclasses.replace(record.set_up, **times))
    geometry = draw(slow, tmp_path / "slow.png")
    frame = geometry.views[1].axis
    moments = [label for label in geometry.labels if label.box.y1 < geometry.views[0].top and label.box.x0 < frame.x1]
    assert len(moments) > 6
    inside = [label for label in moments if label.box.y0 > geometry.views[1].top]
    assert all(label.box.x1 <= frame.x1 for label in inside), inside
