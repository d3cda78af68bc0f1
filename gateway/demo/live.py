"""The calls while they happen: who speaks, what is said, how long it takes, how far playout is ahead.

A `CallView` is a plain model with two sources: the notes of the gateway's trace, and the phone network's view of the
same call. A call through a bridge that writes no trace has the second alone. `screen` draws it; where standard output
is no terminal its `news` are printed line by line.
"""

from __future__ import annotations

from collections import deque
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import numpy as np
import orjson

from gateway.audio.level import rms, rms_to_dbfs
from gateway.audio.pcm import Int16Array
from gateway.simulator.phone.caller import Spoken
from gateway.simulator.phone.channel import MOUTH_HZ
from gateway.simulator.phone.ear import VOICE_DBFS, Segment
from gateway.simulator.phone.network import LiveCall

LINES = 40
"""As many as the tallest terminal shows of one call."""
FLOOR_DBFS = -60.0
FLASH_S = 1.5
LONG_WAIT_S = 5.0
"""Silence that is news: by now a caller has said "hello?"."""
AGENT_SPEAKS = "agent speaks"
_METER = MOUTH_HZ // 10
_NO_WORDS = "[recording]"


@dataclass(frozen=True, slots=True)
class Line:
    """Something that was said or happened."""

    at: float
    """monotonic seconds"""
    who: str
    """caller, agent or gateway; empty: it just happened"""
    text: str


@dataclass(frozen=True, slots=True)
class AtPhone:
    """What the phone network knows of a call at one moment."""

    now: float
    """monotonic seconds, as all times in here"""
    answered: bool = False
    ending: str | None = None
    caller_dbfs: float = FLOOR_DBFS
    agent_dbfs: float = FLOOR_DBFS
    spoken: tuple[Spoken, ...] = ()
    """the caller's utterances, the last one perhaps not over"""
    heard: tuple[Segment, ...] = ()
    """the agent's voice at the ear"""


def look_at(live: LiveCall) -> AtPhone:
    """Look at a call of the phone network in this process."""
    call = live.call
    talk, ear = call.talk, call.ear
    if talk is None or ear is None or call.ending is not None:
        spoken = () if talk is None else tuple(talk.caller.spoken)
        return AtPhone(call.now(), talk is not None, call.ending, spoken=spoken)
    mouth = talk.mouth_track()[-_METER:] if talk.caller.speaking else np.empty(0, np.int16)
    return AtPhone(
        now=call.now(),
        answered=True,
        caller_dbfs=_level(mouth),
        agent_dbfs=max(FLOOR_DBFS, ear.level_dbfs),
        spoken=tuple(talk.caller.spoken),
        heard=tuple(ear.segments),
    )


def _level(samples: Int16Array) -> float:
    return max(FLOOR_DBFS, rms_to_dbfs(rms(samples))) if len(samples) else FLOOR_DBFS


