"""Reading the configuration again: for new calls, whole or not at all."""

from __future__ import annotations

import asyncio
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

from gateway.config import GatewayConfig
from gateway.server.live import MAX_PROBLEMS
from gateway.simulator.phone import CallPlan, WaitAgent

Run = Callable[..., None]
Change = Callable[[dict[str, Any]], None]
KEY = "operator-key-of-thirty-two-letters"
HEADERS = {"Authorization": f"Bearer {KEY}"}
PTU = {"ptu_units": 50, "ptu_model": "gpt-4.1"}


@pytest.fixture
def with_key(tmp_path: Path) -> Change:
    (tmp_path / "operator.key").write_text(KEY)
    return lambda document: document["server"].update(operator_key_file="operator.key")


async def command(bench: Any, method: str, path: str) -> tuple[int, dict[str, Any]]:
    url = f"http://127.0.0.1:{bench.gateway.metrics_port}/operate/{path}"
    async with bench.http.request(method, url, headers=HEADERS) as response:
        return response.status, await response.json(content_type=None)


async def reload(bench: Any) -> tuple[int, dict[str, Any]]:
    return await command(bench, "POST", "reload")


async def ring(bench: Any) -> Any:
    live = await bench.phone.start_call(CallPlan(behaviour=(WaitAgent(3600.0),)))
    await asyncio.sleep(2.0)
    return live


def checksum(bench: Any) -> str:
    """The one that is exported, which must be the one in force."""
    (exported,) = [
        sample.labels["checksum"]
        for family in bench.gateway.registry.collect()
        for sample in family.samples
        if sample.name == "gateway_config_info"
    ]
    assert exported == bench.gateway.live.current.config.checksum
    return str(exported)


def second_team(document: dict[str, Any]) -> None:
    """Another agent with another model takes the line over, and a second line comes."""
    deployment, agent, line = (document[section][0] for section in ("deployments", "agents", "lines"))
    document["deployments"] = [{**deployment, "name": "second", "model": "m2", "capacity": PTU}]
    document["agents"] = [{**agent, "name": "sales", "instructions": "Sell.", "deployments": ["second"]}]
    document["lines"] = [{**line, "agent": "sales"}, {"name": "rest", "numbers": "*", "agent": "sales"}]


# --- taken ------------------------------------------------------------------------------------------------------------


def test_new_calls_begin_with_the_new_configuration_and_live_ones_keep_theirs(run_bench: Run, with_key: Change) -> None:
    async def test(bench: Any) -> None:
        before = checksum(bench)
        first = await ring(bench)
        second_team(bench.document)
        status, answer = await reload(bench)
        assert (status, answer) == (200, {"result": "taken", "checksum": checksum(bench)})
        assert answer["checksum"] != before
        await ring(bench)
        _, listed = await command(bench, "GET", "calls")
        named = [(call["agent"], call["deployment"], call["state"]) for call in listed["calls"]]
        assert named == [("support", "main", "bridged"), ("sales", "second", "bridged")]
        old, new = bench.twin.sessions
        assert "Help." in str(old.session)
        assert "Sell." in str(new.session)
        assert old.closed_at is None
        assert first.call.ending is None
        for deployment in ("main", "second"):
            assert bench.count("gateway_voice_live_dials_total", deployment=deployment, result="ready") == 1
        assert bench.count("gateway_ptu_budget_tokens", deployment="second") == 150_000
        assert bench.count("gateway_config_reloads_total", result="taken") == 1
        assert bench.count("gateway_bug_total") == 0

    run_bench(test, with_key)


def test_a_call_that_rings_during_a_reload_is_dealt_with_by_what_it_began_with(
    run_bench: Run, with_key: Change
) -> None:
    async def test(bench: Any) -> None:
        began_with = bench.gateway.live.current.offers
        ringing = asyncio.create_task(bench.phone.start_call(CallPlan(behaviour=(WaitAgent(3600.0),))))
        while not bench.twin.sessions:  # noqa: ASYNC110 - the twin tells nobody
            await asyncio.sleep(0.001)
        second_team(bench.document)
        assert (await reload(bench))[0] == 200
        assert bench.gateway.live.current.offers is not began_with
        await ringing
        await asyncio.sleep(2.0)
        (call,) = bench.gateway.supervisor
        assert (call.names.agent, call.names.deployment, call.state) == ("support", "main", "bridged")

    run_bench(test, with_key)


def test_the_same_again_is_said_to_be_the_same(run_bench: Run, with_key: Change) -> None:
    async def test(bench: Any) -> None:
        assert await reload(bench) == (200, {"result": "unchanged", "checksum": checksum(bench)})
        assert bench.count("gateway_config_reloads_total", result="unchanged") == 1

    run_bench(test, with_key)


def test_many_reloads_at_once_end_with_the_last_file(run_bench: Run, with_key: Change) -> None:
    async def test(bench: Any) -> None:
        reloads = [asyncio.create_task(reload(bench)) for _ in range(5)]
        await asyncio.sleep(0)
        second_team(bench.document)
        assert {status for status, _ in await asyncio.gather(*reloads)} == {200}
        assert bench.gateway.live.current.config.agents[0].name == "sales"

    run_bench(test, with_key)


