"""What went wrong in a call, in numbers, judged at the caller's ear."""

from __future__ import annotations

from dataclasses import dataclass

from gateway.demo.facts import AgentItem, BargeIn, DemoRecord

ROW_COUNT = 5
_INAUDIBLE_MS = 60.0
"""Less than this is missing from no syllable: pauses at the edges of a recording."""


@dataclass(frozen=True, slots=True)
class Findings:
    """Milliseconds unless the name says otherwise; None: the call never came to that."""

    greeting_lost_ms: float | None
    greeting_lost_words: str
    talked_over_ms: int | None
    """the longest the agent went on after the caller had interrupted it"""
    believed_unheard_ms: float
    """what the model's history held as heard when the conversation went on, and was not"""
    caller_turns: int
    unanswered: tuple[int, ...]
    """turns of the caller that got no answer"""
    longest_wait_ms: int | None


def find(record: DemoRecord) -> Findings:
    """Look a call over."""
    greeting = record.greeting
    waits = [turn.wait_ms for turn in record.turns if turn.wait_ms is not None]
    interrupted = {barge_in.item_id: barge_in for barge_in in record.barge_ins}
    believed = [_believed_too_much_ms(item, interrupted.get(item.item_id)) for item in record.items]
    lost_ms = None if greeting is None else greeting.generated_ms - greeting.heard_ms
    return Findings(
        greeting_lost_ms=0.0 if lost_ms is not None and lost_ms < _INAUDIBLE_MS else lost_ms,
        greeting_lost_words="" if greeting is None else greeting.text_unheard,
        talked_over_ms=max((each.talked_over_ms for each in record.barge_ins), default=None),
        believed_unheard_ms=sum(believed),
        caller_turns=len(record.turns),
        unanswered=tuple(turn.number for turn in record.turns if not turn.answered),
        longest_wait_ms=max(waits, default=None),
    )


def _believed_too_much_ms(item: AgentItem, barge_in: BargeIn | None) -> float:
    """An answer nobody truncated counts as heard at once, though the caller had heard only a part when interrupting."""
    heard_ms = item.heard_ms
    if barge_in is not None and item.truncated_at_ms is None:
        heard_ms = barge_in.heard_by_then_ms
    too_much_ms = item.believed_ms - heard_ms
    return too_much_ms if too_much_ms >= _INAUDIBLE_MS else 0.0


def rows(before: Findings, after: Findings) -> list[tuple[str, str, str]]:
    """The comparison as text: what, before, after. Both are judged by the turns the caller had wanted to take."""
    turns = max(before.caller_turns, after.caller_turns)
    return [
        ("greeting lost at the ear", _lost(before), _lost(after)),
        ("agent went on after the caller had interrupted", _seconds(before), _seconds(after)),
        ("model believes it was heard, and it was not", _believed(before), _believed(after)),
        ("caller's turns answered", _answered(before, turns), _answered(after, turns)),
        ("longest wait for an answer", _wait(before), _wait(after)),
    ]


def _lost(findings: Findings) -> str:
    if findings.greeting_lost_ms is None:
        return "no greeting"
    if not findings.greeting_lost_ms:
        return "nothing"
    words = f" “{findings.greeting_lost_words}”" if findings.greeting_lost_words else ""
    return f"{findings.greeting_lost_ms:,.0f} ms{words}"


def _seconds(findings: Findings) -> str:
    return "never came to that" if findings.talked_over_ms is None else f"{findings.talked_over_ms / 1000:.1f} s"


def _believed(findings: Findings) -> str:
    return f"{findings.believed_unheard_ms:,.0f} ms"


def _answered(findings: Findings, turns: int) -> str:
    return f"{findings.caller_turns - len(findings.unanswered)} of {turns}"


def _wait(findings: Findings) -> str:
    return "no answer at all" if findings.longest_wait_ms is None else f"{findings.longest_wait_ms:,} ms"
