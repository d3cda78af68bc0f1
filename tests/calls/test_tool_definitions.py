from __future__ import annotations

import json
from typing import Any

import pytest

from gateway.calls.tool_definitions import allowed_tools, tool_definitions
from gateway.config import Line
from gateway.config.lines import Tool
from gateway.session.events import FunctionCall
from gateway.session.settings import ToolSettings
from gateway.session.tools import EMERGENCY, Tools

DESTINATIONS = [
    {"name": "operator", "description": "everything else", "phone_number": "+15555550199"},
    {"name": "billing", "acs_user": "8:acs:resource_user-1"},
]
EXAMPLES: dict[str, dict[str, Any]] = {
    "end_call": {},
    "transfer_call": {"destination": "billing", "summary": "An invoice."},
    "send_digits": {"digits": "1*#"},
    "collect_digits": {"count": 4, "terminator": "#", "purpose": "PIN"},
    "hold_line": {"seconds": 60},
    EMERGENCY: {},
}


def line(**changes: Any) -> Line:
    everything = {
        "name": "main",
        "numbers": "*",
        "agent": "a",
        "tools": [tool.value for tool in Tool],
        "destinations": DESTINATIONS,
        "caller_id": "+15555550100",
        "emergency": {"sentence": "Dial 112."},
        "digits": {"to_agent": True},
    }
    return Line.model_validate(everything | changes)


def test_the_model_is_told_of_what_the_line_allows() -> None:
    assert [tool["name"] for tool in tool_definitions(line())] == [*(tool.value for tool in Tool), EMERGENCY]
    assert [tool["name"] for tool in tool_definitions(line(tools=["hold_line"], emergency=None))] == ["hold_line"]
    assert tool_definitions(line(tools=[], emergency=None)) == []


def test_a_transfer_needs_somebody_to_transfer_to() -> None:
    alone = line(destinations=[])
    assert "transfer_call" not in allowed_tools(alone)
    assert "transfer_call" not in [tool["name"] for tool in tool_definitions(alone)]


def test_digits_need_somebody_who_sees_them() -> None:
    hook = {"url": "https://example.com/pin"}
    assert "collect_digits" not in allowed_tools(line(digits={}))
    assert "collect_digits" in allowed_tools(line(digits={"hook": hook}))
    assert "collect_digits" in allowed_tools(line(digits={"to_agent": True}))


def test_people_have_names_and_no_addresses() -> None:
    text = json.dumps(tool_definitions(line()))
    (transfer,) = [tool for tool in tool_definitions(line()) if tool["name"] == "transfer_call"]
    assert transfer["parameters"]["properties"]["destination"]["enum"] == ["operator", "billing"]
    assert "operator (everything else); billing" in transfer["description"]
    assert "+1555" not in text
    assert "8:acs" not in text


@pytest.mark.parametrize("to_agent", [True, False])
def test_the_model_knows_whether_it_will_see_the_digits(to_agent: bool) -> None:
    digits = {"to_agent": True} if to_agent else {"hook": {"url": "https://example.com/pin"}}
    (collect,) = tool_definitions(line(tools=["collect_digits"], digits=digits, emergency=None))
    assert ("You are not told" in collect["description"]) is not to_agent


@pytest.mark.parametrize("tool", tool_definitions(line()), ids=lambda tool: str(tool["name"]))
def test_what_is_offered_is_what_is_taken(tool: dict[str, Any]) -> None:
    """An example as the definition wants it is carried out, and it uses every argument there is."""
    arguments = EXAMPLES[tool["name"]]
    parameters = tool["parameters"]
    assert tool["type"] == "function"
    assert set(arguments) == set(parameters["properties"])
    assert set(parameters["required"]) <= set(arguments)
    assert parameters["additionalProperties"] is False
    settings = ToolSettings(names=allowed_tools(line()), destinations=("operator", "billing"))
    tools = Tools(settings, has_emergency=True)
    assert tools.take(FunctionCall("r", "i", "c", tool["name"], json.dumps(arguments)), 0.0) is not None
