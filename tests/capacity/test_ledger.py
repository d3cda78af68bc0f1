"""The account of a deployment, at invented times."""

from __future__ import annotations

import random
from dataclasses import dataclass

import pytest
from hypothesis import given
from hypothesis import strategies as st

from gateway.capacity.demand import Expected
from gateway.capacity.ledger import LONGEST_RESPONSE_S, Account, Ledger, taken_by
from gateway.capacity.ptu import PtuBudget, TokenWeights, normalised_tokens
from gateway.profile import Profile
from gateway.session.events import Usage

CASCADE = Profile.CHAT_COMPLETION
BUDGET = PtuBudget(units=50, tpm_per_ptu=3000, weights=TokenWeights(output=4))
TINY = Usage(input_text=100, output_text=10)
"""140 normalised tokens"""


def ledger(budget: PtuBudget = BUDGET) -> Ledger:
    return Ledger(budget, CASCADE, Expected(), 0.8, 0.0)


# --- by hand --------------------------------------------------------------------------------------------------------


def test_a_response_is_reserved_then_consumed_then_forgotten() -> None:
    book = ledger()
    book.call_began("c", 400, 0.0)
    book.response_began("c", "r", 1.0)
    account = book.account(1.0)
    assert account.reserved == pytest.approx(1500 * 0.4 + 400 * 4)
    assert account.consumed == 0
    assert account.level == pytest.approx(account.reserved / account.capacity)
    charge = book.response_ended("c", "r", TINY, 3.0)
    assert charge.normalised_tokens == 140
    account = book.account(3.0)
    assert (account.reserved, account.consumed) == (0, 140)
    assert book.account(62.9).consumed == 140
    assert book.account(63.5).consumed == 0


def test_the_bucket_drains_by_a_minute_of_capacity_in_a_minute() -> None:
    book = ledger()
    book.response_ended("gone", "r", Usage(input_text=75_000), 0.0)
    assert book.account(0.0).level == pytest.approx(0.5)
    assert book.account(15.0).level == pytest.approx(0.25)
    assert book.account(60.0).level == 0


def test_a_call_that_ends_gives_back_what_was_set_aside() -> None:
    book = ledger()
    book.call_began("c", 400, 0.0)
    book.response_began("c", "r", 0.0)
    book.call_ended("c", 0.0)
    account = book.account(0.0)
    assert (account.reserved, account.level, account.forecast) == (0, 0, 0)


def test_a_response_that_never_ends_is_given_up() -> None:
    book = ledger()
    book.call_began("c", 400, 0.0)
    book.response_began("c", "r", 0.0)
    assert book.account(LONGEST_RESPONSE_S - 1).reserved > 0
    assert book.account(LONGEST_RESPONSE_S).reserved == 0


def test_a_refused_response_took_nothing() -> None:
    book = ledger()
    book.call_began("c", 400, 0.0)
    book.response_began("c", "r", 0.0)
    book.refused("c", "r", 0.0)
    account = book.account(0.0)
    assert (account.reserved, account.consumed, account.level) == (0, 0, 0)


def test_a_missing_usage_is_charged_as_the_calls_next_answer() -> None:
    book = ledger()
    book.call_began("c", None, 0.0)
    for number in range(20):
        at = 10.0 * number
        book.response_began("c", f"r{number}", at)
        book.response_ended("c", f"r{number}", Usage(input_text=1000 + 100 * number, output_text=50), at + 1)
    book.response_began("c", "last", 200.0)
    charge = book.response_ended("c", "last", None, 201.0)
    assert charge.estimated
    assert charge.normalised_tokens == pytest.approx(1000 + 100 * 20 + 4 * 50, rel=0.25)


def test_head_room_is_what_is_left_below_the_target_in_tokens_and_in_calls() -> None:
    account = Account(
        capacity=150_000, consumed=0, reserved=0, forecast=100_000, others=6_560, level=0, per_call=3_360, target=0.8
    )
    assert account.headroom == pytest.approx(13_440)
    assert account.headroom_calls == 4
    assert account.utilisation == pytest.approx(6_560 / 150_000)


