from __future__ import annotations

import pytest

from gateway.session.moderation import MAX_ITEMS, Moderation
from gateway.session.settings import ModerationSettings

WORDS = ModerationSettings(words=("forbidden", "two words"))


def test_a_word_is_found_as_soon_as_it_is_whole_and_complained_about_once() -> None:
    moderation = Moderation(WORDS, ("en-US",))
    said = [
        moderation.on_agent_text("r1", "i1", delta) for delta in ("This is for", "bidden", " and goes on", " forbidden")
    ]
    assert said == [False, True, False, False]


def test_every_item_is_looked_at() -> None:
    moderation = Moderation(WORDS, ("en-US",))
    assert not moderation.on_agent_text("r1", "i1", "for")
    assert not moderation.on_agent_text("r1", "i2", "bidden")
    assert moderation.on_agent_text("r1", "i1", "bidden")


def test_what_still_comes_of_a_stopped_response_is_not_stopped_again() -> None:
    moderation = Moderation(WORDS, ("en-US",))
    assert moderation.on_agent_text("r1", "i1", "forbidden")
    assert not moderation.on_agent_text("r1", "i2", "forbidden")
    assert moderation.on_agent_text("r2", "i3", "forbidden")


def test_words_of_many_items_are_not_kept() -> None:
    moderation = Moderation(WORDS, ("en-US",))
    for number in range(10 * MAX_ITEMS):
        moderation.on_agent_text("r1", f"i{number}", "text")
    assert len(moderation._texts) <= MAX_ITEMS


@pytest.mark.parametrize(
    ("settings", "agent", "caller", "asks"),
    [
        (None, False, False, False),
        (ModerationSettings(), False, False, False),
        (WORDS, True, False, False),
        (ModerationSettings(words=("forbidden",), of_caller=True), True, True, False),
        (ModerationSettings(of_caller=True, asks=True), False, False, True),
    ],
)
def test_who_is_judged_by_what(settings: ModerationSettings | None, agent: bool, caller: bool, asks: bool) -> None:
    moderation = Moderation(settings, ("en-US",))
    assert moderation.on_agent_text("r1", "i1", "Forbidden.") is agent
    assert moderation.on_caller_text("That is forbidden.") is caller
    assert moderation.asks is asks
    assert not moderation.on_caller_text("Nothing of the kind.")
