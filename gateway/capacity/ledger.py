"""The account of one provisioned deployment: what its calls took, what is set aside for them, what they will take.

Three numbers are kept apart. *Consumed* is what ended responses took, as the service reported it, over a rolling
minute. *Reserved* is what the service sets aside for responses that are being made: it admits on the prompt and on
the longest answer there may be, and corrects that at the end. *Forecast* is what the live calls will take in the
minute to come. The level is the service's own leaky bucket as far as our calls fill it: over 1 it refuses
(Microsoft Learn, "Provisioned throughput: how utilization works"; the bucket's size is not published, a minute is
assumed).
"""

from __future__ import annotations

from collections import deque
from collections.abc import Iterable
from dataclasses import dataclass, field
from math import fsum

from gateway.capacity.calibration import Calibration
from gateway.capacity.correction import Correction, Reading
from gateway.capacity.demand import CallHistory, Demand, Expected, Taken
from gateway.capacity.ptu import PtuBudget, TokenWeights, normalised_tokens
from gateway.profile import Profile
from gateway.session.events import Usage

MINUTE_S = 60.0
SLOT_S = 0.25
"""The rolling minute is kept in slots: exact to 0.4 % of it."""
KEPT_S = 1200.0
"""History that a slow monitor is compared with."""
SURPRISE = 0.1
"""Share of the capacity by which a minute may be above its forecast by chance."""
LONGEST_RESPONSE_S = 120.0
"""A response that has not ended by then never will: what was set aside for it is given back."""


@dataclass(frozen=True, slots=True)
class Charge:
    """What one response took from a provisioned deployment."""

    normalised_tokens: float
    utilisation: float
    """of the last 60 s, this response included; 1.0 is all"""
    estimated: bool = False
    """the service gave no usage"""


@dataclass(frozen=True, slots=True)
class Account:
    """A ledger at one moment; normalised tokens, of a minute where a minute is meant."""

    capacity: float
    consumed: float
    reserved: float
    forecast: float
    others: float
    """what other clients of the deployment seem to take; may be negative where our own estimate is too high"""
    level: float
    """the service's bucket, by our own calls; 1.0 is full"""
    per_call: float
    """what one more call is expected to take"""
    target: float
    """share of the capacity that calls are admitted to; the rest is for those in progress"""
    replicas: int = 1
    """processes that share it: each admits calls to its part"""

    @property
    def utilisation(self) -> float:
        """1.0 is all."""
        return max(0.0, self.consumed + self.others) / self.capacity

    @property
    def headroom(self) -> float:
        """Tokens a minute that are left below the target; negative above it.

        The calls that are live decide, by their forecast. The minute behind has a say where it was far above that:
        whichever of two noisy numbers is the larger would keep a tenth of the units empty.
        """
        surprise = self.consumed - SURPRISE * self.capacity / self.replicas
        return (self.target * self.capacity - self.others) / self.replicas - max(self.forecast, surprise)

    @property
    def headroom_calls(self) -> int:
        """Calls that could be admitted now."""
        return max(0, int(self.headroom / self.per_call)) if self.per_call > 0 else 0


@dataclass(frozen=True, slots=True)
class Monitored:
    """What Azure Monitor says of a deployment, and what follows from it."""

    utilisation: float
    """of the newest minute that is known; 1.0 is all"""
    peak: float
    """the most in that minute"""
    until_s: float
    """end of that minute"""
    others: float
    """normalised tokens a minute of other clients"""
    ratio: float | None
    """our own estimate against the monitor; None: next to nothing was used, or all of it"""


