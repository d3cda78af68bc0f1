"""What `gateway check` says of a line: what callers can expect there, and what may be a mistake."""

from __future__ import annotations

from collections.abc import Iterator

from gateway.calls.tool_definitions import allowed_tools
from gateway.config import Agent, Line
from gateway.config.handover import Destination
from gateway.config.keypad import KeyShortcut
from gateway.config.languages import unsaid_languages
from gateway.config.lines import Tool
from gateway.config.manners import Silence


def line_summary(line: Line) -> Iterator[str]:
    """Line by line. Destinations by name and kind: whoever reads this need not see the number of a colleague."""
    if line.hours is not None:
        days = ", ".join(f"{day.value} {' '.join(spans)}" for day, spans in line.hours.open.items())
        yield f"open {days}, {line.hours.timezone}"
    yield f"callers whom no agent can answer: {f'to {line.overflow}' if line.overflow else 'a busy line'}"
    if line.queue is not None:
        order = ", before anybody is handed over" if line.queue.before_overflow and line.overflow else ""
        yield f"when full: {line.queue.places} may wait, at most {line.queue.max_wait_s:g} s{order}"
    limits = line.limits.model_dump(exclude_none=True, exclude_defaults=True)
    if limits:
        yield f"limits: {', '.join(f'{name} {value}' for name, value in limits.items())}"
    if line.destinations:
        yield f"people: {', '.join(map(_person, line.destinations))}"
    if line.keys:
        yield f"keys: {', '.join(f'{key} {_does(shortcut)}' for key, shortcut in line.keys.items())}"
    yield f"tools: {', '.join(tools_of(line)) or 'none'}"
    yield f"at most {line.max_minutes:g} minutes; {_silence(line.silence)}"
    if line.emergency is not None:
        after = f", then to {line.emergency.transfer_to}" if line.emergency.transfer_to else ""
        yield f"in an emergency: a sentence{after}"


def tools_of(line: Line) -> tuple[str, ...]:
    """What the agent may do with a call on this line, in the order of the tools' list."""
    allowed = allowed_tools(line)
    return tuple(tool.value for tool in Tool if tool.value in allowed)


def line_notes(line: Line, agent: Agent) -> Iterator[str]:
    """What is allowed, and is more often forgotten than meant."""
    if not _reaches_a_person(line):
        yield "a caller can not reach a person: neither a key nor a tool transfers"
    if not line.disclosure.enabled:
        yield "callers are not told that they speak with a machine (disclosure)"
    asked_for = line.tools if "tools" in line.model_fields_set else ()
    if not line.destinations:
        if Tool.TRANSFER_CALL in asked_for:
            yield "transfer_call is among the tools, but there are no destinations: the agent does not have it"
        if line.handover_report is not None:
            yield "handover_report is never sent: there are no destinations"
    if "digits" in line.model_fields_set and Tool.COLLECT_DIGITS not in line.tools:
        yield "digits is of no use: collect_digits is not among the tools"
    elif ("digits" in line.model_fields_set or Tool.COLLECT_DIGITS in asked_for) and not _digits_reach_anybody(line):
        yield "digits reach nobody: the agent is told how many were typed (digits.to_agent, digits.hook)"
    unsaid = unsaid_languages(line, agent)
    if unsaid:
        yield f"sentences in {', '.join(unsaid)} are never said: agent {agent.name} does not listen for it"


def _reaches_a_person(line: Line) -> bool:
    return "transfer_call" in allowed_tools(line) or any(shortcut.do == "transfer" for shortcut in line.keys.values())


def _digits_reach_anybody(line: Line) -> bool:
    return line.digits.to_agent or line.digits.hook is not None


def _person(destination: Destination) -> str:
    kind = "ACS user"
    if destination.phone_number is not None:
        kind = "telephone"
    elif destination.teams_user is not None:
        kind = "Teams user"
    return f"{destination.name} ({kind})"


def _does(shortcut: KeyShortcut) -> str:
    """What a key does, for people."""
    return shortcut.do if shortcut.to is None else f"to {shortcut.to}"


def _silence(silence: Silence | None) -> str:
    if silence is None:
        return "the caller may be silent"
    times = {0: "says goodbye", 1: "asks once"}.get(silence.prompts, f"asks {silence.prompts} times")
    return f"{times} after {silence.after_s:g} s of silence"
