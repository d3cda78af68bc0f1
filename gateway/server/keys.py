"""Typed keys of what the request handlers need."""

from __future__ import annotations

from collections.abc import Callable

from aiohttp import web

from gateway.calls.supervisor import CallSupervisor
from gateway.rate import Rate
from gateway.server.guard import Guard
from gateway.server.live import LiveConfiguration
from gateway.telemetry.observer import Telemetry

LIVE = web.AppKey("live", LiveConfiguration)
"""what new calls begin with"""
SUPERVISOR = web.AppKey("supervisor", CallSupervisor)
GUARD = web.AppKey("guard", Guard)
TELEMETRY = web.AppKey("telemetry", Telemetry)
HANDSHAKES = web.AppKey("handshakes", Rate)
"""how often the CloudEvents handshake is answered"""
SUBSCRIPTIONS = web.AppKey("subscriptions", frozenset[str])
"""ids of the Azure subscriptions our communication resources are in, in lower case"""
CLIPS = web.AppKey("clips", dict[str, bytes])
"""the gateway's own sentences as WAV files, for the network's player"""
WALL_CLOCK = web.AppKey[Callable[[], float]]("wall_clock", Callable)  # type: ignore[arg-type]  # AppKey wants a class
