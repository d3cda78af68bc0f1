"""What became of one call: facts, both tracks, and their files."""

from __future__ import annotations

import dataclasses
from collections.abc import Iterable
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
import numpy.typing as npt

from gateway.audio.pcm import Int16Array
from gateway.audio.wav import write_wav
from gateway.simulator.phone.call import PhoneCall
from gateway.simulator.phone.callbacks import CallbackDelivery
from gateway.simulator.phone.caller import Spoken
from gateway.simulator.phone.channel import MOUTH_HZ, through_line
from gateway.simulator.phone.ear import Segment
from gateway.simulator.phone.events import Attempt
from gateway.simulator.phone.lane import Arrival, Gap, Stop, Unheard
from gateway.simulator.phone.media import MediaLeg
from gateway.simulator.phone.switches import LineCodec
from gateway.simulator.phone.targets import Target
from gateway.simulator.phone.tones import SentTones
from gateway.simulator.phone.transfer import TransferRequest
from gateway.simulator.phone.voices import change_rate


@dataclass(frozen=True, slots=True)
class Socket:
    """One media socket that was opened."""

    opened_at: float | None
    first_frame_at: float | None
    closed_at: float | None
    closed_by: str | None
    """network or gateway"""
    close_code: int | None
    frames_sent: int
    frames_dropped: int
    received: dict[str, int]
    """messages by kind, and what was unusable"""


@dataclass(frozen=True, slots=True, eq=False)
class CallRecord:
    """All times are monotonic seconds; all tracks have TRACK_HZ, begin at `origin` and have one length."""

    TRACK_HZ = MOUTH_HZ

    correlation_id: str
    connection_id: str
    server_call_id: str
    ending: str
    """caller, gateway, transferred, rejected, redirected, unanswered or network"""
    story_done: bool
    """the caller said and pressed all that was planned"""
    gave_up: bool
    """the caller hung up for want of patience"""
    times: dict[str, float]
    """event_posted, answer_requested, answered, connected, media_opened, first_frame, first_heard, ended; those that
    came to pass"""
    event_state: str
    event_attempts: tuple[Attempt, ...]
    answers: tuple[tuple[float, int], ...]
    """time and status of every answer request; 0: the response was lost on purpose"""
    callbacks: tuple[CallbackDelivery, ...]
    sockets: tuple[Socket, ...]
    spoken: tuple[Spoken, ...]
    heard: tuple[Segment, ...]
    """the agent's voice at the ear"""
    arrivals: tuple[Arrival, ...]
    gaps: tuple[Gap, ...]
    stops: tuple[Stop, ...]
    unheard: tuple[Unheard, ...]
    """sent, and never heard; at the rate of the leg"""
    unheard_hz: int
    origin: float
    """when the call was answered: the first sample of the tracks"""
    caller_track: Int16Array
    ear_track: Int16Array
    errors: tuple[str, ...]
    """of the twin itself; there should be none"""
    redirected_to: Target | None = None
    transfers: tuple[TransferRequest, ...] = ()
    """those that were taken, in order"""
    sent_tones: tuple[SentTones, ...] = ()
    """sent to the caller, request by request"""

    @property
    def hung_up_by(self) -> str | None:
        return self.ending if self.ending in ("caller", "gateway") else None

    @property
    def failure(self) -> str | None:
        """Why this was not a call as a caller wants it; None when it was."""
        if self.errors:
            return f"the simulator failed: {self.errors[0]}"
        if self.ending in ("unanswered", "rejected", "network"):
            return f"the call was {self.ending}" if self.ending != "network" else "the network ended the call"
        if self.ending in ("redirected", "transferred"):
            return None
        if not self.heard:
            return "the caller never heard the agent"
        if self.gave_up:
            return "the caller ran out of patience"
        return None if self.story_done else "the gateway hung up before the caller was done"

    @property
    def duration_s(self) -> float:
        return self.times["ended"] - self.times.get("answered", self.times["ended"])

    def write_wav(self, path: Path, *, line: LineCodec | None = None) -> None:
        """Stereo: left what the caller said, clean; right what the caller heard.

        Args:
            path: of the file.
            line: let the right side sound as through a telephone.
        """
        heard = self.ear_track if line is None else through_line(self.ear_track, codec=line)
        path.write_bytes(write_wav(np.column_stack([self.caller_track, heard]), MOUTH_HZ))

    def as_json(self) -> dict[str, Any]:
        """Everything but the sound; numbers of the sound instead."""
        lateness = np.array([arrival.lateness_s for arrival in self.arrivals])
        return {
            "correlation_id": self.correlation_id,
            "connection_id": self.connection_id,
            "ending": self.ending,
            "failure": self.failure,
            "story_done": self.story_done,
            "duration_s": self.duration_s,
            "origin": self.origin,
            "times": self.times,
            "event_state": self.event_state,
            "event_attempts": _plain(self.event_attempts),
            "answers": [list(answer) for answer in self.answers],
            "callbacks": _plain(self.callbacks),
            "sockets": _plain(self.sockets),
            "spoken": _plain(self.spoken),
            "heard": _plain(self.heard),
            "gaps": _plain(self.gaps),
            "stops": _plain(self.stops),
            "redirected_to": None if self.redirected_to is None else dataclasses.asdict(self.redirected_to),
            "transfers": _plain(self.transfers),
            "sent_tones": _plain(self.sent_tones),
            "unheard": [_unheard_json(piece, self.unheard_hz) for piece in self.unheard],
            "arrivals": {"count": len(lateness), **_percentiles(lateness)},
            "errors": list(self.errors),
        }


