"""The person on the phone: carries out a plan, and reacts to nothing but what is heard.

Pure: 20 ms a step, `now` is an argument. A decision made at `now` shows in the following 20 ms, never earlier.
"""

from __future__ import annotations

import math
from collections import deque
from collections.abc import Mapping
from dataclasses import dataclass

import numpy as np

from gateway.audio.pcm import FRAME_S, Int16Array
from gateway.simulator.phone.channel import MOUTH_HZ
from gateway.simulator.phone.ear import voice_bounds
from gateway.simulator.phone.plan import (
    Action,
    AfterAgent,
    At,
    CallPlan,
    HangUp,
    Interrupt,
    Press,
    Say,
    WaitAgent,
    When,
    WhileSpeaking,
)
from gateway.simulator.phone.voices import Utterance, load_utterance

_FRAME = round(FRAME_S * MOUTH_HZ)
_SPOKEN_S = 0.1
"""Less voice than this is a click, not an agent that has spoken."""


@dataclass(slots=True)
class Spoken:
    """One utterance as it left the mouth; monotonic seconds."""

    name: str
    text: str
    start_at: float
    """first sample of the recording"""
    onset_at: float
    """first sound"""
    end_at: float
    """last sound"""


@dataclass(frozen=True, slots=True, eq=False)
class CallerFrame:
    mouth: Int16Array
    """the last 20 ms at MOUTH_HZ, clean"""
    digit: str | None = None
    hang_up: bool = False


@dataclass(frozen=True, slots=True)
class Patience:
    """After how many seconds a caller gives up: with the whole call, and with an agent who does not answer."""

    call_s: float
    answer_s: float = math.inf


def patience_of(plan: CallPlan) -> Patience:
    return Patience(plan.max_s, math.inf if plan.answer_patience_s is None else plan.answer_patience_s)


def load_utterances(behaviour: tuple[Action, ...]) -> dict[Say, Utterance]:
    """The sound of everything a caller is going to say; read before the call, as files take time.

    Raises:
        KeyError: there is no clip of a name.
    """
    return {action: load_utterance(action.what) for action in behaviour if isinstance(action, Say)}


class _Turn:
    """What the agent has said since the caller's last move, which was over at `began_at`."""

    def __init__(self, began_at: float) -> None:
        self.began_at = began_at
        self.first_voice_at: float | None = None
        self.last_voice_at = 0.0
        self.voiced_s = 0.0

    def hear(self, now: float) -> None:
        if self.first_voice_at is None:
            self.first_voice_at = now - FRAME_S
        self.last_voice_at = now
        self.voiced_s += FRAME_S


class Caller:
    """See the module.

    Args:
        behaviour: what to do, in order.
        utterances: what the Say actions among them sound like.
        answered_at: when somebody picked up.
        patience: when to hang up before all is done.
    """

    def __init__(
        self, behaviour: tuple[Action, ...], utterances: Mapping[Say, Utterance], answered_at: float, patience: Patience
    ) -> None:
        self._actions = deque(behaviour)
        self._answered_at = answered_at
        self._patience = patience
        self._turn = _Turn(answered_at)
        self._speech = np.empty(0, np.int16)
        self._keys: deque[str] = deque()
        self._next_key_at = 0.0
        self._key_every_s = 0.0
        self._utterances = utterances
        self.spoken: list[Spoken] = []
        self.gave_up = False

    @property
    def speaking(self) -> bool:
        return len(self._speech) > 0

    @property
    def done(self) -> bool:
        """All was said and pressed; hanging up may be left to the other side."""
        left = any(isinstance(action, Say | Press) for action in self._actions)
        return not left and not self.speaking and not self._keys

    def step(self, now: float, *, agent_voiced: bool) -> CallerFrame:
        """The 20 ms that end at `now`, then what to do next.

        Args:
            now: monotonic seconds.
            agent_voiced: the agent's voice was heard in these 20 ms.
        """
        was_speaking = self.speaking
        mouth = self._take_mouth(now)
        if agent_voiced and not was_speaking:
            self._turn.hear(now)
        if self._is_out_of_patience(now):
            self.gave_up = True
            return CallerFrame(mouth, hang_up=True)
        if self._keys:
            return CallerFrame(mouth, digit=self._take_key(now))
        if self._actions and self._may_begin(self._actions[0], now):
            return self._begin(self._actions.popleft(), mouth, now)
        return CallerFrame(mouth)

    def _is_out_of_patience(self, now: float) -> bool:
        if now - self._answered_at >= self._patience.call_s:
            return True
        unanswered = not self.speaking and not self._keys and self._turn.voiced_s < _SPOKEN_S
        return unanswered and now - self._turn.began_at >= self._patience.answer_s

    def _take_mouth(self, now: float) -> Int16Array:
        part, self._speech = self._speech[:_FRAME], self._speech[_FRAME:]
        if len(part) == _FRAME:
            mouth = part
        else:
            mouth = np.zeros(_FRAME, np.int16)
            mouth[: len(part)] = part
        if len(part) and not self.speaking:
            self._turn = _Turn(now)
        return mouth

    def _take_key(self, now: float) -> str | None:
        if now < self._next_key_at:
            return None
        self._next_key_at = now + self._key_every_s
        key = self._keys.popleft()
        if not self._keys:
            self._turn = _Turn(now)
        return key

    def _may_begin(self, action: Action, now: float) -> bool:
        """It is time; and one mouth says one thing after the other, while a hand can press keys beside it."""
        beside = isinstance(action, Press) and isinstance(action.when, At | WhileSpeaking)
        return (beside or not self.speaking) and self._is_due(action.when, now)

    def _is_due(self, when: When | WhileSpeaking, now: float) -> bool:
        turn = self._turn
        match when:
            case AfterAgent(pause_s):
                # The step's own 20 ms count as silence only once they are over: now is their end.
                return turn.voiced_s >= _SPOKEN_S and now - turn.last_voice_at >= pause_s - FRAME_S / 2
            case Interrupt(after_s):
                return turn.first_voice_at is not None and now - turn.first_voice_at >= after_s - FRAME_S / 2
            case WhileSpeaking(after_s):
                return bool(self.spoken) and now - self.spoken[-1].start_at >= after_s - FRAME_S / 2
            case At(s):
                return now - self._answered_at >= s - FRAME_S / 2

    def _begin(self, action: Action, mouth: Int16Array, now: float) -> CallerFrame:
        match action:
            case Say():
                self._speak(self._utterances[action], now)
                return CallerFrame(mouth)
            case Press(digits, _, every_s):
                self._keys.extend(digits)
                self._next_key_at, self._key_every_s = now, every_s
                return CallerFrame(mouth, digit=self._take_key(now))
            case WaitAgent():
                return CallerFrame(mouth)
            case HangUp():
                return CallerFrame(mouth, hang_up=True)

    def _speak(self, utterance: Utterance, now: float) -> None:
        self._speech = utterance.samples
        first, end = voice_bounds(utterance.samples, MOUTH_HZ)
        self.spoken.append(Spoken(utterance.name, utterance.text, now, now + first / MOUTH_HZ, now + end / MOUTH_HZ))