def test_replicas_take_their_share() -> None:
    books = [Ledger(BUDGET, CASCADE, Expected(), 0.8, 0.0, replicas=count) for count in (1, 4)]
    alone, shared = (book.account(0.0) for book in books)
    assert shared.headroom == pytest.approx(alone.headroom / 4)
    for book in books:
        book.response_ended("gone", "r", Usage(input_text=15_000), 0.0)
    assert books[1].account(0.0).level == pytest.approx(4 * books[0].account(0.0).level)


def test_the_published_example_of_a_call_is_what_is_expected_of_one() -> None:
    """Four turns of 1,500 tokens, 60 % of them cached, 60 tokens of answer: 3,360 a minute, so 35 calls at 80 %."""
    book = ledger()
    account = book.account(0.0)
    assert account.per_call == pytest.approx(3360)
    assert account.headroom_calls == 35


def test_a_prompt_that_grows_is_expected_to_grow_on() -> None:
    steady, growing = ledger(), ledger()
    for book, step in ((steady, 0), (growing, 200)):
        book.call_began("c", None, 0.0)
        for number in range(12):
            book.response_ended(
                "c", f"r{number}", Usage(input_text=1500 + step * number, output_text=60), 15.0 * number
            )
    last = 1500 + 200 * 11
    assert growing.account(180.0).forecast > 1.5 * steady.account(180.0).forecast
    turns = growing._demand.turns_per_minute
    assert growing.account(180.0).forecast > turns * last * growing._demand.prompt_weight


def test_audio_of_a_cascade_is_no_prompt_of_the_model() -> None:
    usage = Usage(input_text=100, input_audio=900, output_text=10, output_audio=90)
    assert taken_by(usage, BUDGET.weights, CASCADE).prompt == 100
    assert taken_by(usage, BUDGET.weights, Profile.REALTIME).prompt == 1000


# --- properties -----------------------------------------------------------------------------------------------------

counts = st.integers(0, 50_000)
usages = st.none() | st.builds(
    Usage,
    input_text=counts,
    input_audio=counts,
    cached_text=counts,
    cached_total=counts,
    cache_write=counts,
    output_text=counts,
    output_reasoning=counts,
)
names = st.sampled_from(["a", "b", "c"])
steps = st.one_of(
    st.tuples(st.just("begin"), names, st.none() | st.integers(1, 4096)),
    st.tuples(st.just("end"), names, st.none()),
    st.tuples(st.just("ask"), names, st.sampled_from(["r1", "r2"])),
    st.tuples(st.just("answered"), names, st.tuples(st.sampled_from(["r1", "r2"]), usages)),
    st.tuples(st.just("refused"), names, st.sampled_from(["r1", "r2"])),
)


def tell(book: Ledger, step: tuple[str, str, object], now: float) -> None:
    match step:
        case ("begin", call, int() | None as longest):
            book.call_began(call, longest, now)
        case ("end", call, _):
            book.call_ended(call, now)
        case ("ask", call, str() as response):
            book.response_began(call, response, now)
        case ("answered", call, (str() as response, (Usage() | None) as usage)):
            book.response_ended(call, response, usage, now)
        case (_, call, response):
            book.refused(call, str(response), now)


@given(st.lists(st.tuples(steps, st.floats(0.0, 90.0)), max_size=40))
def test_nothing_leaks_and_nothing_is_negative(story: list[tuple[tuple[str, str, object], float]]) -> None:
    book, now = ledger(), 0.0
    for step, pause in story:
        tell(book, step, now)
        account = book.account(now)
        for number in (account.consumed, account.reserved, account.forecast, account.level, account.utilisation):
            assert number >= 0
        assert account.headroom_calls >= 0
        now += pause
    for call in "abc":
        book.call_ended(call, now)
    account = book.account(now)
    assert (len(book), account.reserved, account.forecast) == (0, 0, 0)
    account = book.account(now + 1e6)
    assert (account.consumed, account.level, account.utilisation) == (0, 0, 0)


