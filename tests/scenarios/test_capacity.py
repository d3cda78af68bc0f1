"""Whole calls against deployments that are full: who is let in, where they go, and what they hear."""

from __future__ import annotations

import asyncio
from collections import Counter
from collections.abc import Callable
from functools import partial
from pathlib import Path
from typing import Any

import pytest
from prometheus_client import generate_latest

from gateway.capacity.ptu import TokenWeights
from gateway.simulator.phone import At, CallPlan, HangUp
from gateway.simulator.voice_live.options import Access, HandshakeFault, PtuForm, PtuPlan, TwinOptions
from gateway.telemetry.profile import measured_profile

Run = Callable[[Any], Any]

PTU = {"name": "ptu", "capacity": {"ptu_units": 15, "ptu_model": "gpt-4.1", "target": 0.77}}
PAYG = {"name": "payg", "capacity": "pay_as_you_go"}
CALLS_OF_PTU = 10
"""15 units of 3,000 tokens at 77 %, by the expected call of 3,360 a minute: 10.3."""
PATIENT = CallPlan(behaviour=(HangUp(at=At(12.0)),))


def metric(stack: Any, name: str, **labels: str) -> float:
    value = stack.gateway.registry.get_sample_value(name, labels)
    assert value is not None, f"no metric {name}{labels}"
    return float(value)


async def many(stack: Any, count: int, plan: CallPlan = PATIENT) -> list[Any]:
    """So many calls within a second, to their end."""
    calls = []
    for _ in range(count):
        calls.append(await stack.phone.start_call(plan))
        await asyncio.sleep(1.0 / count)
    records = [await call.wait() for call in calls]
    assert await stack.gateway.supervisor.wait_empty(30.0)
    assert len(stack.gateway.capacity.admission) == 0, "every seat was given back"
    for record in records:
        assert record.event_state == "delivered"
        assert [attempt.status for attempt in record.event_attempts] == [200]
        decided = record.times.get("answer_requested") or record.times["ended"]
        assert decided - record.times["event_posted"] <= 3.0
    return records


def endings(records: list[Any]) -> Counter[str]:
    return Counter(record.ending for record in records)


def test_calls_that_do_not_fit_go_to_the_next_deployment(
    tmp_path: Path, started: Any, setup_type: Any, on_virtual_time: Run
) -> None:
    async def main() -> None:
        async with started(setup_type(deployments=(PTU, PAYG)), tmp_path) as stack:
            records = await many(stack, 14)
            assert endings(records) == {"caller": 14}
            assert metric(stack, "gateway_voice_live_dials_total", deployment="ptu", result="ready") == CALLS_OF_PTU
            assert metric(stack, "gateway_spilled_calls_total", deployment="payg") == 14 - CALLS_OF_PTU
            assert metric(stack, "gateway_admission_refusals_total", reason="ptu") == 14 - CALLS_OF_PTU

    on_virtual_time(main())


def test_where_nobody_has_room_the_line_is_busy(
    tmp_path: Path, started: Any, setup_type: Any, on_virtual_time: Run
) -> None:
    async def main() -> None:
        async with started(setup_type(deployments=(PTU,)), tmp_path) as stack:
            records = await many(stack, 3 * CALLS_OF_PTU)
            assert endings(records) == {"caller": CALLS_OF_PTU, "rejected": 2 * CALLS_OF_PTU}
            assert not any(record.answers for record in records if record.ending == "rejected"), "nobody pays for that"
            refused = metric(stack, "gateway_calls_total", result="refused", reason="rejected_capacity")
            assert refused == 2 * CALLS_OF_PTU
            again = await many(stack, 1)
            assert endings(again) == {"caller": 1}, "room is room again when calls have ended"

    on_virtual_time(main())


@pytest.mark.parametrize(
    ("sections", "let_in", "reason"),
    [
        ({"admission": {"calls": 4}}, 4, "calls"),
        ({"resource": {"dials_per_minute": 3}}, 3, "dials"),
    ],
)
def test_limits_of_the_process_and_of_the_resource(  # noqa: PLR0913 - fixtures and parameters
    tmp_path: Path,
    started: Any,
    setup_type: Any,
    on_virtual_time: Run,
    sections: dict[str, Any],
    let_in: int,
    reason: str,
) -> None:
    async def main() -> None:
        async with started(setup_type(deployments=(PAYG,), sections=sections), tmp_path) as stack:
            records = await many(stack, 6)
            assert endings(records) == {"caller": let_in, "rejected": 6 - let_in}
            assert metric(stack, "gateway_admission_refusals_total", reason=reason) == 6 - let_in

    on_virtual_time(main())


@pytest.mark.parametrize("form", PtuForm)
def test_a_deployment_that_others_fill_throttles_nobody_into_silence(
    run_call: Run, setup_type: Any, form: PtuForm
) -> None:
    """Another client fills the bucket while the caller speaks for the third time; it drains, and the answer comes."""
    plan = PtuPlan(
        units=5,
        tpm_per_ptu=3000,
        output_ratio=4,
        form=form,
        others_tokens_per_minute=65_500,
        others_from_s=2.0,
        others_s=20.0,
    )
    setup = setup_type(deployments=(PTU,), per_model={"ptu": TwinOptions(ptu=plan)})
    result = run_call(setup)
    assert result.outcome == "caller_hangup"
    assert result.longest_silence_s < 4.0
    if form is not PtuForm.SILENCE:
        assert result.metric("gateway_throttled_total", deployment="ptu") >= 2
    assert result.metric("gateway_clips_played_total", clip="filler") >= 1
    assert result.call.story_done


