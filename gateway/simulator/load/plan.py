"""What a run of the load tool is asked to do."""

from __future__ import annotations

from dataclasses import dataclass
from enum import StrEnum

from gateway.audio.pcm import AudioFormat

MAX_CALLS = 1024
"""The mark in every frame has ten bits for the call."""


class Talk(StrEnum):
    """How the agent talks."""

    ALWAYS = "always"  # the worst case: ten deltas a second, one by one, cut short by the caller every 8 s
    TURNS = "turns"  # as people do: answers of 4 s that arrive in a burst, every other one interrupted


@dataclass(frozen=True, slots=True, kw_only=True)
class LoadPlan:
    """One run; times in seconds."""

    calls: int
    seconds: float
    """how long is measured, with all calls up"""
    ramp_s: float
    """the calls begin evenly over this time"""
    phone: AudioFormat
    model: AudioFormat
    """PCM of both directions of a leg"""
    tls: bool
    """on the model leg; the phone leg is plain, as behind an ingress"""
    talk: Talk
    knocks_per_s: float = 0.0
    """requests of strangers, in a second window of `seconds` after the quiet one"""
    idle_sockets: int = 0
    """connections of strangers that say nothing, in the same window"""

    @property
    def strangers(self) -> bool:
        return self.knocks_per_s > 0 or self.idle_sockets > 0

    def __str__(self) -> str:
        rates = f"phone {self.phone.rate_hz // 1000} kHz, model {self.model.rate_hz // 1000} kHz"
        tls = "TLS to the model" if self.tls else "no TLS"
        agent = "agent speaking all the time" if self.talk is Talk.ALWAYS else "agent and caller taking turns"
        strangers = f"; then {self.knocks_per_s:g} knocks a second and {self.idle_sockets} idle sockets of strangers"
        return (
            f"{self.calls} calls for {self.seconds:g} s; {rates}; {tls}; {agent}{strangers if self.strangers else ''}"
        )
