"""The seats of a process: what is let in, what calls report, what a reload keeps."""

from __future__ import annotations

from collections import Counter
from pathlib import Path
from typing import Any

import pytest

from gateway.calls.capacity import CapacityDesk, Seat
from gateway.capacity.admission import Refusal, Vitals
from gateway.capacity.callers import CallerRefusal
from gateway.capacity.ledger import Account, Monitored
from gateway.config import GatewayConfig, parse
from gateway.session.events import ModelError, ResponseCreated, ResponseDone, Usage

VOICE = {"type": "azure-standard", "name": "en-US-AvaNeural"}
TOPIC = "/subscriptions/0/resourceGroups/g/providers/Microsoft.Communication/communicationServices/a"
ACS = {"name": "a", "topic": TOPIC, "endpoint": "https://a.communication.azure.com", "audience": "guid"}
DEPLOYMENT = {"resource": "f", "profile": "byom-azure-openai-chat-completion", "model": "m"}
PTU = DEPLOYMENT | {"name": "ptu", "capacity": {"ptu_units": 15, "ptu_model": "gpt-4.1"}}
PAYG = DEPLOYMENT | {"name": "payg"}


def config(folder: Path, *deployments: dict[str, Any], dials: int = 30, **sections: Any) -> GatewayConfig:
    names = [deployment["name"] for deployment in deployments]
    return parse(
        {
            "version": 1,
            "server": {"public_url": "https://voice.example.com"},
            "event_grid": {"entra": {"tenant_id": "22222222-2222-4222-8222-222222222222", "audience": "api://g"}},
            "acs": {"resources": [ACS]},
            "resources": [{"name": "f", "endpoint": "https://f.services.ai.azure.com", "dials_per_minute": dials}],
            "deployments": list(deployments),
            "agents": [{"name": "s", "instructions": "Help.", "voice": VOICE, "deployments": names}],
            "lines": [{"name": "main", "numbers": "*", "agent": "s"}],
        }
        | sections,
        folder,
    )


class Observed:
    """What the desk tells."""

    def __init__(self) -> None:
        self.refusals: Counter[Refusal | CallerRefusal] = Counter()
        self.throttles: Counter[str] = Counter()
        self.accounts: dict[str, Account] = {}
        self.dials: dict[str, int] = {}

    def admission_refused(self, refusal: Refusal | CallerRefusal) -> None:
        self.refusals[refusal] += 1

    def throttled(self, deployment: str) -> None:
        self.throttles[deployment] += 1

    def account(self, deployment: str, account: Account) -> None:
        self.accounts[deployment] = account

    def monitor_read(self, deployment: str, result: str) -> None:
        raise AssertionError(f"{deployment} has no monitor, and {result} was read")

    def monitored(self, deployment: str, monitored: Monitored | None, now: float) -> None:
        raise AssertionError(f"{deployment} has no monitor, and {monitored} was told at {now}")

    def dials_left(self, resource: str, dials: int) -> None:
        self.dials[resource] = dials

    def bug(self) -> None:
        raise AssertionError("a bug")


class Bench:
    def __init__(self, first: GatewayConfig, vitals: Vitals | None = None) -> None:
        self.now = 100.0
        self.live = 0
        self.observed = Observed()
        self.desk = CapacityDesk(first, lambda: vitals or Vitals(), lambda: self.live, self.observed, lambda: self.now)

    def seat(self, call_id: str, deployment: str) -> Seat:
        seat = self.desk.take(call_id, deployment, 400)
        assert isinstance(seat, Seat)
        return seat


def test_calls_that_ring_count_against_the_cap(tmp_path: Path) -> None:
    bench = Bench(config(tmp_path, PAYG, admission={"calls": 2}))
    assert bench.desk.refusal() is None
    bench.seat("a", "payg")
    bench.live = 1  # one that waits for a person, say
    assert bench.desk.refusal() is Refusal.CALLS
    bench.desk.went_live("a")
    assert bench.desk.refusal() is None
    bench.live = 2
    assert bench.desk.refusal() is Refusal.CALLS
    assert bench.observed.refusals == {Refusal.CALLS: 2}


@pytest.mark.parametrize(
    ("vitals", "refusal"), [(Vitals(0.9, 0.0), Refusal.MEMORY), (Vitals(0.1, 0.1), Refusal.LOOP_LAG)]
)
def test_a_process_in_trouble_takes_nobody(tmp_path: Path, vitals: Vitals, refusal: Refusal) -> None:
    assert Bench(config(tmp_path, PAYG), vitals).desk.refusal() is refusal


