"""The tools of an agent as the model is told of them: what the line allows, with the line's own names in it.

What comes back is judged by `session/tools.py`, which believes none of this.
"""

from __future__ import annotations

from typing import Any

from gateway.config import Line
from gateway.config.handover import Destination
from gateway.config.lines import Tool
from gateway.session.tools import EMERGENCY, MAX_COLLECTED, MAX_DIGITS, MAX_HOLD_S, MAX_PURPOSE, MAX_SUMMARY

Json = dict[str, Any]


def allowed_tools(line: Line) -> frozenset[str]:
    """Those of the line that can work: a transfer needs somebody to transfer to, digits somebody who sees them."""
    useless: set[Tool] = set()
    if not line.destinations:
        useless.add(Tool.TRANSFER_CALL)
    if not line.digits.to_agent and line.digits.hook is None:
        useless.add(Tool.COLLECT_DIGITS)
    return frozenset(tool.value for tool in line.tools if tool not in useless)


def tool_definitions(line: Line) -> list[Json]:
    """Function tools in the service's flat form."""
    allowed = allowed_tools(line)
    definitions = [_MAKERS[tool](line) for tool in Tool if tool.value in allowed]
    if line.emergency is not None:
        definitions.append(
            _function(
                EMERGENCY,
                "Call this at once when the caller, or somebody with them, is in danger of life or limb. The caller is "
                "then told where to get help.",
                {},
            )
        )
    return definitions


def _function(name: str, description: str, properties: Json, required: tuple[str, ...] = ()) -> Json:
    return {
        "type": "function",
        "name": name,
        "description": description,
        "parameters": {
            "type": "object",
            "properties": properties,
            "required": list(required),
            "additionalProperties": False,
        },
    }


def _end_call(_line: Line) -> Json:
    return _function(
        Tool.END_CALL.value,
        "End the phone call. Say goodbye in the same answer, before calling this; the call ends when the caller has "
        "heard it. Only when the caller wants to end the call, or nothing is left to say.",
        {},
    )


def _transfer_call(line: Line) -> Json:
    names = [destination.name for destination in line.destinations]
    who = "; ".join(_who(destination) for destination in line.destinations)
    return _function(
        Tool.TRANSFER_CALL.value,
        "Hand the caller over to a person. Say in the same answer, before calling this, that you are connecting them. "
        f"You are told if nobody answers. Destinations: {who}.",
        {
            "destination": {"type": "string", "enum": names, "description": "exactly one of these names"},
            "summary": {
                "type": "string",
                "maxLength": MAX_SUMMARY,
                "description": "what the person there should know, in one or two sentences",
            },
        },
        ("destination", "summary"),
    )


def _who(destination: Destination) -> str:
    return destination.name if destination.description is None else f"{destination.name} ({destination.description})"


def _send_digits(_line: Line) -> Json:
    return _function(
        Tool.SEND_DIGITS.value,
        "Send key tones to the caller's side, for a machine there that asks for them.",
        {"digits": {"type": "string", "pattern": "^[0-9*#]+$", "maxLength": MAX_DIGITS}},
        ("digits",),
    )


def _collect_digits(line: Line) -> Json:
    sees = "You are told what was typed." if line.digits.to_agent else "You are not told what was typed."
    return _function(
        Tool.COLLECT_DIGITS.value,
        "Let the caller type digits on the telephone's keypad. Ask for them in the same answer, before calling this. "
        f"{sees}",
        {
            "count": {"type": "integer", "minimum": 1, "maximum": MAX_COLLECTED, "description": "how many at most"},
            "terminator": {"type": "string", "enum": ["", "#", "*"], "description": "key that ends the input early"},
            "purpose": {"type": "string", "maxLength": MAX_PURPOSE, "description": "such as: customer number, PIN"},
        },
        ("count", "purpose"),
    )


def _hold_line(_line: Line) -> Json:
    return _function(
        Tool.HOLD_LINE.value,
        "The caller asks for a moment: stay silent and wait for them, without asking whether they are still there.",
        {"seconds": {"type": "number", "minimum": 5, "maximum": MAX_HOLD_S, "description": "60 if they named no time"}},
    )


_MAKERS = {
    Tool.END_CALL: _end_call,
    Tool.TRANSFER_CALL: _transfer_call,
    Tool.SEND_DIGITS: _send_digits,
    Tool.COLLECT_DIGITS: _collect_digits,
    Tool.HOLD_LINE: _hold_line,
}
