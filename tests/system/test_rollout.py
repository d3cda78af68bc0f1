"""A rollout under live calls: the old process drains, the new one takes calls, nginx stands in front.

As in Kubernetes the old process is out of the routes the moment it is told to leave: whatever the network sends from
then on, callbacks of its own live calls included, reaches the new one.
"""

from __future__ import annotations

import asyncio
import json
import re
import signal
import subprocess
from collections.abc import AsyncIterator, Callable, Iterator
from contextlib import asynccontextmanager
from pathlib import Path
from typing import Any

import pytest

from gateway.simulator.phone import AfterAgent, CallPlan, HangUp, Say
from gateway.simulator.ports import reserved_ports
from tests.system.stack import HOST, GatewayProcess, gateway_process, text, twin_for, until

pytestmark = [pytest.mark.system, pytest.mark.timeout(300)]

CALLS_BEFORE, CALLS_DURING, EVERY_S = 6, 10, 0.7
TURNS = ("caller.turn1", "caller.turn2", "caller.turn3")


@asynccontextmanager
async def nginx(folder: Path, port: int, upstream: int) -> AsyncIterator[Callable[[int], None]]:
    """In front of the gateways; what it yields points it to another one."""
    (folder / "upstream.conf").write_text(f"server {HOST}:{upstream};\n", encoding="utf-8")
    (folder / "nginx.conf").write_text(
        f"""\
daemon off;
user root;
pid {folder}/nginx.pid;
error_log {folder}/error.log;
worker_processes 1;
events {{ worker_connections 512; }}
http {{
  access_log {folder}/access.log;
  client_body_temp_path {folder}/body;
  proxy_temp_path {folder}/proxy;
  fastcgi_temp_path {folder}/fastcgi;
  uwsgi_temp_path {folder}/uwsgi;
  scgi_temp_path {folder}/scgi;
  upstream gateway {{ include {folder}/upstream.conf; keepalive 8; }}
  map $http_upgrade $connection_upgrade {{ default upgrade; '' ''; }}
  server {{
    listen {HOST}:{port};
    location / {{
      proxy_pass http://gateway;
      proxy_http_version 1.1;
      proxy_set_header Host $host;
      proxy_set_header Upgrade $http_upgrade;
      proxy_set_header Connection $connection_upgrade;
      proxy_read_timeout 3600s;
      proxy_send_timeout 3600s;
      proxy_buffering off;
    }}
  }}
}}
""",
        encoding="utf-8",
    )
    process = await asyncio.create_subprocess_exec(
        "nginx", "-c", str(folder / "nginx.conf"), "-p", str(folder), stderr=subprocess.DEVNULL
    )

    def point_to(other: int) -> None:
        (folder / "upstream.conf").write_text(f"server {HOST}:{other};\n", encoding="utf-8")
        process.send_signal(signal.SIGHUP)

    try:
        await until(port, "/", 404)
        yield point_to
    finally:
        process.terminate()
        await process.wait()


def plan(seed: int, turns: int) -> CallPlan:
    """A caller who says so many sentences, hears the answers out, and hangs up."""
    says = [Say(clip, AfterAgent(0.6)) for clip in TURNS[:turns]]
    return CallPlan(behaviour=(*says, HangUp()), seed=seed)


def endings(exposed: str) -> dict[str, int]:
    found = re.findall(r'^gateway_calls_total\{.*reason="(\w+)".*\} ([\d.]+)$', exposed, re.MULTILINE)
    return {reason: int(float(value)) for reason, value in found if float(value)}


def test_no_call_is_dropped(needs: Callable[..., None], tmp_path: Path) -> None:
    needs("nginx")

    async def main() -> None:
        with reserved_ports(5) as (edge, old_port, old_metrics, new_port, new_metrics):
            async with twin_for(edge) as twin:
                (tmp_path / "ticket.key").write_bytes(b"t" * 32)

                def write(name: str, port: int, metrics_port: int) -> Path:
                    server = {"public_url": f"http://{HOST}:{edge}", "ticket_key_file": str(tmp_path / "ticket.key")}
                    drain = {"grace_s": 400, "settle_s": 2}
                    configuration = twin.configuration(port, metrics_port, server=server, drain=drain)
                    return twin.write(tmp_path / name, configuration)

                async with (
                    gateway_process(write("old", old_port, old_metrics), old_port, old_metrics) as old,
                    nginx(tmp_path, edge, old_port) as point_to,
                ):
                    calls = [await twin.phone.start_call(plan(number, 3)) for number in range(CALLS_BEFORE)]
                    await asyncio.sleep(4.0)
                    async with gateway_process(write("new", new_port, new_metrics), new_port, new_metrics):
                        turn_over = asyncio.create_task(roll(old, point_to, new_port))
                        for number in range(CALLS_DURING):
                            calls.append(await twin.phone.start_call(plan(100 + number, 1)))
                            await asyncio.sleep(EVERY_S)
                        await turn_over
                        records = await asyncio.gather(*(call.wait() for call in calls))
                        assert await old.wait(60) == 0
                        report = Report(records, old, await text(new_metrics, "/metrics"))
                        print(json.dumps(report.numbers(), indent=1))
                        report.check()

    asyncio.run(main())


async def roll(old: GatewayProcess, point_to: Callable[[int], None], new_port: int) -> None:
    """The new process is ready; the old one is taken out of the routes and told to leave."""
    await asyncio.sleep(CALLS_DURING * EVERY_S / 2)
    point_to(new_port)
    old.signal(signal.SIGTERM)


class Report:
    """What came of it."""

    def __init__(self, records: list[Any], old: GatewayProcess, new_metrics: str) -> None:
        self.records, self.old, self.new_metrics = records, old, new_metrics

    def numbers(self) -> dict[str, Any]:
        events = self.old.events
        (began,) = [event for event in events if event["event"] == "drain.began"]
        (ended,) = [event for event in events if event["event"] == "drain.ended"]
        return {
            "calls": len(self.records),
            "live or ringing at SIGTERM": began["live"] + began["ringing"],
            "ended by the caller": sum(record.ending == "caller" for record in self.records),
            "old drained for s": ended["seconds"],
            "old: endings": dict(self._endings_of_old()),
            "new: endings": endings(self.new_metrics),
            "callbacks of unknown calls at the new one": self._strays(),
        }

    def _endings_of_old(self) -> Iterator[tuple[str, int]]:
        reasons = [event["reason"] for event in self.old.events if event["event"] == "call.ended"]
        for reason in sorted(set(reasons)):
            yield reason, reasons.count(reason)

    def _strays(self) -> int:
        found = re.search(r"^gateway_callbacks_unknown_total ([\d.]+)$", self.new_metrics, re.MULTILINE)
        return 0 if found is None else int(float(found[1]))

    def check(self) -> None:
        """Nobody was dropped, nobody waited in silence for a process that had gone."""
        assert [record.ending for record in self.records] == ["caller"] * len(self.records)
        for record in self.records:
            assert len(record.heard) >= 2
        # A call whose media reached the new process went on there; the old one saw that, and let go of it.
        assert self.numbers()["old: endings"].keys() <= {"caller_hangup", "lost_race"}
        assert endings(self.new_metrics).keys() == {"caller_hangup"}
