"""Azure Monitor beside the account, over real sockets, against the twin."""

from __future__ import annotations

import asyncio
from collections import Counter
from collections.abc import Awaitable, Callable
from pathlib import Path
from typing import Any

import pytest
from structlog.testing import capture_logs

from gateway.calls.capacity import CapacityDesk
from gateway.calls.monitor_watch import MonitorWatch
from gateway.capacity.admission import Vitals
from gateway.capacity.ledger import Account, Monitored
from gateway.clients.azure_monitor import AzureMonitor
from gateway.clients.http import make_session
from gateway.errors import ModelUnavailable
from gateway.session.events import ResponseDone, Usage
from gateway.simulator.azure_monitor import MINUTE_S, MonitorTwin
from gateway.simulator.virtual_time import virtual_time_runner
from tests.calls.test_capacity import DEPLOYMENT, PAYG, config

ACCOUNT_ID = "/subscriptions/0/resourceGroups/g/providers/Microsoft.CognitiveServices/accounts/models"
EPOCH = 1_795_428_000.0
CAPACITY = 45_000.0


class Token:
    async def headers(self) -> dict[str, str]:
        return {"Authorization": "Bearer genuine"}


class NoIdentity:
    async def headers(self) -> dict[str, str]:
        raise ModelUnavailable("log in")


class Broken:
    async def headers(self) -> dict[str, str]:
        raise RuntimeError("a bug")


class Seen:
    def __init__(self) -> None:
        self.bugs = 0
        self.reads: Counter[str] = Counter()
        self.accounts: dict[str, Account] = {}
        self.monitors: dict[str, Monitored | None] = {}

    def monitor_read(self, _deployment: str, result: str) -> None:
        self.reads[result] += 1

    def monitored(self, deployment: str, monitored: Monitored | None, _now: float) -> None:
        self.monitors[deployment] = monitored

    def account(self, deployment: str, account: Account) -> None:
        self.accounts[deployment] = account

    def bug(self) -> None:
        self.bugs += 1

    def __getattr__(self, _name: str) -> Any:
        return lambda *_: None


class Bench:
    def __init__(self, twin: MonitorTwin, desk: CapacityDesk, seen: Seen, clock: Callable[[], float]) -> None:
        self.twin = twin
        self.desk = desk
        self.seen = seen
        self.clock = clock
        self.used = 0.5
        self.burst = 0.0
        """on top of it, in stretches shorter than a minute"""

    def utilisation(self, start: float, end: float) -> float:
        return self.used + (self.burst if end - start < MINUTE_S else 0.0)

    async def work(self, seconds: float, tokens_per_minute: float) -> None:
        """Our own calls take this much, once a second."""
        seat = self.desk.take("call", "ptu", None)
        assert not isinstance(seat, str)
        for _ in range(int(seconds)):
            usage = Usage(input_text=round(tokens_per_minute / 60))
            seat.response_ended(ResponseDone("r", "completed", usage=usage), self.clock())
            await asyncio.sleep(1.0)
        self.desk.tell()


def run(folder: Path, test: Callable[[Bench], Awaitable[None]], credential: Any = None) -> None:
    async def main() -> None:
        clock = asyncio.get_running_loop().time
        began = clock()
        wall = lambda: EPOCH + clock() - began  # noqa: E731 - a clock is a function
        bench: list[Bench] = []
        twin = MonitorTwin(
            ACCOUNT_ID, {"m": lambda start, end: bench[0].used + (bench[0].burst if end - start < 60 else 0.0)}, wall
        )
        await twin.start()
        monitor = {"resource_id": ACCOUNT_ID, "endpoint": twin.url}
        ptu = DEPLOYMENT | {
            "name": "ptu",
            "capacity": {"ptu_units": 15, "ptu_model": "gpt-4.1", "monitor": monitor},
        }
        seen = Seen()
        desk = CapacityDesk(config(folder, ptu, PAYG), Vitals, lambda: 0, seen, clock)
        bench.append(Bench(twin, desk, seen, clock))
        async with make_session() as http:
            watch = MonitorWatch(AzureMonitor(http, lambda _endpoint: credential or Token()), desk, seen, clock, wall)
            task = asyncio.create_task(watch.run())
            await test(bench[0])
            task.cancel()
            await asyncio.gather(task, return_exceptions=True)
        await twin.stop()

    with virtual_time_runner() as runner:
        runner.run(main())


def test_another_client_is_seen_and_taken_from_the_head_room(tmp_path: Path) -> None:
    async def test(bench: Bench) -> None:
        await bench.work(420.0, 0.2 * CAPACITY)
        monitored = bench.seen.monitors["ptu"]
        assert monitored is not None
        assert monitored.utilisation == pytest.approx(0.5)
        assert monitored.others == pytest.approx(0.3 * CAPACITY, rel=0.1)
        assert 60.0 <= bench.clock() - monitored.until_s <= 190.0
        account = bench.seen.accounts["ptu"]
        assert account.utilisation == pytest.approx(0.5, abs=0.05)
        assert account.others == monitored.others

    run(tmp_path, test)


