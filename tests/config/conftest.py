"""A small valid configuration to change."""

from __future__ import annotations

import copy
from collections.abc import Callable
from typing import Any, TypeAlias

import pytest

Raw: TypeAlias = dict[str, Any]

TOPIC = "/subscriptions/0/resourceGroups/g/providers/Microsoft.Communication/communicationServices/a"
VALID: Raw = {
    "version": 1,
    "server": {"public_url": "https://voice.example.com"},
    "acs": {
        "resources": [
            {"name": "a", "topic": TOPIC, "endpoint": "https://a.communication.azure.com", "audience": "guid"}
        ]
    },
    "event_grid": {"entra": {"tenant_id": "22222222-2222-4222-8222-222222222222", "audience": "api://voice-gateway"}},
    "resources": [{"name": "foundry", "endpoint": "https://f.services.ai.azure.com"}],
    "deployments": [
        {
            "name": "ptu",
            "resource": "foundry",
            "profile": "byom-azure-openai-chat-completion",
            "model": "m",
            "capacity": {"ptu_units": 50, "ptu_model": "gpt-4.1"},
        },
        {"name": "realtime", "resource": "foundry", "profile": "byom-azure-openai-realtime", "model": "r"},
    ],
    "agents": [
        {
            "name": "support",
            "instructions": "Help.",
            "voice": {"type": "azure-standard", "name": "en-US-AvaNeural"},
            "deployments": ["ptu", "realtime"],
        }
    ],
    "lines": [
        {"name": "main", "numbers": ["+15555550100", "+15555550101"], "agent": "support"},
        {"name": "rest", "numbers": "*", "agent": "support"},
    ],
}

REMOVED = object()


@pytest.fixture
def removed() -> object:
    """As a value for `changed`: take the field away."""
    return REMOVED


@pytest.fixture
def changed() -> Callable[..., Raw]:
    """The valid configuration with one place changed: changed("agents", 0, "voice", "name", 5)."""

    def change(*way_and_value: Any) -> Raw:
        raw = copy.deepcopy(VALID)
        if not way_and_value:
            return raw
        *way, last, value = way_and_value
        place: Any = raw
        for step in way:
            place = place[step]
        if value is REMOVED:
            del place[last]
        elif isinstance(place, list) and last == len(place):
            place.append(value)
        else:
            place[last] = value
        return raw

    return change
