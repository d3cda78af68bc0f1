"""The script decides what is heard and said; nothing else does."""

from __future__ import annotations

from gateway.simulator.clips import load_clip
from gateway.simulator.voice_live.brain import FALLBACK, WAITING, Brain, Call, Say
from gateway.simulator.voice_live.script import NO_SCRIPT, Cue, Script, ScriptTurn, TimedWord, ToolCall, story

NONE: frozenset[str] = frozenset()


def said(brain: Brain, instructions: str | None = None) -> str:
    (answer,) = brain.answer(instructions, NONE)
    assert isinstance(answer, Say)
    return answer.text


def test_the_story_is_heard_and_answered_turn_by_turn() -> None:
    brain = Brain(story(), 0.6)
    assert said(brain) == story().greeting
    for number, turn in enumerate(story().turns, 1):
        assert brain.hear(load_clip(f"caller.turn{number}").duration_s - 0.1) == turn.caller
        assert said(brain) == turn.reply
        assert said(brain) == turn.reply  # asked again, said again


def test_a_cough_has_no_words_and_does_not_move_the_story() -> None:
    brain = Brain(story(), 0.6)
    assert brain.hear(0.3) == ""
    assert said(brain) == story().greeting
    assert brain.hear(3.8) == story().turns[0].caller


def test_a_turn_cut_by_a_pause_gives_each_half_its_words() -> None:
    words = (
        TimedWord("Well,", 0.0, 1.2),
        TimedWord("I", 1.2, 1.3),
        TimedWord("think", 1.3, 1.8),
        TimedWord("so.", 1.8, 2.2),
    )
    brain = Brain(Script("halves", None, (ScriptTurn("Well, I think so.", "Good.", words),)), 0.2)
    assert brain.hear(0.5) == "Well,"
    assert said(brain) == "Good."
    assert brain.hear(1.0) == "I think so."
    assert brain.hear(2.0) == "[recording 2.0 s]"


def test_the_rest_of_a_sentence_that_never_came_is_skipped() -> None:
    brain = Brain(story(), 0.6)
    brain.hear(3.2)
    assert brain.hear(3.3) == story().turns[1].caller


def test_a_recording_without_a_script_is_its_length() -> None:
    brain = Brain(NO_SCRIPT, 0.6)
    assert brain.hear(3.14) == "[recording 3.1 s]"
    assert brain.hear(0.4) == "[recording 0.4 s]"
    assert brain.hear(0.1) == ""
    assert said(brain) == FALLBACK


def test_replayed_history_finds_the_place_in_the_story() -> None:
    turns = story().turns
    brain = Brain(story(), 0.6)
    brain.read("user", turns[0].caller)
    brain.read("assistant", turns[0].reply)
    assert brain.hear(3.3) == turns[1].caller
    summary = Brain(story(), 0.6)
    summary.read("system", f"So far: the caller said: {turns[1].caller} You said: {turns[1].reply[:60]}")
    assert summary.hear(3.0) == turns[2].caller


def test_text_of_the_client_is_a_turn_of_its_own() -> None:
    brain = Brain(story(), 0.6)
    brain.read("user", "1")
    assert said(brain) == story().turns[0].reply


def test_a_sentence_asked_for_exactly_is_said() -> None:
    brain = Brain(story(), 0.6)
    assert said(brain, "Greet the caller with exactly this sentence and nothing else: Good day.") == "Good day."


def test_after_the_last_turn_the_last_reply_is_repeated_or_the_script_begins_again() -> None:
    turns = (ScriptTurn("One sentence here.", "A."), ScriptTurn("Another sentence here.", "B."))
    ends, cycles = Brain(Script("x", None, turns), 0.2), Brain(Script("x", None, turns, cycles=True), 0.2)
    for brain in (ends, cycles):
        for _ in range(3):
            brain.hear(2.0)
    assert said(ends) == "B."
    assert said(cycles) == "A."


LOOK, BOOK = ToolCall("look", "{}", says="One moment."), ToolCall("book", '{"for": 2}')
BOTH = frozenset({"look", "book"})


def asked(*tools: ToolCall, outcomes: tuple[Cue, ...] = ()) -> Brain:
    """After the caller's one sentence."""
    turn = ScriptTurn("Book it please.", "Done.", tools=tools, outcomes=outcomes)
    brain = Brain(Script("tools", None, (turn, ScriptTurn("Thank you very much.", "Bye."))), 0.2)
    brain.hear(1.5)
    return brain


