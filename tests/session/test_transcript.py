from __future__ import annotations

from hypothesis import given
from hypothesis import strategies as st

from gateway.session.transcript import ItemText


def test_word_timings_decide_exactly() -> None:
    item = ItemText()
    for offset, word in ((0, "one"), (400, "two"), (800, "three")):
        item.add_timing(offset, 300, word)
    assert item.split(799, 1100) == ("one two", "three")


def test_a_word_counts_as_heard_when_half_of_it_was() -> None:
    item = ItemText()
    item.add_timing(0, 400, "only")
    assert item.split(199, 400) == ("", "only")
    assert item.split(200, 400) == ("only", "")


def test_without_timings_words_are_spread_over_the_audio() -> None:
    item = ItemText()
    item.finish("aaaa bbbb cccc dddd")
    assert item.split(1000, 2000) == ("aaaa bbbb", "cccc dddd")


def test_text_that_runs_ahead_of_its_audio_is_not_taken_for_heard() -> None:
    item = ItemText()
    item.add("This sentence is long and only its first moment has arrived as audio")
    heard, _ = item.split(200, 200)
    assert heard == "This"


def test_an_item_without_words() -> None:
    assert ItemText().split(100, 100) == ("", "")


@given(st.text("abc ", max_size=80), st.floats(0, 10_000), st.floats(0, 10_000))
def test_no_word_is_lost_or_doubled(text: str, heard_ms: float, audio_ms: float) -> None:
    item = ItemText()
    item.finish(text)
    heard, unheard = item.split(heard_ms, audio_ms)
    assert (heard + " " + unheard).split() == text.split()