def test_a_full_deployment_refuses_and_a_seat_given_back_is_told(tmp_path: Path) -> None:
    bench = Bench(config(tmp_path, PTU, PAYG))
    seats: list[Seat] = []
    while isinstance(found := bench.desk.take(f"c{len(seats)}", "ptu", 400), Seat):
        seats.append(found)
    assert found is Refusal.PTU
    assert len(seats) == 10, "15 units of gpt-4.1 at 80 %, by the expected call"
    assert not bench.desk.freed.is_set()
    seats[0].leave()
    assert bench.desk.freed.is_set()
    bench.seat("another", "ptu")
    bench.seat("elsewhere", "payg")


def test_dials_are_of_the_resource(tmp_path: Path) -> None:
    bench = Bench(config(tmp_path, PTU, PAYG, dials=2))
    bench.seat("a", "ptu").leave()
    bench.seat("b", "payg")
    assert bench.desk.take("c", "payg", None) is Refusal.DIALS
    bench.desk.tell()
    assert bench.observed.dials == {"f": 0}
    bench.now += 60.0
    bench.seat("c", "payg")


def test_what_a_response_took_is_charged(tmp_path: Path) -> None:
    bench = Bench(config(tmp_path, PTU, PAYG))
    seat = bench.seat("a", "ptu")
    seat.response_began(ResponseCreated("r1"), bench.now)
    bench.desk.tell()
    assert bench.observed.accounts["ptu"].reserved > 400 * 4
    charge = seat.response_ended(
        ResponseDone("r1", "completed", usage=Usage(input_text=100, output_text=10)), bench.now
    )
    assert charge is not None
    assert charge.normalised_tokens == 140
    assert bench.seat("b", "payg").response_ended(ResponseDone("r", "completed"), bench.now) is None
    bench.desk.tell()
    assert (bench.observed.accounts["ptu"].consumed, bench.observed.accounts["ptu"].reserved) == (140, 0)


@pytest.mark.parametrize("form", ["failed", "error"])
def test_a_throttled_response_takes_nothing_and_makes_the_deployment_smaller(tmp_path: Path, form: str) -> None:
    bench = Bench(config(tmp_path, PTU, PAYG))
    seats = [bench.seat(f"c{number}", "ptu") for number in range(5)]
    if form == "failed":
        seats[0].response_began(ResponseCreated("r1"), bench.now)
        done = ResponseDone("r1", "failed", error_code="rate_limit_exceeded")
        assert seats[0].response_ended(done, bench.now) is None
    else:
        seats[0].model_error(ModelError("too_many_requests", ""), bench.now)
    seats[1].model_error(ModelError("odd", ""), bench.now)
    assert bench.observed.throttles == {"ptu": 1}
    assert bench.desk.take("more", "ptu", None) is Refusal.THROTTLED
    bench.desk.tell()
    assert bench.observed.accounts["ptu"].consumed == 0


def test_a_reload_keeps_what_stays_the_same_and_the_seats_of_all(tmp_path: Path) -> None:
    bench = Bench(config(tmp_path, PTU, PAYG))
    seat, other = bench.seat("a", "ptu"), bench.seat("b", "payg")
    seat.response_ended(ResponseDone("r", "completed", usage=Usage(input_text=1000)), bench.now)

    bench.desk.configure(config(tmp_path, PTU, dials=1))
    bench.desk.tell()
    assert bench.observed.accounts["ptu"].consumed == 1000
    assert bench.desk.take("c", "ptu", None) is Refusal.DIALS

    larger = PTU | {"capacity": {"ptu_units": 20, "ptu_model": "gpt-4.1"}}
    bench.desk.configure(config(tmp_path, larger, PAYG, dials=100))
    bench.desk.tell()
    account = bench.observed.accounts["ptu"]
    assert (account.capacity, account.consumed) == (60_000, 0)
    assert account.forecast > 0, "the call goes on"
    seat.leave()
    other.leave()
    bench.desk.tell()
    assert bench.observed.accounts["ptu"].forecast == 0
    assert len(bench.desk.admission) == 0


def test_a_new_price_leaves_the_account_as_it_is(tmp_path: Path) -> None:
    bench = Bench(config(tmp_path, PTU))
    seat = bench.seat("a", "ptu")
    seat.response_began(ResponseCreated("r"), bench.now)
    before = bench.desk.admission.deployments["ptu"].ledger
    bench.desk.configure(config(tmp_path, PTU | {"price": {"currency": "EUR", "unit_hour": 1.0}}))
    assert bench.desk.admission.deployments["ptu"].ledger is before
