"""What calls take from a deployment: learned from the responses that end, and said for the next minute.

A call sends its whole history with every answer, so its prompt grows with every turn until the history is trimmed. What
is known of a call itself is its newest prompt, how that grew, and how much of it the cache left; how often calls speak
and how long answers are is learned from all calls of the deployment together, the newest counting most.
"""

from __future__ import annotations

from dataclasses import dataclass

HALF_LIFE_S = 300.0
"""What was five minutes ago counts half: long enough to be steady, short enough to follow a change of instructions."""
PRIOR_CALL_MINUTES = 5.0
"""How much the configured expectation weighs, against minutes of real calls."""
PRIOR_TURNS = 2.0
"""How many turns of its own a call needs until its cache counts as much as that of all calls."""
LONGEST_GROWTH = 500.0
"""Tokens a turn by which a prompt is believed to grow; a tool's output that was longer is no rule."""


@dataclass(frozen=True, slots=True)
class Expected:
    """A call as it is expected before any was seen."""

    turns_per_minute: float = 4.0
    prompt_tokens: float = 1500.0
    """of one answer, with instructions, tools and history"""
    cached: float = 0.6
    """share of the prompt that is read from the cache"""
    answer_tokens: float = 60.0


@dataclass(frozen=True, slots=True)
class Taken:
    """What one response took, in raw and in normalised tokens."""

    prompt: float
    """raw"""
    prompt_weighed: float
    """normalised, cache counted as it is charged"""
    answer_weighed: float

    @property
    def total(self) -> float:
        """Normalised tokens."""
        return self.prompt_weighed + self.answer_weighed


class CallHistory:
    """The prompts of one call."""

    __slots__ = ("_growth", "_last", "_raw", "_weighed", "turns")

    def __init__(self) -> None:
        self.turns = 0
        self._last = 0.0
        self._growth = 0.0
        self._raw = 0.0
        self._weighed = 0.0

    def add(self, prompt: float, weighed: float | None) -> None:
        """A response ended.

        Args:
            prompt: its raw tokens.
            weighed: normalised ones; None where that is not known.
        """
        if weighed is not None:
            self._raw += prompt
            self._weighed += weighed
        if self.turns:
            grown = min(max(prompt - self._last, -LONGEST_GROWTH), LONGEST_GROWTH)
            self._growth += (grown - self._growth) / min(self.turns, 4)
        self._last = prompt
        self.turns += 1

    @property
    def growth(self) -> float:
        """Tokens a turn; never negative: a history that was trimmed grows again."""
        return max(0.0, self._growth)

    def weight(self, typical: float) -> float:
        """Normalised tokens for one of its prompt; `typical`: of all calls."""
        prior = PRIOR_TURNS * self._last
        known = self._raw + prior
        return (self._weighed + prior * typical) / known if known else typical

    def prompt(self, ahead: float, typical: float) -> float:
        """The prompt so many turns ahead; `typical` for a call that has not been answered yet."""
        return (self._last if self.turns else typical) + self.growth * ahead


class Demand:
    """Of one deployment. Times in seconds, never going back."""

    def __init__(self, expected: Expected, *, cached_weight: float, output_weight: float, now: float) -> None:
        """`cached_weight`, `output_weight`: what a cached and an output token count for."""
        minutes, turns = PRIOR_CALL_MINUTES, PRIOR_CALL_MINUTES * expected.turns_per_minute
        weighed = expected.prompt_tokens * (1.0 - expected.cached + cached_weight * expected.cached)
        self._call_minutes = minutes
        self._turns = turns
        self._prompt = turns * expected.prompt_tokens
        self._prompt_weighed = turns * weighed
        self._answer_weighed = turns * output_weight * expected.answer_tokens
        self._first_prompts = turns * expected.prompt_tokens
        self._firsts = turns
        self._at = now

    def __repr__(self) -> str:
        return f"<Demand {self.turns_per_minute:.1f} turns a minute, {self.per_call_minute:.0f} tokens>"

    def pass_time(self, calls: int, now: float) -> None:
        """So many calls have been live since it was last told; what was learned fades only while there are calls."""
        passed = now - self._at
        self._at = max(self._at, now)
        if passed <= 0 or calls == 0:
            return
        kept = 0.5 ** (passed / HALF_LIFE_S)
        self._call_minutes = self._call_minutes * kept + calls * passed / 60.0
        self._turns *= kept
        self._prompt *= kept
        self._prompt_weighed *= kept
        self._answer_weighed *= kept
        self._first_prompts *= kept
        self._firsts *= kept

    def learn(self, taken: Taken, *, first: bool) -> None:
        """A response ended; `first` of its call."""
        self._turns += 1
        self._prompt += taken.prompt
        self._prompt_weighed += taken.prompt_weighed
        self._answer_weighed += taken.answer_weighed
        if first:
            self._first_prompts += taken.prompt
            self._firsts += 1

    # --- what is known --------------------------------------------------------------------------------------------

    @property
    def turns_per_minute(self) -> float:
        """Responses of one call in a minute."""
        return self._turns / self._call_minutes

    @property
    def prompt_weight(self) -> float:
        """Normalised tokens for one raw token of a prompt: what the cache leaves of it."""
        return self._prompt_weighed / self._prompt if self._prompt else 1.0

    @property
    def answer(self) -> float:
        """Normalised tokens of an answer."""
        return self._answer_weighed / self._turns if self._turns else 0.0

    @property
    def first_prompt(self) -> float:
        """Raw tokens of a call's first prompt."""
        return self._first_prompts / self._firsts if self._firsts else 0.0

    @property
    def per_call_minute(self) -> float:
        """Normalised tokens of one call in a minute, over whole calls."""
        return (self._prompt_weighed + self._answer_weighed) / self._call_minutes

    # --- what follows from it -------------------------------------------------------------------------------------

    def of_response(self, history: CallHistory) -> Taken:
        """The next response of a call."""
        prompt = history.prompt(1.0, self.first_prompt)
        return Taken(prompt, prompt * history.weight(self.prompt_weight), self.answer)

    def of_next_minute(self, history: CallHistory) -> float:
        """Normalised tokens of a live call in the minute to come: the mean prompt of its turns, growth included."""
        turns = self.turns_per_minute
        prompt = history.prompt((turns + 1.0) / 2.0, self.first_prompt)
        return turns * (prompt * history.weight(self.prompt_weight) + self.answer)
