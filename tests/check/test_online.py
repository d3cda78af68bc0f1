"""`gateway check --online` against the twin, and against an Azure that has what each test says."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest
from aiohttp import web

from gateway.check.azure import azure_findings
from gateway.check.findings import Finding, Level
from gateway.check.online import CANARY, findings
from gateway.clients.http import make_session
from gateway.clients.resource_manager import ResourceManager
from gateway.config import GatewayConfig, parse
from gateway.server.gateway import Gateway
from gateway.simulator.phone import PhoneNetwork
from gateway.simulator.ports import reserved_ports
from gateway.simulator.voice_live import TwinOptions, VoiceLiveTwin
from gateway.simulator.voice_live.options import Access
from tests.scenarios.conftest import KEY, Setup, configuration, network_options

EXISTS = Access(models=frozenset({"twin-model"}))


def of(found: list[Finding], what: str) -> list[Finding]:
    return [finding for finding in found if finding.what.startswith(what)]


@asynccontextmanager
async def gateway_between(folder: Path, access: Access, key: str = KEY) -> AsyncIterator[GatewayConfig]:
    with reserved_ports(1) as (port,):
        twin = VoiceLiveTwin(TwinOptions(access=access))
        phone = PhoneNetwork(f"http://127.0.0.1:{port}/events/incoming-call", access_key=key, options=network_options())
        await twin.start()
        await phone.start()
        config = parse(configuration(Setup(), folder, port, phone.endpoint, twin.url), folder)
        gateway = Gateway(config)
        await gateway.start()
        await gateway.wait_ready()
        try:
            yield config
        finally:
            await gateway.stop()
            await phone.stop()
            await twin.stop()


def look(folder: Path, access: Access, key: str = KEY) -> list[Finding]:
    async def main() -> list[Finding]:
        async with gateway_between(folder, access, key) as config:
            return [finding async for finding in findings(config)]

    return asyncio.run(main())


def test_everything_that_calls_need_is_there(tmp_path: Path) -> None:
    found = look(tmp_path, EXISTS)
    assert [finding for finding in found if finding.level is Level.FAIL] == []
    for what in ("DNS", "webhook", "media", "callbacks", "keys of Communication", "keys of Entra", "Call Automation"):
        assert [finding.level for finding in of(found, what)] == [Level.OK], what
    ready, canary = of(found, "deployment main")
    assert "a session was ready" in ready.says
    assert f"twin-model{CANARY} was refused" in canary.says


def test_a_service_that_serves_what_does_not_exist_is_found_out(tmp_path: Path) -> None:
    """Every name is served: then nobody knows whose model answers."""
    last = of(look(tmp_path, Access()), "deployment main")[-1]
    assert last.level is Level.FAIL
    assert "BYOM is not in force" in last.says


@pytest.mark.parametrize(
    ("access", "says"),
    [
        (Access(models=frozenset({"another"})), "not_found"),
        (replace(EXISTS, keys=frozenset({"another"})), "unauthorized"),
        (replace(EXISTS, profiles=frozenset({"byom-azure-openai-realtime"})), ""),
    ],
)
def test_a_deployment_that_does_not_answer_is_named_with_what_to_do(tmp_path: Path, access: Access, says: str) -> None:
    (only,) = of(look(tmp_path, access), "deployment main")
    assert only.level is Level.FAIL
    assert says in only.says
    assert only.do


def test_a_key_of_another_resource_is_found_out(tmp_path: Path) -> None:
    (phone,) = of(look(tmp_path, EXISTS, key="YW5vdGhlciBrZXkgYWx0b2dldGhlcg=="), "Call Automation")
    assert phone.level is Level.FAIL
    assert "401" in phone.says


def test_an_address_where_nobody_listens_is_found_out(tmp_path: Path) -> None:
    async def main() -> list[Finding]:
        async with gateway_between(tmp_path, EXISTS) as config:
            with reserved_ports(1) as (nobody,):
                server = config.server.model_copy(update={"public_url": f"http://127.0.0.1:{nobody}"})
                return [finding async for finding in findings(config.model_copy(update={"server": server}))]

    found = asyncio.run(main())
    for what in ("webhook", "media", "callbacks"):
        assert [finding.level for finding in of(found, what)] == [Level.FAIL]


# --- Azure Resource Manager -------------------------------------------------------------------------------------------

TOPIC = "/subscriptions/s/resourceGroups/voice/providers/Microsoft.Communication/communicationServices/phone"
SYSTEM_TOPIC = "/subscriptions/s/resourceGroups/voice/providers/Microsoft.EventGrid/systemTopics/calls"
ACCOUNT = "/subscriptions/0a/resourceGroups/voice/providers/Microsoft.CognitiveServices/accounts/models"
URL = "https://calls.example.com/events/incoming-call"


class Bearer:
    async def headers(self) -> dict[str, str]:
        return {"Authorization": "Bearer token"}


def subscription(**changes: Any) -> dict[str, Any]:
    properties = {
        "destination": {
            "properties": {"endpointBaseUrl": URL, "azureActiveDirectoryApplicationIdOrUri": "api://voice-gateway"}
        },
        "filter": {"includedEventTypes": ["Microsoft.Communication.IncomingCall"]},
        "retryPolicy": {"eventTimeToLiveInMinutes": 1},
        "deadLetterDestination": {"endpointType": "StorageBlob"},
    }
    return {"properties": properties | changes}


def azure(event_subscription: dict[str, Any] | None, sku: dict[str, Any]) -> dict[str, Any]:
    return {
        "/subscriptions/s/providers/Microsoft.EventGrid/systemTopics": {
            "value": [{"id": SYSTEM_TOPIC, "properties": {"source": TOPIC.lower()}}, {"id": "x", "properties": {}}]
        },
        f"{SYSTEM_TOPIC}/eventSubscriptions": {"value": [event_subscription] if event_subscription else []},
        f"{ACCOUNT}/deployments/twin-model": {"sku": sku},
    }


PTU = {"name": "ProvisionedManaged", "capacity": 50}


def asked(folder: Path, resources: dict[str, Any], status: int = 404) -> list[Finding]:
    """What is found in an Azure with these resources."""

    async def answer(request: web.Request) -> web.Response:
        found = resources.get(request.path)
        return web.json_response(found) if found is not None else web.json_response({}, status=status)

    async def main() -> list[Finding]:
        app = web.Application()
        app.router.add_get("/{path:.*}", answer)
        runner = web.AppRunner(app)
        await runner.setup()
        with reserved_ports(1) as (port,):
            await web.TCPSite(runner, "127.0.0.1", port).start()
            raw = configuration(Setup(), folder, 8080, "https://phone.example.com", "https://voice.example.com")
            raw["server"]["public_url"] = "https://calls.example.com"
            raw["acs"]["resources"][0]["topic"] = TOPIC
            raw["event_grid"]["entra"]["audience"] = "api://voice-gateway"
            deployment = raw["deployments"][0]
            deployment["sku"] = "ProvisionedManaged"
            deployment["capacity"]["monitor"] = {"resource_id": ACCOUNT}
            config = parse(raw, folder)
            try:
                async with make_session() as http:
                    manager = ResourceManager(http, lambda _: Bearer(), f"http://127.0.0.1:{port}")
                    return [finding async for finding in azure_findings(config, manager)]
            finally:
                await runner.cleanup()

    return asyncio.run(main())


def test_azure_is_as_the_configuration_says(tmp_path: Path) -> None:
    found = asked(tmp_path, azure(subscription(), PTU))
    assert [finding.level for finding in found] == [Level.OK, Level.OK]


@pytest.mark.parametrize(
    ("resources", "level", "says"),
    [
        (azure(None, PTU), Level.FAIL, "announced to nobody"),
        (azure(subscription(filter={"includedEventTypes": ["Other"]}), PTU), Level.FAIL, "not among its events"),
        (
            azure(
                subscription(
                    destination={
                        "properties": {"endpointUrl": URL, "azureActiveDirectoryApplicationIdOrUri": "api://x"}
                    }
                ),
                PTU,
            ),
            Level.FAIL,
            "its tokens are for api://x",
        ),
        (azure(subscription(retryPolicy={"eventTimeToLiveInMinutes": 1440}), PTU), Level.WARN, "1440 minutes"),
        (azure(subscription(deadLetterDestination=None), PTU), Level.WARN, "without a trace"),
        (azure(subscription(), PTU | {"capacity": 25}), Level.FAIL, "Azure says 25 units"),
        (azure(subscription(), PTU | {"name": "GlobalProvisionedManaged"}), Level.FAIL, "is GlobalProvisionedManaged"),
    ],
)
def test_what_differs_is_named(tmp_path: Path, resources: dict[str, Any], level: Level, says: str) -> None:
    wrong = [finding for finding in asked(tmp_path, resources) if finding.level is not Level.OK]
    assert [finding.level for finding in wrong] == [level]
    assert says in wrong[0].says
    assert wrong[0].do


def test_without_the_right_to_read_it_says_so(tmp_path: Path) -> None:
    found = asked(tmp_path, {}, status=403)
    assert [finding.level for finding in found] == [Level.SKIP, Level.SKIP]
    assert "Reader" in found[0].do
