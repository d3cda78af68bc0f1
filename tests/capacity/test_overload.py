"""Three times more callers than a deployment can carry, at invented times, against the twin's bucket as the truth."""

from __future__ import annotations

import random
from dataclasses import dataclass, field

import pytest

from gateway.capacity.admission import Admission, Deployment, ProcessLimits, Refusal, Vitals
from gateway.capacity.backoff import Backoff
from gateway.capacity.demand import Expected
from gateway.capacity.dials import Dials
from gateway.capacity.ledger import Ledger
from gateway.capacity.ptu import PtuBudget, TokenWeights, normalised_tokens
from gateway.profile import Profile
from gateway.session.events import Usage
from gateway.session.recovery import Recovery, Remedy
from gateway.simulator.voice_live.options import PtuPlan
from gateway.simulator.voice_live.ptu_bucket import Admission as Admitted
from gateway.simulator.voice_live.ptu_bucket import PtuBucket

TARGET = 0.8
STEP_S = 0.1
MEAN_CALL_S = 180.0
MAX_OUTPUT = 400
WEIGHTS = TokenWeights(output=4)


@dataclass
class Caller:
    """Speaks every dozen seconds; the prompt grows with every turn until the history is trimmed."""

    ends_at: float
    speaks_at: float
    prompt: int = 900
    cached: float = 0.5
    answer_until: float | None = None
    admitted: Admitted | None = None
    usage: Usage = field(default_factory=Usage)
    recovery: Recovery = field(default_factory=Recovery)
    turn: int = 0


@dataclass
class Day:
    """What became of everybody."""

    admitted: int = 0
    refused: int = 0
    throttled: int = 0
    silenced: int = 0
    """calls whose model was refused for as long as a caller can be kept waiting"""
    turns: int = 0
    used: list[float] = field(default_factory=list)
    """true utilisation, once a second"""
    believed: list[float] = field(default_factory=list)


def play(seed: int, *, overload: float, minutes: float, units: int = 50) -> Day:
    """Callers come at random, `overload` times as often as the units can carry them at the target."""
    chance = random.Random(seed)
    budget = PtuBudget(units=units, tpm_per_ptu=3000, weights=WEIGHTS)
    truth = PtuBucket(PtuPlan(units=units, tpm_per_ptu=3000, output_ratio=4))
    ledger = Ledger(budget, Profile.CHAT_COMPLETION, Expected(), TARGET, 0.0)
    door = Admission(ProcessLimits(10_000, 1.0, 1.0), {"ptu": Deployment(Dials(100_000), ledger, Backoff())})
    day, live, came, now = Day(), dict[str, Caller](), 0, 0.0
    carries = TARGET * budget.tokens_per_minute / 4200  # calls: what one of these takes, found by counting
    while now < minutes * 60:
        now += STEP_S
        if chance.random() < overload * carries / MEAN_CALL_S * STEP_S:
            came += 1
            name = f"c{came}"
            refusal: Refusal | None = door.process_refusal(Vitals(), len(live))
            refusal = refusal or door.take_seat(name, "ptu", now, max_output_tokens=MAX_OUTPUT)
            if refusal is None:
                day.admitted += 1
                lasts = min(1200.0, 20.0 + chance.expovariate(1 / (MEAN_CALL_S - 20.0)))
                live[name] = Caller(now + lasts, now + chance.uniform(4, 10), cached=chance.uniform(0.2, 0.8))
            else:
                day.refused += 1
        for name, caller in list(live.items()):
            _live_on(door, truth, day, name, caller, now, chance)
            if now >= caller.ends_at and caller.answer_until is None:
                door.leave(name, now)
                del live[name]
        if int(now) != int(now - STEP_S):
            day.used.append(truth.tokens_last_minute(now) / budget.tokens_per_minute)
            day.believed.append(ledger.account(now).utilisation)
    return day


def _live_on(  # noqa: PLR0913 - one step of a simulation
    door: Admission, truth: PtuBucket, day: Day, name: str, caller: Caller, now: float, chance: random.Random
) -> None:
    if caller.answer_until is not None and caller.admitted is not None and now >= caller.answer_until:
        truth.settle(caller.admitted, normalised_tokens(caller.usage, WEIGHTS, Profile.CHAT_COMPLETION), now)
        missing = chance.random() < 0.02
        door.response_ended(name, f"r{caller.turn}", None if missing else caller.usage, now)
        caller.recovery.answered()
        caller.answer_until = None
        caller.speaks_at = now + chance.uniform(8, 16)
        caller.prompt = min(2600, caller.prompt + int(chance.uniform(60, 200)))
        day.turns += 1
    elif caller.answer_until is None and now >= caller.speaks_at:
        caller.turn += 1
        cached = int(caller.prompt * min(1.0, max(0.0, chance.gauss(caller.cached, 0.2))))
        caller.usage = Usage(
            input_text=caller.prompt, cached_text=cached, output_text=min(MAX_OUTPUT, int(chance.gammavariate(3, 20)))
        )
        asked = truth.request(caller.prompt - cached + 4 * MAX_OUTPUT, now)
        if isinstance(asked, Admitted):
            door.response_began(name, f"r{caller.turn}", now)
            caller.admitted, caller.answer_until = asked, now + chance.uniform(0.8, 2.5)
            return
        day.throttled += 1
        door.response_refused(name, f"r{caller.turn}", now)
        if caller.recovery.failed("", "rate_limit_exceeded", now) is Remedy.RETRY:
            caller.speaks_at = now + caller.recovery.retry_after_s
        else:
            day.silenced += 1
            caller.ends_at = now


@pytest.mark.parametrize("seed", range(3))
def test_three_times_too_many_callers(seed: int) -> None:
    """Goodput: what the deployment really did, against the share of it that calls are admitted to."""
    day = play(seed, overload=3.0, minutes=25)
    settled = day.used[300:]
    assert sum(settled) / len(settled) >= 0.95 * TARGET
    assert day.silenced == 0
    assert day.throttled <= 0.005 * day.turns
    assert day.refused > 1.5 * day.admitted, "it was an overload"
    errors = sorted(abs(true - believed) for true, believed in zip(day.used, day.believed, strict=True))
    assert errors[int(0.95 * len(errors))] <= 0.03


def test_half_of_what_it_can_carry_is_never_refused() -> None:
    day = play(7, overload=0.5, minutes=15)
    assert (day.refused, day.throttled) == (0, 0)
    assert day.admitted > 30
