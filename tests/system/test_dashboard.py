"""The dashboard: every query is put to a real Prometheus that has scraped a gateway with calls."""

from __future__ import annotations

import asyncio
import json
import re
import subprocess
import sys
import urllib.parse
from collections.abc import AsyncIterator, Callable
from contextlib import asynccontextmanager
from pathlib import Path
from typing import Any

import aiohttp
import pytest
import yaml

from gateway.simulator.phone import AfterAgent, CallPlan, HangUp, Say
from gateway.simulator.ports import reserved_ports
from tests.system.stack import HOST, gateway_process, text, twin_for, until

pytestmark = [pytest.mark.system, pytest.mark.timeout(300)]

ROOT = Path(__file__).parents[2]
MONITORING = ROOT / "deploy" / "monitoring"
QUIET = {
    "Turns with more than 4 s of silence",
    "Calls ended by a system reason",
    "Dials by result",
    "Endings by reason",
    "Refusals of admission",
    "Refused at the doors",
    "Cost an hour",
}
"""Panels that may have nothing to show: nothing of the kind happened, or the share is of too few."""


def panels() -> list[dict[str, Any]]:
    found = json.loads((MONITORING / "dashboard.json").read_text(encoding="utf-8"))["panels"]
    return [panel for panel in found if panel["type"] == "timeseries"]


@asynccontextmanager
async def prometheus(folder: Path, target: int) -> AsyncIterator[str]:
    """Scrapes a gateway once a second, and evaluates the rules as often."""
    with reserved_ports(1) as (port,):
        pass
    configuration = {
        "global": {"scrape_interval": "1s", "evaluation_interval": "1s"},
        "rule_files": [str(path) for path in sorted(MONITORING.glob("rules/*.yaml"))],
        "scrape_configs": [{"job_name": "gateway", "static_configs": [{"targets": [f"{HOST}:{target}"]}]}],
    }
    file = folder / "prometheus.yml"
    file.write_text(yaml.safe_dump(configuration), encoding="utf-8")
    process = await asyncio.create_subprocess_exec(
        "prometheus",
        f"--config.file={file}",
        f"--storage.tsdb.path={folder / 'tsdb'}",
        f"--web.listen-address={HOST}:{port}",
        stdout=subprocess.DEVNULL,
        stderr=subprocess.DEVNULL,
    )
    try:
        await until(port, "/-/ready", 200)
        yield f"http://{HOST}:{port}"
    finally:
        process.terminate()
        await process.wait()


async def ask(http: aiohttp.ClientSession, url: str, expression: str) -> list[dict[str, Any]]:
    """Prometheus' answer.

    Raises:
        AssertionError: it does not understand the question.
    """
    async with http.get(f"{url}/api/v1/query?{urllib.parse.urlencode({'query': expression})}") as answer:
        found = await answer.json()
        assert answer.status == 200, f"{expression}: {found}"
    result: list[dict[str, Any]] = found["data"]["result"]
    return result


def test_every_query_is_answered(needs: Callable[..., None], tmp_path: Path) -> None:
    needs("prometheus")

    async def main() -> None:
        with reserved_ports(2) as (port, metrics_port):
            async with twin_for(port) as twin:
                file = twin.write(tmp_path / "gateway", twin.configuration(port, metrics_port))
                async with (
                    gateway_process(file, port, metrics_port),
                    prometheus(tmp_path, metrics_port) as url,
                    aiohttp.ClientSession() as http,
                ):
                    async with asyncio.timeout(30):
                        while not await ask(http, url, "up == 1"):
                            await asyncio.sleep(0.2)
                    says = (Say("caller.turn1", AfterAgent(0.5)), Say("caller.turn2", AfterAgent(0.5)), HangUp())
                    calls = [await twin.phone.start_call(CallPlan(behaviour=says, seed=seed)) for seed in range(2)]
                    await asyncio.gather(*(call.wait() for call in calls))
                    await asyncio.sleep(3.0)  # two scrapes more, so that the calls' ends are in every rate
                    await check(http, url, await text(metrics_port, "/metrics"))

    asyncio.run(main())


async def check(http: aiohttp.ClientSession, url: str, exposed: str) -> None:
    recorded = {
        rule["record"]
        for path in MONITORING.glob("rules/*.yaml")
        for group in yaml.safe_load(path.read_text(encoding="utf-8"))["groups"]
        for rule in group["rules"]
        if "record" in rule
    }
    known = set(re.findall(r"^(gateway_\w+?)(?:\{| )", exposed, re.MULTILINE)) | recorded
    empty = []
    for panel in panels():
        answers = []
        for target in panel["targets"]:
            expression = target["expr"].replace("$__rate_interval", "60s")
            names = set(re.findall(r"gateway[_:][\w:]+", expression))
            assert names <= known, f"{panel['title']}: the gateway knows no {names - known}"
            answers += await ask(http, url, expression)
        if not answers:
            empty.append(panel["title"])
    assert set(empty) <= QUIET, empty


def test_the_first_screen_has_twelve_questions() -> None:
    first = [panel for panel in panels() if panel["gridPos"]["y"] < 24]
    assert len(first) == 12
    assert all(panel["description"] for panel in panels())


def test_what_is_made_is_as_of_now() -> None:
    """Rules and dashboard are written by deploy/monitoring/make.py."""
    before = {
        path: path.read_text(encoding="utf-8")
        for path in (MONITORING / "dashboard.json", MONITORING / "rules/service-levels.yaml")
    }
    pytest.importorskip("grafana_foundation_sdk", reason="make test-system installs it")
    subprocess.run([sys.executable, MONITORING / "make.py"], check=True, timeout=60)
    after = {path: path.read_text(encoding="utf-8") for path in before}
    assert after == before, "python deploy/monitoring/make.py"