def test_a_closed_line_stays_closed_as_long_as_it_exists(run_bench: Run, with_key: Change) -> None:
    async def test(bench: Any) -> None:
        second_team(bench.document)
        await reload(bench)
        for line in ("main", "rest"):
            assert (await command(bench, "POST", f"lines/{line}/close"))[0] == 200
        rest = bench.document["lines"].pop()
        await reload(bench)
        _, listed = await command(bench, "GET", "lines")
        assert [(line["name"], line["state"]) for line in listed["lines"]] == [("main", "closed")]
        assert bench.count("gateway_lines_closed") == 1
        bench.document["lines"].append(rest)
        await reload(bench)
        _, listed = await command(bench, "GET", "lines")
        assert [line["state"] for line in listed["lines"]] == ["closed", "open"]

    run_bench(test, with_key)


# --- refused ----------------------------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("change", "says"),
    [
        (lambda d: d["server"].update(port=9), "server.port: can not change while the gateway runs"),
        (lambda d: d["server"].update(log={"level": "error"}), "server.log: can not change"),
        (lambda d: d["server"].pop("operator_key_file"), "server.operator_key_file: can not change"),
        (lambda d: d["acs"].update(audio_format="pcm16_24k"), "acs.audio_format: can not change"),
        (lambda d: d["acs"]["resources"][0].update(audience="another"), "acs.resources: can not change"),
        (lambda d: d["event_grid"]["entra"].update(role="sender"), "event_grid.entra: can not change"),
        (lambda d: d.update(call={"clip_language": "de-DE"}), "call.clip_language: can not change"),
    ],
)
def test_what_needs_a_restart_is_refused_and_nothing_is_half_taken(
    run_bench: Run, with_key: Change, change: Change, says: str
) -> None:
    async def test(bench: Any) -> None:
        before = bench.gateway.live.current
        await ring(bench)
        second_team(bench.document)
        change(bench.document)
        status, answer = await reload(bench)
        assert (status, answer["type"]) == (409, "urn:gw:problem:restart-needed")
        (error,) = answer["errors"]
        assert error.startswith(says)
        assert bench.gateway.live.current is before
        assert checksum(bench) == before.config.checksum
        assert bench.count("gateway_config_reloads_total", result="restart_needed") == 1
        assert bench.count("gateway_operator_commands_total", command="reload", result="refused") == 1
        await ring(bench)
        assert [call.names.agent for call in bench.gateway.supervisor] == ["support", "support"]

    run_bench(test, with_key)


def test_everything_that_is_wrong_is_answered_and_logged_at_once(
    run_bench: Run, with_key: Change, capsys: pytest.CaptureFixture[str]
) -> None:
    async def test(bench: Any) -> None:
        before = bench.gateway.live.current
        bench.document["agents"][0]["deployments"] = ["mian"]
        bench.document["lines"][0]["zzz"] = "+4930123456"
        status, answer = await reload(bench)
        assert (status, answer["type"]) == (422, "urn:gw:problem:configuration")
        agent, line = sorted(answer["errors"])
        assert agent == "agents[0].deployments[0]: names nothing in deployments; did you mean main?"
        assert line.startswith("lines[0].zzz: unknown field")
        assert bench.gateway.live.current is before
        assert bench.count("gateway_config_reloads_total", result="wrong") == 1

    run_bench(test, with_key)
    said = capsys.readouterr().out
    assert said.count("config.problem") == 2
    assert "+4930123456" not in said


def test_a_thousand_mistakes_are_not_all_told(run_bench: Run, with_key: Change) -> None:
    async def test(bench: Any) -> None:
        bench.document["lines"] = [{"name": f"line-{number}", "numbers": "*"} for number in range(1000)]
        status, answer = await reload(bench)
        assert (status, len(answer["errors"])) == (422, MAX_PROBLEMS)

    run_bench(test, with_key)


def test_a_key_file_that_is_gone_is_no_bug(run_bench: Run, with_key: Change, tmp_path: Path) -> None:
    async def test(bench: Any) -> None:
        (tmp_path / "twin.key").unlink()
        status, answer = await reload(bench)
        assert status == 422
        assert answer["errors"] == [f"{tmp_path}/twin.key can not be read: No such file or directory"]
        assert bench.count("gateway_bug_total") == 0

    run_bench(test, with_key)


def test_a_reload_that_breaks_leaves_all_as_it_was_and_the_next_one_works(run_bench: Run, with_key: Change) -> None:
    async def test(bench: Any) -> None:
        live = bench.gateway.live
        before, reread = live.current, live._reread

        def broken() -> GatewayConfig:
            raise RuntimeError("a surprise")

        live._reread = broken
        status, answer = await reload(bench)
        assert (status, answer["type"]) == (500, "urn:gw:problem:internal-server-error")
        assert live.current is before
        assert bench.count("gateway_bug_total") == 1
        live._reread = reread
        assert (await reload(bench))[0] == 200

    run_bench(test, with_key)