@dataclass(slots=True)
class CallView:
    """What can be seen of one call."""

    name: str
    traced: bool
    """its bridge writes a trace; otherwise the phone's account has to do"""
    phone: AtPhone = field(default_factory=lambda: AtPhone(0.0))
    lead_ms: float = 0.0
    utilisation: float | None = None
    answers_ms: list[int] = field(default_factory=list)
    """caller's last sound to the agent's first, both as they were at mouth and ear"""
    barge_ins: int = 0
    outcome: str | None = None
    """how the gateway says it ended"""
    lines: deque[Line] = field(default_factory=lambda: deque(maxlen=LINES))
    news: list[Line] = field(default_factory=list)
    """lines that a plain log has not shown yet"""
    _flash_until: float = 0.0
    _cut: str = ""
    _begun: int = 0
    """utterances of the caller that were seen to begin"""
    _judged: int = 0
    """utterances whose answer was heard, or that were followed by the next one"""
    _told_wait: int = 0

    @property
    def flashing(self) -> bool:
        """The caller has just interrupted the agent."""
        return self.phone.now < self._flash_until

    @property
    def waiting_s(self) -> float | None:
        """So long nobody has said anything after the caller; None: somebody has, or the caller still speaks."""
        spoken, now = self.phone.spoken, self.phone.now
        if self.phone.ending is not None or not spoken or self._judged >= len(spoken) or spoken[-1].end_at > now:
            return None
        return now - spoken[-1].end_at

    @property
    def state(self) -> str:
        """In a word or two."""
        if self.outcome is not None or self.phone.ending is not None:
            return f"ended: {self.outcome or self.phone.ending}"
        if not self.phone.answered:
            return "ringing"
        if self.flashing:
            return "interrupted"
        waiting_s = self.waiting_s
        if self.phone.agent_dbfs > VOICE_DBFS:
            return AGENT_SPEAKS
        if self.phone.caller_dbfs > VOICE_DBFS:
            return "caller speaks"
        return "listening" if waiting_s is None else f"waiting {waiting_s:.1f} s"

    # --- from the trace -------------------------------------------------------------------------------------------

    def note(self, note: dict[str, Any]) -> None:
        """Take one note of the gateway's trace."""
        at = note["t"]
        match note["name"]:
            case "turn.transcript":
                self._say(at, "caller", note.get("text", ""))
            case "item.transcript":
                self._say(at, "agent", note.get("text", ""))
            case "item.truncated":
                self._cut = f": the answer is cut at {note['audio_end_ms']:,} ms, after “{_end_of(note)}”"
            case "barge_in":
                self._interrupted(at)
            case "playout.lead":
                self.lead_ms = note["lead_ms"] if note["queued_ms"] else 0.0
            case "ptu.charged":
                self.utilisation = note["ptu_utilisation"]
            case "clip.started":
                self._say(at, "gateway", f"[{note['clip']}]")
            case "call.ended":
                self.outcome, self.lead_ms = note["reason"], 0.0
                self._tell(at, f"ended: {self.outcome}")
            case _:
                pass

    # --- from the phone -------------------------------------------------------------------------------------------

    def look(self, phone: AtPhone) -> None:
        """Take what the phone network knows now."""
        before, self.phone = self.phone, phone
        if phone.answered and not before.answered:
            self._tell(phone.now, "answered")
        for spoken in phone.spoken[self._begun :]:
            self._begun += 1
            if not self.traced:
                self._say(spoken.onset_at, "caller", spoken.text or _NO_WORDS)
                if any(segment.start_at < spoken.onset_at < segment.end_at for segment in phone.heard):
                    self._interrupted(spoken.onset_at)
        self._judge(phone)
        waiting_s = self.waiting_s
        if waiting_s is not None and waiting_s > LONG_WAIT_S and self._told_wait < self._begun:
            self._told_wait = self._begun
            self._tell(phone.now, f"the caller has heard nothing for {waiting_s:.0f} s")
        if phone.ending is not None and before.ending is None and not self.traced:
            self._tell(phone.now, f"ended: {phone.ending}")

    def _judge(self, phone: AtPhone) -> None:
        """Measure how long the caller's turns have waited for an answer."""
        while self._judged < len(phone.spoken):
            turn = phone.spoken[self._judged]
            last = self._judged + 1 == len(phone.spoken)
            until = float("inf") if last else phone.spoken[self._judged + 1].onset_at
            answer = next((each.start_at for each in phone.heard if turn.end_at <= each.start_at < until), None)
            if answer is None and last:
                return
            self._judged += 1
            if answer is not None:
                self.answers_ms.append(round((answer - turn.end_at) * 1000))
                self._tell(answer, f"heard {self.answers_ms[-1]:,} ms after the caller's last sound")

    def _interrupted(self, at: float) -> None:
        self.barge_ins += 1
        self._flash_until = at + FLASH_S
        self._tell(at, f"interrupted{self._cut}")
        self._cut = ""

    def _tell(self, at: float, what: str) -> None:
        self.news.append(Line(at, "", what))

    def _say(self, at: float, who: str, words: str) -> None:
        if words:
            self.lines.append(Line(at, who, words))
            self.news.append(self.lines[-1])


def _end_of(truncated: dict[str, Any]) -> str:
    words = str(truncated.get("text_heard", "")).split()
    return " ".join(words[-4:])


def take_news(views: list[CallView], *, since: float, until: float) -> list[str]:
    """Lines for a plain log, the oldest first; each is given out once.

    Args:
        views: of all calls.
        since: monotonic seconds that are to be 0.0 in the log.
        until: what is younger is left for the next time.
    """
    told: list[tuple[Line, str]] = []
    for view in views:
        told += [(line, view.name) for line in view.news if line.at <= until]
        view.news[:] = [line for line in view.news if line.at > until]
    width = max((len(view.name) for view in views), default=0)
    return [
        f"{line.at - since:6.1f} s  {name:<{width}}  {line.who + ': ' if line.who else ''}{line.text}"
        for line, name in sorted(told, key=lambda entry: entry[0].at)
    ]


class TraceTail:
    """Follows the traces of a folder; a trace belongs to the view that is named like its line."""

    def __init__(self, folder: Path, views: dict[str, CallView]) -> None:
        self._folder = folder
        self._views = views
        self._read: dict[Path, int] = {}
        self._view_of: dict[Path, CallView] = {}

    def poll(self) -> None:
        """Take what has been written since the last time."""
        for path in self._folder.glob("*.jsonl"):
            with path.open("rb") as file:
                file.seek(self._read.get(path, 0))
                for line in file:
                    if not line.endswith(b"\n"):
                        break  # half a line; the rest comes with the next look
                    self._read[path] = self._read.get(path, 0) + len(line)
                    self._take(path, orjson.loads(line))

    def _take(self, path: Path, note: dict[str, Any]) -> None:
        if note["name"] == "call.offered" and note["line"] in self._views:
            self._view_of[path] = self._views[note["line"]]
        view = self._view_of.get(path)
        if view is not None:
            view.note(note)
