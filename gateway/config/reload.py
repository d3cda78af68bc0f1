"""What of a configuration may change while the gateway runs, and what a restart is for."""

from __future__ import annotations

from collections.abc import Iterator

from gateway.config.problem import Location, Problem
from gateway.config.tree import GatewayConfig

FOR_NEW_CALLS = frozenset(
    {"resources", "deployments", "ptu_table_file", "agents", "lines", "admission", "call", "deadlines"}
)
"""Sections that every call reads once, when it begins. All others are built into the running process."""
BUILT_IN = {"call": frozenset({"clip_language"}), "admission": frozenset({"replicas"})}
"""Fields of those sections that are not so: the network's player fetches a sentence without saying which call for, and
limits that are counted already have been shared out."""


def restart_problems(running: GatewayConfig, wanted: GatewayConfig) -> list[Problem]:
    """A problem for every field that differs and can not be taken over; none: `wanted` may come into force."""
    return [
        Problem(location, "can not change while the gateway runs", "take the change back, or restart it")
        for section in GatewayConfig.model_fields
        for location in _differences(running, wanted, section)
        if section not in FOR_NEW_CALLS or location[-1] in BUILT_IN.get(section, ())
    ]


def _differences(running: GatewayConfig, wanted: GatewayConfig, section: str) -> Iterator[Location]:
    """The fields of a section that differ; the section itself where it has no fields."""
    before, after = getattr(running, section), getattr(wanted, section)
    if before == after:
        return
    fields = getattr(type(before), "model_fields", None)
    if fields is None:
        yield (section,)
        return
    yield from ((section, name) for name in fields if getattr(before, name) != getattr(after, name))
