"""The line while a call lasts: every 20 ms the ear hears on, the caller reacts, and a frame goes to the network."""

from __future__ import annotations

import asyncio
from collections.abc import Callable
from typing import Protocol, TypeAlias

import numpy as np

from gateway.audio.pcm import FRAME_S, Int16Array
from gateway.simulator.phone.arrival import arrival_shape
from gateway.simulator.phone.caller import Caller
from gateway.simulator.phone.channel import MOUTH_HZ
from gateway.simulator.phone.ear import Ear
from gateway.simulator.phone.plan import CallPlan
from gateway.simulator.phone.sounds import dtmf
from gateway.simulator.phone.uplink import StreamFormat, Uplink

Clock: TypeAlias = Callable[[], float]


class Network(Protocol):
    """Where the line leads."""

    @property
    def muted(self) -> bool: ...

    def offer_frame(self, message: str, due: float) -> None: ...

    def offer_digit(self, digit: str, due: float) -> None: ...


class Talk:
    """See the module.

    Args:
        plan: of the call.
        caller: who carries it out.
        ear: of the caller; its origin is the moment of the answer.
        stream: format of the media messages.
        clocks: monotonic seconds, and seconds since the epoch.
    """

    def __init__(
        self, plan: CallPlan, caller: Caller, ear: Ear, stream: StreamFormat, clocks: tuple[Clock, Clock]
    ) -> None:
        switches = plan.switches
        clock, wall = clocks
        self.caller = caller
        self._ear = ear
        self._clock = clock
        self._delay_s = switches.uplink_delay_s
        wall_ahead = wall() - clock()
        self._uplink = Uplink(stream, switches, seed=plan.seed, wall_at=lambda moment: moment + wall_ahead)
        self._arrival = arrival_shape(switches.impairment, plan.seed)
        self._mouth: list[Int16Array] = []
        self._inband_tones = switches.inband_tones
        self._tone = np.empty(0, np.int16)
        """of the key pressed last, as far as it has not sounded yet"""

    async def run(self, network: Network, hang_up: Callable[[], None], over: asyncio.Event) -> None:
        """Until the call is over; on an absolute schedule, so a stall is caught up and no frame is left out.

        Args:
            network: gets the frames and digits.
            hang_up: what the caller does in the end.
            over: the call is over.
        """
        frame = 0
        while not over.is_set():
            frame += 1
            frame_at = self._ear.origin + frame * FRAME_S
            await asyncio.sleep(max(0.0, frame_at - self._clock()))
            if self._exchange(network, frame, frame_at):
                hang_up()

    def mouth_track(self) -> Int16Array:
        """What the caller said, clean, from the answer on; at the rate of the mouth."""
        return np.concatenate([np.empty(0, np.int16), *self._mouth])

    def _with_tone(self, mouth: Int16Array) -> Int16Array:
        """The telephone puts the sound of a key over the voice."""
        part, self._tone = self._tone[: len(mouth)], self._tone[len(mouth) :]
        if not len(part):
            return mouth
        mixed = mouth.astype(np.int32)
        mixed[: len(part)] += part
        return np.clip(mixed, -32768, 32767).astype(np.int16)

    def _exchange(self, network: Network, frame: int, frame_at: float) -> bool:
        """Twenty milliseconds; returns whether the caller puts the phone down."""
        heard = self._ear.advance(frame_at)
        step = self.caller.step(frame_at, agent_voiced=self._ear.voiced)
        mouth = self._with_tone(step.mouth)
        self._mouth.append(mouth)
        due = frame_at + self._delay_s
        message = self._uplink.message(mouth, heard, frame_at, muted=network.muted)
        network.offer_frame(message, due + self._arrival(frame))
        if step.digit is not None:
            network.offer_digit(step.digit, due)
            if self._inband_tones:
                self._tone = dtmf(step.digit, MOUTH_HZ)
        return step.hang_up
