"""What a caller is going to do: a call told beforehand."""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import TypeAlias

from gateway.audio.pcm import Int16Array
from gateway.simulator.phone.sounds import KEYS
from gateway.simulator.phone.switches import PhoneSwitches


@dataclass(frozen=True, slots=True)
class AfterAgent:
    """When the agent has spoken and has then been silent at the caller's ear for `pause_s`.

    A pause between two sentences must not count as the end of an answer: spoken sentences are up to 0.6 s apart.
    """

    pause_s: float = 0.8


@dataclass(frozen=True, slots=True)
class Interrupt:
    """`after_s` after the agent's first sound of this turn reached the ear, whether it is still speaking or not."""

    after_s: float


@dataclass(frozen=True, slots=True)
class At:
    """So many seconds after the call was answered; at once, if that is past."""

    s: float


@dataclass(frozen=True, slots=True)
class WhileSpeaking:
    """`after_s` after the caller's own last sentence began; only keys can be pressed meanwhile."""

    after_s: float


When: TypeAlias = AfterAgent | Interrupt | At


@dataclass(frozen=True, slots=True, eq=False)
class Speech:
    """Something to say that is not a clip of the package."""

    samples: Int16Array
    """mono"""
    rate_hz: int
    text: str = ""


@dataclass(frozen=True, slots=True)
class Say:
    what: str | Speech
    """the name of a clip of `gateway.simulator.clips`, or sound"""
    when: When = field(default_factory=AfterAgent)


@dataclass(frozen=True, slots=True)
class Press:
    """Keys of the telephone.

    Raises:
        ValueError: a telephone has no such key.
    """

    digits: str
    when: When | WhileSpeaking = field(default_factory=AfterAgent)
    """a moment of `At` or `WhileSpeaking` is kept in the midst of the caller's own sentence"""
    every_s: float = 0.3

    def __post_init__(self) -> None:
        for digit in self.digits:
            if digit not in KEYS:
                raise ValueError(f"a telephone has no key {digit!r}")


@dataclass(frozen=True, slots=True)
class WaitAgent:
    """Hear the agent out, and do nothing."""

    pause_s: float = 0.8

    @property
    def when(self) -> When:
        return AfterAgent(self.pause_s)


@dataclass(frozen=True, slots=True)
class HangUp:
    """`after_s` after the agent's last word, or at another moment."""

    after_s: float = 1.0
    at: When | None = None

    @property
    def when(self) -> When:
        return self.at or AfterAgent(self.after_s)


Action: TypeAlias = Say | Press | WaitAgent | HangUp


def default_story() -> tuple[Action, ...]:
    """A broadband customer whose router blinks red, and who interrupts once."""
    return (
        Say("caller.turn1"),
        Say("caller.turn2"),
        Say("caller.turn3", Interrupt(3.5)),
        Say("caller.turn4"),
        HangUp(1.0),
    )


@dataclass(frozen=True, slots=True)
class CallPlan:
    """One call from the first ring to its end."""

    number: str = "+18005550126"
    """called number; the default is one reserved for fiction, as is the caller's"""
    caller: str = "+18005550176"
    behaviour: tuple[Action, ...] = field(default_factory=default_story)
    switches: PhoneSwitches = field(default_factory=PhoneSwitches)
    seed: int = 0
    """of the line noise, the impairments and everything else that varies; ids and contexts are always new"""
    ring_s: float = 30.0
    """how long the phone rings unanswered; the telephone network gives up after 30 s"""
    max_s: float = 120.0
    """the caller hangs up when the call has lasted this long"""
    answer_patience_s: float | None = None
    """and when it was this long the agent's turn and nothing was heard of it; None: not before `max_s`"""
    display_name: str = ""
    sip_headers: tuple[tuple[str, str], ...] = ()