class Minute:
    """Tokens by time, in slots; the newest KEPT_S."""

    def __init__(self) -> None:
        self._slots: deque[tuple[int, float]] = deque()

    def add(self, tokens: float, now: float) -> None:
        """Times of additions never go back."""
        slot = int(now // SLOT_S)
        if self._slots and self._slots[-1][0] >= slot:
            slot, there = self._slots.pop()
            tokens += there
        self._slots.append((slot, tokens))
        while self._slots[0][0] * SLOT_S < now - KEPT_S:
            self._slots.popleft()

    def between(self, start: float, end: float) -> float:
        """Tokens of the slots that begin in [start, end)."""
        total = 0.0
        for slot, tokens in reversed(self._slots):
            at = slot * SLOT_S
            if at < start:
                break
            if at < end:
                total += tokens
        return total


@dataclass(slots=True)
class _LiveCall:
    longest_answer: float | None
    """normalised tokens of the longest answer there may be; None: not limited"""
    history: CallHistory = field(default_factory=CallHistory)
    open: dict[str, tuple[float, float]] = field(default_factory=dict)
    """responses being made: what is set aside, and since when"""
    over: bool = False


class Ledger:
    """See the module. Times in seconds, monotonic; those of one instance never go back.

    What happens at one moment leads to the same state in whatever order it is told: what responses teach, and calls
    that are over, count from the next moment on.
    """

    def __init__(  # noqa: PLR0913 - what a deployment is
        self,
        budget: PtuBudget,
        profile: Profile,
        expected: Expected,
        target: float,
        now: float,
        *,
        replicas: int = 1,
    ) -> None:
        """`replicas`: processes that share the units, each taking as much as this one, for all that is known."""
        self._replicas = replicas
        self.budget = budget
        self.profile = profile
        self.target = target
        self._correction = Correction(budget.tokens_per_minute, self._consumed_by_all, since_s=now)
        weights = budget.weights
        self._demand = Demand(expected, cached_weight=weights.cached_input, output_weight=weights.output, now=now)
        self._minute = Minute()
        self._calibration = Calibration()
        self._calls: dict[str, _LiveCall] = {}
        self._lessons: list[tuple[str, Taken, bool]] = []
        """of this moment: call, what a response took, whether the service said so"""
        self._level = 0.0
        """may be negative within a moment"""
        self._level_at = now

    def __repr__(self) -> str:
        return f"<Ledger of {self.budget.tokens_per_minute:.0f} tokens a minute, {len(self._calls)} calls>"

    # --- calls ----------------------------------------------------------------------------------------------------

    def call_began(self, call_id: str, max_output_tokens: int | None, now: float) -> None:
        """A call is, or will be, answered by this deployment."""
        self._pass_time(now)
        longest = None if max_output_tokens is None else max_output_tokens * self.budget.weights.output
        known = self._calls.get(call_id)
        if known is None or known.over:
            self._calls[call_id] = _LiveCall(longest)

    def call_ended(self, call_id: str, now: float) -> None:
        """It is over, and with it what was set aside for its responses; a second time does nothing."""
        self._pass_time(now)
        call = self._calls.get(call_id)
        if call is not None:
            call.over = True
            self._level -= sum(reserved for reserved, _ in call.open.values())
            call.open.clear()

    def __len__(self) -> int:
        """Calls that are live."""
        return sum(not call.over for call in self._calls.values())

    # --- responses ------------------------------------------------------------------------------------------------

    def response_began(self, call_id: str, response_id: str, now: float) -> None:
        """The model works on an answer; of a call that is not known nothing is set aside."""
        self._pass_time(now)
        call = self._calls.get(call_id)
        if call is None or call.over or response_id in call.open:
            return
        expected = self._demand.of_response(call.history)
        answer = expected.answer_weighed if call.longest_answer is None else call.longest_answer
        reserved = expected.prompt_weighed + answer
        call.open[response_id] = (reserved, now)
        self._level += reserved

    def response_ended(self, call_id: str, response_id: str, usage: Usage | None, now: float) -> Charge:
        """It ended, in whatever way: failed and cancelled ones took something, too.

        Args:
            call_id: of the call; one that has ended is charged all the same.
            response_id: of the response.
            usage: None where the service gave none: what the call's next answer would take is charged instead.
            now: seconds.
        """
        self._pass_time(now)
        call = self._calls.get(call_id)
        history = CallHistory() if call is None else call.history
        if usage is None:
            taken = self._demand.of_response(history)
        else:
            taken = taken_by(usage, self.budget.weights, self.profile)
        if call is not None:
            self._level -= call.open.pop(response_id, (0.0, now))[0]
            self._lessons.append((call_id, taken, usage is not None))
        self._level += taken.total
        self._minute.add(taken.total, now)
        return Charge(taken.total, self.account(now).utilisation, estimated=usage is None)

    def refused(self, call_id: str, response_id: str, now: float) -> None:
        """The service refused it for lack of capacity: it took nothing."""
        self._pass_time(now)
        call = self._calls.get(call_id)
        if call is not None:
            self._level -= call.open.pop(response_id, (0.0, now))[0]

    # --- reading --------------------------------------------------------------------------------------------------

    def account(self, now: float) -> Account:
        """How it stands."""
        self._pass_time(now)
        live = [call for call in self._calls.values() if not call.over]
        forecast = self._forecast() * self._calibration.factor
        mean = forecast / len(live) if live else 0.0
        capacity = self.budget.tokens_per_minute
        return Account(
            capacity=capacity,
            consumed=self.consumed(now - MINUTE_S, now + SLOT_S),
            reserved=fsum(reserved for call in live for reserved, _ in call.open.values()),
            forecast=forecast,
            others=self._correction.others(now),
            level=self._replicas * max(0.0, self._level) / capacity,
            per_call=max(self._demand.per_call_minute, mean),
            target=self.target,
            replicas=self._replicas,
        )

    def told(self, readings: Iterable[Reading], now: float) -> None:
        """Minutes of Azure Monitor."""
        self._correction.told(readings, now)

    def monitored(self, now: float) -> Monitored | None:
        """What Azure Monitor says; None: nothing is known."""
        newest = self._correction.newest(now)
        if newest is None:
            return None
        others, ratio = self._correction.others(now), self._correction.ratio(now)
        return Monitored(newest.utilisation, newest.peak, newest.end_s, others, ratio)

    def consumed(self, start_s: float, end_s: float) -> float:
        """Normalised tokens of responses that ended in [start_s, end_s), to a slot; of the last KEPT_S."""
        return self._minute.between(start_s, end_s)

    def _consumed_by_all(self, start_s: float, end_s: float) -> float:
        return self._replicas * self.consumed(start_s, end_s)

    # --- inside ---------------------------------------------------------------------------------------------------

    def _pass_time(self, now: float) -> None:
        passed = now - self._level_at
        if passed <= 0:
            return
        self._learn()
        self._calibration.look(self._forecast(), self.consumed(now - MINUTE_S, now), now)
        self._demand.pass_time(len(self._calls), now)
        self._level = max(0.0, self._level - self.budget.tokens_per_minute / MINUTE_S * passed)
        self._level_at = now
        for call in self._calls.values():
            for response_id, (reserved, since) in list(call.open.items()):
                if now - since >= LONGEST_RESPONSE_S:
                    del call.open[response_id]
                    self._level -= reserved

    def _forecast(self) -> float:
        return fsum(self._demand.of_next_minute(call.history) for call in self._calls.values() if not call.over)

    def _learn(self) -> None:
        """What happened at the moment that is over."""
        for call_id, taken, known in sorted(self._lessons, key=lambda lesson: (lesson[0], lesson[1].prompt)):
            history = self._calls[call_id].history
            if not taken.prompt:
                continue  # the model was not asked: a greeting that was made before
            if known:
                self._demand.learn(taken, first=history.turns == 0)
            history.add(taken.prompt, taken.prompt_weighed if known else None)
        self._lessons.clear()
        for call_id in [call_id for call_id, call in self._calls.items() if call.over]:
            del self._calls[call_id]


def taken_by(usage: Usage, weights: TokenWeights, profile: Profile) -> Taken:
    """A response's usage, in the ledger's terms."""
    answer = Usage(
        output_text=usage.output_text, output_audio=usage.output_audio, output_reasoning=usage.output_reasoning
    )
    weighed = normalised_tokens(answer, weights, profile)
    prompt = usage.input_text if profile.is_cascade else usage.input_text + usage.input_audio + usage.input_image
    return Taken(float(prompt), normalised_tokens(usage, weights, profile) - weighed, weighed)