independent = st.lists(
    st.one_of(
        st.tuples(st.just("answered"), st.sampled_from("abcdef"), st.tuples(st.just("r1"), usages)),
        st.tuples(st.just("ask"), st.sampled_from("abcdef"), st.just("r2")),
        st.tuples(st.just("refused"), st.sampled_from("abcdef"), st.just("r3")),
        st.tuples(st.just("end"), st.sampled_from("ghi"), st.none()),
        st.tuples(st.just("begin"), st.sampled_from("xyz"), st.integers(1, 4096)),
    ),
    max_size=12,
    unique_by=lambda step: (step[0], step[1]),
)


@given(independent, st.randoms(use_true_random=False), st.floats(0.0, 30.0))
def test_what_happens_at_one_moment_may_be_told_in_any_order(
    moment: list[tuple[str, str, object]], shuffler: random.Random, later: float
) -> None:
    accounts = []
    for shuffled in (False, True):
        book = ledger()
        for call in "abcdefghi":
            book.call_began(call, 300, 0.0)
            book.response_ended(call, "r0", Usage(input_text=1000 * (1 + ord(call) % 7), output_text=40), 4.0)
            for response in ("r1", "r3"):
                book.response_began(call, response, 5.0)
        told = moment if not shuffled else shuffler.sample(moment, len(moment))
        for step in told:
            tell(book, step, 10.0)
        book.account(10.0 + later)
        account = book.account(12.0 + later)
        accounts.append([account.consumed, account.reserved, account.forecast, account.level, account.per_call])
    assert accounts[0] == pytest.approx(accounts[1], rel=1e-9, abs=1e-6)


# --- against a truth that is known ----------------------------------------------------------------------------------


@dataclass
class Truth:
    """What really was taken."""

    taken: list[tuple[float, float]]

    def minute(self, now: float) -> float:
        return sum(tokens for at, tokens in self.taken if now - 60.0 < at <= now)


@pytest.mark.parametrize("seed", range(5))
def test_the_rolling_minute_is_within_three_per_cent_of_capacity(seed: int) -> None:
    """Thirty calls with growing prompts, cache rates anywhere from none to all, and every tenth usage missing."""
    chance = random.Random(seed)
    book, truth = ledger(), Truth([])
    calls: dict[str, list[float]] = {}
    errors: list[float] = []
    begun, now = 0, 0.0
    while now < 1800.0:
        now += 0.25
        if len(calls) < 30 and chance.random() < 0.1:
            begun += 1
            calls[f"c{begun}"] = [
                now + chance.uniform(60, 400),
                now + chance.expovariate(1 / 10),
                900.0,
                chance.random(),
            ]
            book.call_began(f"c{begun}", 400, now)
        for call, state in list(calls.items()):
            over, next_turn, prompt, rate = state
            if now >= over:
                book.call_ended(call, now)
                del calls[call]
            elif now >= next_turn:
                cached = int(prompt * min(1.0, max(0.0, chance.gauss(rate, 0.25))))
                usage = Usage(input_text=int(prompt), cached_text=cached, output_text=int(chance.gammavariate(4, 15)))
                book.response_began(call, "r", now)
                missing = chance.random() < 0.1
                book.response_ended(call, "r", None if missing else usage, now)
                truth.taken.append((now, normalised_tokens(usage, BUDGET.weights, CASCADE)))
                state[1:3] = [now + 3 + chance.expovariate(1 / 12), prompt + chance.uniform(40, 160)]
        if now > 120 and now % 1.0 == 0:
            errors.append(abs(book.account(now).consumed - truth.minute(now)) / BUDGET.tokens_per_minute)
    assert sorted(errors)[int(0.95 * len(errors))] <= 0.03
    assert truth.minute(now) > 0.2 * BUDGET.tokens_per_minute, "the deployment was used"
