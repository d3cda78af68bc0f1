"""The calls of one run: what each end stamped, and what went wrong."""

from __future__ import annotations

import base64
import secrets
import uuid
from array import array
from collections.abc import Callable
from dataclasses import dataclass, field

from gateway.audio.pcm import FRAME_S
from gateway.simulator.load.dialogue import Dialogue, Spurt
from gateway.simulator.load.marks import NUMBERS
from gateway.simulator.load.metronome import Metronome
from gateway.simulator.load.plan import LoadPlan
from gateway.simulator.load.samples import Samples
from gateway.simulator.phone.shapes import CallIds

CONTEXT_BYTES = 6000
"""A recorded incomingCallContext has 5 to 9 kB."""
IN_FLIGHT_FRAMES = 25
"""Half a second: what may be under way in the moment a call ends."""
LATE_S = 0.1
"""Audio that is no later than this is not missing; how late it is, is measured apart."""
LOST_SHARE = 0.01
"""More audio than this missing of a call makes it a failure."""


@dataclass(frozen=True, slots=True)
class Bench:
    """What both far sides share."""

    plan: LoadPlan
    samples: Samples
    metronome: Metronome
    clock: Callable[[], float]


@dataclass(slots=True, eq=False)
class LoadCall:
    """One call, phone and model together."""

    number: int
    ids: CallIds
    caller: str
    called: str
    sent_at: array[float] = field(default_factory=lambda: array("d"))
    """of every frame of the caller"""
    recognised: int = 0
    """frame that the model side expects next"""
    lost_up: int = 0
    dialogue: Dialogue | None = None
    """once the model side has recognised the caller"""
    connected: bool = False
    over: bool = False
    """hung up by the caller: whatever closes now is right"""
    expected_down: int = 0
    received_down: int = 0
    """frames that should have been played, and those of them that came, of spurts that are over"""
    problems: dict[str, None] = field(default_factory=dict)
    """names of what went wrong, in order"""

    @property
    def up(self) -> bool:
        """Both ends talk to each other."""
        return self.connected and self.dialogue is not None

    def failed(self, problem: str) -> None:
        if not self.over:
            self.problems[problem] = None

    def heard(self, number: int, now: float, samples: Samples) -> bool:
        """The model side got a frame of this call; False if it is not a new one.

        Args:
            number: its mark, modulo 64.
            now: when it came.
            samples: where its delay is written down.
        """
        skipped = (number - self.recognised) % NUMBERS
        frame = self.recognised + skipped
        if skipped >= NUMBERS // 2 or frame >= len(self.sent_at):
            return False
        self.lost_up += skipped
        self.recognised = frame + 1
        if samples.open:
            samples.uplink.append(now - self.sent_at[frame])
            samples.frames_up += 1
        return True

    def close_spurt(self, spurt: Spurt, first_frame_at: float | None, frames: int, now: float) -> None:
        """Settle a spurt of the agent: how much of it should have come, and how much did.

        Args:
            spurt: what was given.
            first_frame_at: when its first frame came; None if none did.
            frames: how many came.
            now: nothing can be expected later than this.
        """
        end_at = (now if spurt.cut_at is None else min(now, spurt.cut_at)) - LATE_S
        playable_s = spurt.given_s if first_frame_at is None else min(spurt.given_s, end_at - first_frame_at)
        expected = max(0, int(playable_s / FRAME_S))
        self.expected_down += expected
        self.received_down += min(frames, expected)

    def settle(self) -> None:
        """The call is over: judge it as a whole."""
        lost_up = self.lost_up + max(0, len(self.sent_at) - self.recognised - IN_FLIGHT_FRAMES)
        if lost_up > LOST_SHARE * len(self.sent_at):
            self.problems["uplink_audio_missing"] = None
        if self.expected_down - self.received_down > 1 + LOST_SHARE * self.expected_down:
            self.problems["downlink_audio_missing"] = None


class CallBook:
    """All calls of a run, found by what the far side knows of them."""

    def __init__(self) -> None:
        self.calls: list[LoadCall] = []
        self._by_context: dict[str, LoadCall] = {}
        self._by_connection: dict[str, LoadCall] = {}

    def new_call(self) -> LoadCall:
        number = len(self.calls)
        ids = CallIds(
            connection_id=str(uuid.uuid4()),
            server_call_id=base64.b64encode(f"https://conv.example.net/{secrets.token_hex(8)}".encode()).decode(),
            correlation_id=str(uuid.uuid4()),
            context=secrets.token_urlsafe(CONTEXT_BYTES),
        )
        call = LoadCall(number, ids, f"+1555{2_000_000 + number:07d}", f"+1555{1_000_000 + number % 7:07d}")
        self.calls.append(call)
        self._by_context[ids.context] = call
        self._by_connection[ids.connection_id] = call
        return call

    def with_mark(self, number: int) -> LoadCall | None:
        return self.calls[number] if number < len(self.calls) else None

    def with_context(self, context: str) -> LoadCall | None:
        return self._by_context.get(context)

    def with_connection(self, connection_id: str) -> LoadCall | None:
        return self._by_connection.get(connection_id)