def make_record(call: PhoneCall) -> CallRecord:
    """The record of a call that has ended."""
    ear, talk, delivery = call.ear, call.talk, call.delivery
    legs = [leg for stream in call.streams for leg in stream.legs]
    origin = call.times.get("answered", call.times.get("event_posted", 0.0))
    caller_track = np.empty(0, np.int16) if talk is None else talk.mouth_track()
    ear_track = np.empty(0, np.int16) if ear is None else change_rate(ear.track(), ear.rate_hz, MOUTH_HZ)
    length = max(len(caller_track), len(ear_track))
    return CallRecord(
        correlation_id=call.ids.correlation_id,
        connection_id=call.ids.connection_id,
        server_call_id=call.ids.server_call_id,
        ending=call.ending or "network",
        story_done=talk is not None and talk.caller.done,
        gave_up=talk is not None and talk.caller.gave_up,
        times=_milestones(call, legs),
        event_state="" if delivery is None else delivery.state,
        event_attempts=() if delivery is None else tuple(delivery.attempts),
        answers=tuple(call.answers),
        callbacks=tuple(call.callbacks.deliveries),
        sockets=tuple(_socket(leg) for leg in legs),
        spoken=() if talk is None else tuple(talk.caller.spoken),
        heard=() if ear is None else tuple(ear.segments),
        arrivals=() if ear is None else tuple(ear.arrivals),
        gaps=() if ear is None else tuple(ear.gaps),
        stops=() if ear is None else tuple(ear.stops),
        unheard=() if ear is None else tuple(ear.unheard),
        unheard_hz=MOUTH_HZ if ear is None else ear.rate_hz,
        redirected_to=call.redirected_to,
        transfers=tuple(call.transfers),
        sent_tones=tuple(call.sent_tones),
        origin=origin,
        caller_track=_padded(caller_track, length),
        ear_track=_padded(ear_track, length),
        errors=tuple(f"{type(error).__name__}: {error}" for error in call.tasks.errors),
    )


def _milestones(call: PhoneCall, legs: list[MediaLeg]) -> dict[str, float]:
    times = dict(call.times)
    first: dict[str, list[float]] = {
        "media_opened": [leg.opened_at for leg in legs if leg.opened_at is not None],
        "first_frame": [leg.first_frame_at for leg in legs if leg.first_frame_at is not None],
        "first_heard": [segment.start_at for segment in call.ear.segments] if call.ear else [],
    }
    times.update({name: min(moments) for name, moments in first.items() if moments})
    times.setdefault("ended", call.now())
    return dict(sorted(times.items(), key=lambda item: item[1]))


def _socket(leg: MediaLeg) -> Socket:
    return Socket(
        opened_at=leg.opened_at,
        first_frame_at=leg.first_frame_at,
        closed_at=leg.closed_at,
        closed_by=leg.closed_by,
        close_code=leg.close_code,
        frames_sent=leg.frames_sent,
        frames_dropped=leg.frames_dropped,
        received=dict(leg.received),
    )


def _padded(track: Int16Array, length: int) -> Int16Array:
    return np.concatenate([track, np.zeros(length - len(track), np.int16)])


def _plain(items: Iterable[Any]) -> list[dict[str, Any]]:
    return [dataclasses.asdict(item) for item in items]


def _unheard_json(piece: Unheard, rate_hz: int) -> dict[str, Any]:
    return {
        "why": piece.why,
        "received_at": piece.received_at,
        "would_start_at": piece.would_start_at,
        "length_s": len(piece.samples) / rate_hz,
    }


def _percentiles(values: npt.NDArray[np.float64]) -> dict[str, float]:
    """Lateness in seconds: 0 is even, below is ahead."""
    if not len(values):
        return {}
    p5, p50, p95 = np.percentile(values, (5, 50, 95))
    return {"p5_s": float(p5), "p50_s": float(p50), "p95_s": float(p95), "latest_s": float(values.max())}
