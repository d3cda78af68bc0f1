"""Typed keys of what the request handlers need."""

from __future__ import annotations

from collections.abc import Callable

from aiohttp import web

from gateway.calls.offer import Offers
from gateway.calls.supervisor import CallSupervisor
from gateway.telemetry.observer import Telemetry
from gateway.wire.ticket import TicketKeys

OFFERS = web.AppKey("offers", Offers)
SUPERVISOR = web.AppKey("supervisor", CallSupervisor)
TICKETS = web.AppKey("tickets", TicketKeys)
TELEMETRY = web.AppKey("telemetry", Telemetry)
CLIPS = web.AppKey("clips", dict[str, bytes])
"""the gateway's own sentences as WAV files, for the network's player"""
WALL_CLOCK = web.AppKey[Callable[[], float]]("wall_clock", Callable)  # type: ignore[arg-type]  # AppKey wants a class