def test_what_is_not_known_is_neither_zero_nor_an_error(tmp_path: Path) -> None:
    async def test(bench: Bench) -> None:
        bench.twin.faults.empty = True
        await bench.work(130.0, 0.2 * CAPACITY)
        assert bench.seen.monitors["ptu"] is None
        assert bench.seen.accounts["ptu"].others == 0
        assert bench.seen.reads == {"empty": 3}

    run(tmp_path, test)


@pytest.mark.parametrize(("status", "kind"), [(429, "rate_limited"), (500, "status"), (503, "status")])
def test_a_monitor_that_refuses_is_asked_again_and_harms_nobody(tmp_path: Path, status: int, kind: str) -> None:
    async def test(bench: Bench) -> None:
        bench.twin.faults.status = status
        await bench.work(70.0, 0.2 * CAPACITY)
        assert bench.seen.reads == {kind: 2}
        bench.twin.faults.status = 200
        await bench.work(240.0, 0.2 * CAPACITY)
        assert bench.seen.reads["ok"] >= 3
        assert bench.seen.monitors["ptu"] is not None

    run(tmp_path, test)


@pytest.mark.parametrize(
    ("status", "kind", "says"),
    [
        (403, "forbidden", "Monitoring Reader (43d0d8ad-25c7-4714-9337-8ba259a9fe05)"),
        (401, "unauthorized", "tenant"),
        (404, "not_found", "resource_id"),
        (400, "rejected", "model"),
        (307, "redirected", "never followed"),
    ],
)
def test_what_a_person_must_mend_is_said_once_and_asked_for_rarely(
    tmp_path: Path, status: int, kind: str, says: str
) -> None:
    async def test(bench: Bench) -> None:
        bench.twin.faults.status = status
        with capture_logs() as logs:
            await bench.work(650.0, 0.2 * CAPACITY)
        assert bench.seen.reads == {kind: 3}, "at once, after five minutes, after ten"
        (line,) = [line for line in logs if line["event"] == "monitor.failed"]
        assert says in line["hint"]
        assert (line["deployment"], line["kind"]) == ("ptu", kind)
        bench.twin.faults.status = 200
        await bench.work(400.0, 0.2 * CAPACITY)
        assert bench.seen.monitors["ptu"] is not None

    run(tmp_path, test)


def test_a_monitor_that_asks_for_patience_gets_it(tmp_path: Path) -> None:
    async def test(bench: Bench) -> None:
        bench.twin.faults.status, bench.twin.faults.retry_after_s = 429, 170
        await bench.work(179.0, 0.2 * CAPACITY)
        assert bench.seen.reads == {"rate_limited": 1}
        await bench.work(10.0, 0.2 * CAPACITY)
        assert bench.seen.reads == {"rate_limited": 2}

    run(tmp_path, test)


def test_a_bug_of_ours_is_counted_and_ends_nothing(tmp_path: Path) -> None:
    """The task that reads is one that the process does not live without."""

    async def test(bench: Bench) -> None:
        await bench.work(130.0, 0.2 * CAPACITY)
        assert (bench.seen.reads, bench.seen.bugs) == ({"other": 3}, 3)

    run(tmp_path, test, Broken())


def test_what_the_process_before_took_is_no_other_client(tmp_path: Path) -> None:
    """Monitor tells of the last ten minutes, and our own count begins with the process."""

    async def test(bench: Bench) -> None:
        bench.used = 0.6
        await bench.work(2.0, 0.6 * CAPACITY)
        monitored = bench.seen.monitors["ptu"]
        assert monitored is not None
        assert (monitored.utilisation, monitored.others) == (0.6, 0)
        await bench.work(300.0, 0.6 * CAPACITY)
        assert abs(bench.seen.accounts["ptu"].others) <= 0.05 * CAPACITY

    run(tmp_path, test)


def test_the_peak_of_the_minute_is_told_beside_its_average(tmp_path: Path) -> None:
    async def test(bench: Bench) -> None:
        bench.burst = 0.7
        await bench.work(70.0, 0.2 * CAPACITY)
        monitored = bench.seen.monitors["ptu"]
        assert monitored is not None
        assert (monitored.utilisation, monitored.peak) == (0.5, 1.2)

    run(tmp_path, test)


def test_without_an_identity_nothing_is_sent(tmp_path: Path) -> None:
    async def test(bench: Bench) -> None:
        await bench.work(70.0, 0.0)
        assert bench.seen.reads == {"no_identity": 1}
        assert bench.twin.requests == []

    run(tmp_path, test, NoIdentity())


def test_what_was_seen_is_forgotten_when_nothing_comes_for_a_quarter_of_an_hour(tmp_path: Path) -> None:
    async def test(bench: Bench) -> None:
        await bench.work(300.0, 0.2 * CAPACITY)
        bench.twin.faults.status = 503
        await bench.work(1200.0, 0.2 * CAPACITY)
        assert bench.seen.monitors["ptu"] is None
        assert bench.seen.accounts["ptu"].others == 0

    run(tmp_path, test)