def test_a_tool_is_called_once_and_only_where_the_session_has_it() -> None:
    without, with_tool = asked(BOOK), asked(BOOK)
    assert without.answer(None, NONE) == (Say("Done."),)
    assert with_tool.answer(None, BOTH) == (Call(BOOK),)
    with_tool.called(BOOK, "call_1")
    assert with_tool.answer(None, BOTH) == (Say(WAITING),)
    with_tool.returned("call_1", "{}")
    assert with_tool.answer(None, BOTH) == (Say("Done."),)
    assert with_tool.answer(None, BOTH) == (Say("Done."),)


def test_a_call_that_never_reached_the_client_is_made_again() -> None:
    brain = asked(LOOK)
    assert brain.answer(None, BOTH) == brain.answer(None, BOTH) == (Say("One moment."), Call(LOOK))


def test_calls_follow_one_another_unless_they_are_parallel() -> None:
    again = ToolCall("look", '{"again": true}', with_previous=True)
    brain = asked(LOOK, BOOK, again)
    assert brain.answer(None, BOTH) == (Say("One moment."), Call(LOOK))
    brain.called(LOOK, "call_1")
    brain.returned("call_1", "free")
    assert brain.answer(None, BOTH) == (Call(BOOK), Call(again))
    brain.called(BOOK, "call_2")
    brain.returned("call_2", "booked")  # a quick client: before the other call is out
    brain.called(again, "call_3")
    assert brain.answer(None, BOTH) == (Say(WAITING),)
    brain.returned("call_3", "looked")
    assert brain.answer(None, BOTH) == (Say("Done."),)


def test_an_outcome_replaces_the_reply_and_ends_the_calls() -> None:
    brain = asked(LOOK, BOOK, outcomes=(Cue("full", "No table is free."),))
    brain.answer(None, BOTH)
    brain.called(LOOK, "call_1")
    brain.returned("call_1", '{"state": "FULL"}')
    assert brain.answer(None, BOTH) == (Say("No table is free."),)


def test_an_output_that_comes_after_the_next_turn_is_answered_and_then_the_story_goes_on() -> None:
    brain = asked(BOOK)
    brain.answer(None, BOTH)
    brain.called(BOOK, "call_1")
    assert brain.hear(1.5) == "Thank you very much."
    assert brain.answer(None, BOTH) == (Say("Bye."),)
    brain.returned("call_1", "{}")
    assert brain.answer(None, BOTH) == (Say("Done."),)
    brain.returned("call_1", "{}")  # of no call that is out
    brain.hear(1.0)
    assert brain.answer(None, BOTH) == (Say("Bye."),)


def test_what_is_heard_can_be_said_beforehand() -> None:
    heard = ("", None, "uh-huh", "Hold it!", "the LAST one here")
    turns = (
        ScriptTurn("One sentence here.", "A.", language="de-DE"),
        ScriptTurn("Skipped.", "B."),
        ScriptTurn("The last one here.", "C.", language="fr-FR"),
    )
    brain = Brain(Script("x", "Hello.", turns, heard=heard, cues=(Cue("hold", "I stop."),)), 0.6)
    assert brain.hear(2.0) == ""
    assert said(brain) == "Hello."
    assert (brain.hear(1.4), brain.language) == ("One sentence here.", "de-DE")
    assert (brain.hear(0.1), brain.language) == ("uh-huh", None)
    assert said(brain) == FALLBACK
    assert brain.hear(0.1) == "Hold it!"
    assert said(brain) == "I stop."
    assert (brain.hear(0.1), brain.language) == ("the LAST one here", "fr-FR")
    assert said(brain) == "C."
    assert brain.hear(2.0) == "[recording 2.0 s]"


def test_the_model_was_told_something_when_it_answers_the_cue() -> None:
    cue = Cue("nobody answered", "I could not reach them.")
    brain = Brain(Script("x", "Hello.", (ScriptTurn("One sentence here.", "A."),), cues=(cue,)), 0.2)
    brain.hear(1.5)
    brain.tell("system", "The transfer failed: Nobody answered the phone.")
    assert said(brain) == cue.reply
    assert said(brain) == cue.reply
    brain.tell("assistant", "So nobody answered.")
    assert said(brain) == "A."
    assert said(brain, "Say that nobody answered.") == cue.reply
    assert said(brain) == "A."