def test_calls_are_measured_and_paid_for_by_deployment(
    tmp_path: Path, started: Any, setup_type: Any, on_virtual_time: Run
) -> None:
    """What `gateway capacity --from-metrics` reads is what whole calls leave behind."""
    capacity = {"ptu_units": 10, "ptu_model": "gpt-4.1", "target": 0.77}  # for six calls
    units = {"name": "ptu", "capacity": capacity, "price": {"currency": "EUR", "unit_hour": 1.0}}
    tokens = PAYG | {"price": {"currency": "EUR", "input": 2.0, "output": 8.0}}

    async def main() -> None:
        async with started(setup_type(deployments=(units, tokens)), tmp_path) as stack:
            await many(stack, 7, setup_type().plan)
            read = partial(metric, stack)
            text = generate_latest(stack.gateway.registry).decode()
            prompts = read("gateway_tokens_total", deployment="payg", kind="input_text")
            answers = read("gateway_tokens_total", deployment="payg", kind="output_text")
            paid = read("gateway_model_cost_total", deployment="payg", currency="EUR")
            assert paid == pytest.approx((2 * prompts + 8 * answers) / 1e6)
            assert paid > 0
            assert read("gateway_ptu_cost_per_hour", deployment="ptu", currency="EUR") == 10

            found = measured_profile([text], "ptu")
            assert found.share_of_calls == pytest.approx(6 / 7)
            minutes = read("gateway_call_duration_seconds_sum") / 60 * 6 / 7
            normalised = read("gateway_normalised_tokens_total", deployment="ptu", source="reported")
            assert found.profile.tokens_per_minute(TokenWeights(4)) == pytest.approx(normalised / minutes)

    on_virtual_time(main())


# --- limits of lines and callers --------------------------------------------------------------------------------------

X, Y = "+15555550142", "+15555550143"


def from_number(number: str, seconds: float = 6.0) -> CallPlan:
    return CallPlan(caller=number, behaviour=(HangUp(at=At(seconds)),))


@pytest.mark.parametrize(
    ("limits", "callers", "taken", "reason"),
    [
        ({"calls": 2}, (X, Y, X), [True, True, False], "line_calls"),
        ({"calls_per_caller": 1}, (X, X, Y), [True, False, True], "caller_calls"),
        ({"calls_per_caller_an_hour": 1}, (X, Y, X), [True, True, False], "caller_hour"),
    ],
)
def test_limits_of_a_line_and_of_its_callers(  # noqa: PLR0913 - fixtures and parameters
    tmp_path: Path,
    started: Any,
    setup_type: Any,
    on_virtual_time: Run,
    limits: dict[str, Any],
    callers: tuple[str, ...],
    taken: list[bool],
    reason: str,
) -> None:
    async def main() -> None:
        async with started(setup_type(line={"limits": limits}), tmp_path) as stack:
            calls = []
            for number in callers:
                calls.append(await stack.phone.start_call(from_number(number)))
                await asyncio.sleep(1.0)
            records = [await call.wait() for call in calls]
            assert [record.ending == "caller" for record in records] == taken
            assert metric(stack, "gateway_admission_refusals_total", reason=reason) == taken.count(False)
            assert await stack.gateway.supervisor.wait_empty(30.0)
            if "hour" not in reason:
                again = await stack.phone.place_call(from_number(callers[-1]))
                assert again.ending == "caller", "who has hung up counts no more"

    on_virtual_time(main())


def test_minutes_of_a_caller_end_a_call_and_refuse_the_next(
    tmp_path: Path, started: Any, setup_type: Any, on_virtual_time: Run
) -> None:
    async def main() -> None:
        line = {"limits": {"minutes_per_caller_a_day": 1.0}, "silence": None}
        async with started(setup_type(line=line), tmp_path) as stack:
            record = await stack.phone.place_call(from_number(X, 110.0))
            assert record.ending == "gateway"
            assert await stack.gateway.supervisor.wait_empty(30.0)
            lasted = record.times["ended"] - record.times["connected"]
            assert 55.0 <= lasted <= 75.0
            assert metric(stack, "gateway_calls_total", result="completed", reason="max_duration") == 1
            assert (await stack.phone.place_call(from_number(X))).ending == "rejected"
            assert metric(stack, "gateway_admission_refusals_total", reason="caller_minutes") == 1
            assert (await stack.phone.place_call(from_number(Y))).ending == "caller"

    on_virtual_time(main())


def test_calls_that_never_came_about_count_against_nobody(
    tmp_path: Path, started: Any, setup_type: Any, on_virtual_time: Run
) -> None:
    async def main() -> None:
        setup = setup_type(
            deployments=(PAYG,),
            per_model={"payg": TwinOptions(access=Access(fault=HandshakeFault(503)))},
            line={"limits": {"calls_per_caller_an_hour": 1}},
        )
        async with started(setup, tmp_path) as stack:
            for _ in range(3):
                assert (await stack.phone.place_call(from_number(X))).ending == "rejected"
            await asyncio.sleep(1.0)  # the last event is acknowledged
            assert metric(stack, "gateway_admission_refusals_total", reason="caller_hour") == 0
            assert metric(stack, "gateway_calls_total", result="failed", reason="model_unavailable") == 3

    on_virtual_time(main())
