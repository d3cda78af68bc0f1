"""The phone network's end of one media socket: frames out when they are due, frames of the agent stamped and judged."""

from __future__ import annotations

import math
import time
import uuid
from collections.abc import Mapping
from datetime import UTC, datetime
from typing import TypeAlias

import aiohttp
import msgspec
import orjson
import pybase64
from aiohttp import WSMsgType

from gateway.audio.pcm import FRAME_S
from gateway.simulator.load.calls import LATE_S, Bench, LoadCall
from gateway.simulator.load.dialogue import Spurt
from gateway.simulator.load.marks import NUMBERS, marked_frame

MediaSocket: TypeAlias = aiohttp.ClientWebSocketResponse[bool]


class _Audio(msgspec.Struct, frozen=True, gc=False):
    data: str = msgspec.field(name="Data")


class _Message(msgspec.Struct, frozen=True, gc=False, rename="pascal"):
    kind: str
    audio_data: _Audio | None = None


_decoder = msgspec.json.Decoder(_Message)

FRAME_MS = round(FRAME_S * 1000)


class Stamps:
    """Time stamps of one stream: those of a media clock, whatever the clock of this process does."""

    def __init__(self, begun_at: float) -> None:
        """`begun_at`: seconds since the epoch."""
        self._begun_ms = int(begun_at * 1000)
        self._second = -1
        self._prefix = b""

    def of(self, frame: int) -> bytes:
        """ISO 8601 in UTC with milliseconds, of a frame counted from 0."""
        second, millisecond = divmod(self._begun_ms + frame * FRAME_MS, 1000)
        if second != self._second:
            self._second = second
            self._prefix = datetime.fromtimestamp(second, UTC).strftime("%Y-%m-%dT%H:%M:%S").encode()
        return b"%b.%03dZ" % (self._prefix, millisecond)


class Ear:
    """Judges the frames that come for a call's caller."""

    def __init__(self, call: LoadCall, bench: Bench) -> None:
        self._call = call
        self._samples = bench.samples
        self._spurt: Spurt | None = None
        self._stopped = False
        """StopAudio came for the present spurt"""
        self._frames = 0
        self._first_at: float | None = None
        self._last_at = -math.inf
        self._best_phase = math.inf

    def on_frame(self, now: float) -> None:
        """20 ms of sound have come."""
        samples = self._samples
        dialogue = self._call.dialogue
        if dialogue is not None and dialogue.spurt is not self._spurt:
            self._begin(dialogue.spurt, now)
        if self._stopped:
            self._call.failed("audio_after_stop")
            return
        if self._first_at is None:
            self._first_at = now
        self._last_at = now
        phase = now - self._frames * FRAME_S
        self._best_phase = min(self._best_phase, phase)
        self._frames += 1
        if samples.open:
            samples.frames_down += 1
            samples.lateness.append(phase - self._best_phase)
            samples.gaps += phase > self._first_at + FRAME_S

    def on_stop(self, now: float) -> None:
        """StopAudio has come."""
        spurt = self._spurt
        if spurt is None or self._stopped:
            return
        if spurt.cut_at is None:
            if self._frames * FRAME_S < spurt.given_s - LATE_S:
                self._call.failed("stop_without_reason")
            return  # nothing was left to stop: harmless
        self._stopped = True
        if self._samples.open:
            self._samples.barge_in.append(now - spurt.cut_at)

    def settle(self, now: float) -> None:
        """The spurt is over."""
        spurt = self._spurt
        if spurt is None:
            return
        self._call.close_spurt(spurt, self._first_at, self._frames, now)
        if spurt.cut_at is not None and not self._stopped and self._last_at > spurt.cut_at - LATE_S:
            self._call.failed("stop_missing")

    def _begin(self, spurt: Spurt, now: float) -> None:
        if self._spurt is not None or spurt.began_at is not None:
            self.settle(now)
            self._frames, self._first_at, self._best_phase, self._stopped = 0, None, math.inf, False
        self._spurt = spurt
        if spurt.began_at is not None and self._samples.open:
            self._samples.downlink.append(now - spurt.began_at)


class PhoneLeg:
    """One media socket; `run` returns when it is closed."""

    def __init__(self, call: LoadCall, bench: Bench) -> None:
        self._call = call
        self._bench = bench
        self._socket: MediaSocket | None = None
        self._ear = Ear(call, bench)
        self._stamps = Stamps(time.time())
        self._frame_bytes = bench.plan.phone.frame_bytes
        self._silence = pybase64.b64encode(bytes(self._frame_bytes)).decode()
        raw_id = f"4:{call.caller}".encode()
        self._frames = [
            b'","participantRawID":"%s","data":"%s","silent":false}}'
            % (raw_id, pybase64.b64encode(marked_frame(call.number, number, bench.plan.phone.rate_hz)))
            for number in range(NUMBERS)
        ]

    async def run(self, http: aiohttp.ClientSession, url: str, headers: Mapping[str, str]) -> None:
        """Dial, and serve until the socket closes.

        Raises:
            aiohttp.ClientError: the gateway did not let the socket in.
        """
        socket = await http.ws_connect(url, headers=headers, compress=0, decode_text=False, autoping=True)
        self._socket = socket
        await socket.send_frame(self._metadata(), WSMsgType.TEXT)
        leave = self._bench.metronome.join(self.step)
        self._call.connected = True
        try:
            while True:
                message = await socket.receive()
                if message.type is not WSMsgType.TEXT:
                    break
                self._on_message(message.data)
        finally:
            leave()
            self._ear.settle(self._bench.clock())
            self._call.failed("phone_leg_closed_early")

    async def close(self) -> None:
        if self._socket is not None:
            await self._socket.close()

    async def step(self, _now: float) -> None:
        """The next frame of the caller is due."""
        socket, call = self._socket, self._call
        if socket is None or socket.closed or call.over:
            return
        frame = self._frames[len(call.sent_at) % NUMBERS]
        stamp = self._stamps.of(len(call.sent_at))
        call.sent_at.append(self._bench.clock())
        await socket.send_frame(b'{"kind":"AudioData","audioData":{"timestamp":"' + stamp + frame, WSMsgType.TEXT)

    def _on_message(self, data: bytes) -> None:
        now = self._bench.clock()
        message = _decoder.decode(data)
        match message.kind:
            case "AudioData" if message.audio_data is not None:
                self._on_audio(message.audio_data.data, now)
            case "StopAudio":
                self._ear.on_stop(now)
            case _:
                self._call.failed("unknown_message")

    def _on_audio(self, payload: str, now: float) -> None:
        if len(payload) != len(self._silence):
            self._call.failed("frame_of_wrong_length")
        elif payload != self._silence:  # silence sent ahead of the first word is no part of what is said
            self._ear.on_frame(now)

    def _metadata(self) -> bytes:
        fmt = self._bench.plan.phone
        metadata = {"subscriptionId": str(uuid.uuid4()), "encoding": "PCM", "sampleRate": fmt.rate_hz, "channels": 1}
        return orjson.dumps({"kind": "AudioMetadata", "audioMetadata": {**metadata, "length": self._frame_bytes}})
