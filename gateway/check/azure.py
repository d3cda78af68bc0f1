"""Azure's own view of what the configuration says: the event subscription, and the deployments' types.

Needs the role Reader, which the gateway itself does not: without it these questions are skipped, and say so.
"""

from __future__ import annotations

from collections.abc import AsyncIterator
from http import HTTPStatus
from typing import Any

from gateway.check.findings import Finding, Level
from gateway.clients.resource_manager import NotReadable, ResourceManager
from gateway.config import Deployment, GatewayConfig, PtuCapacity

EVENTS_API = "2022-06-15"
COGNITIVE_API = "2025-06-01"
INCOMING_CALL = "Microsoft.Communication.IncomingCall"
MOST_TTL_MINUTES = 2
"""A phone rings half a minute; older events are answered into the void, and are not answered."""


async def azure_findings(config: GatewayConfig, manager: ResourceManager) -> AsyncIterator[Finding]:
    for resource in config.acs.resources:
        async for finding in _subscriptions(config, manager, resource.name, resource.topic):
            yield finding
    for deployment in config.deployments:
        async for finding in _deployment(deployment, manager):
            yield finding


async def _subscriptions(
    config: GatewayConfig, manager: ResourceManager, name: str, topic: str
) -> AsyncIterator[Finding]:
    what = f"event subscription of {name}"
    azure_subscription = "/".join(topic.split("/")[:3])
    try:
        topics = await manager.read(f"{azure_subscription}/providers/Microsoft.EventGrid/systemTopics", EVENTS_API)
        found: list[dict[str, Any]] = []
        for one in topics.get("value", []):
            if str(one.get("properties", {}).get("source", "")).lower() == topic.lower():
                listed = await manager.read(f"{one['id']}/eventSubscriptions", EVENTS_API)
                found += listed.get("value", [])
    except NotReadable as error:
        yield _skipped(what, error)
        return
    wanted = f"{config.server.public_url}/events/incoming-call"
    ours = [each for each in found if _endpoint(each) == wanted]
    if not ours:
        others = ", ".join(sorted({_endpoint(each) for each in found})) or "nobody"
        yield Finding(
            Level.FAIL, what, f"calls are announced to {others}, not to {wanted}", "deploy/azure/setup.sh --only events"
        )
    for each in ours:
        for finding in _judged(config, what, each.get("properties", {})):
            yield finding


def _endpoint(subscription: dict[str, Any]) -> str:
    """Azure never says the query of a webhook's address again: it may hold a secret."""
    of_hook = subscription.get("properties", {}).get("destination", {}).get("properties", {})
    return str(of_hook.get("endpointBaseUrl") or of_hook.get("endpointUrl") or "")


def _judged(config: GatewayConfig, what: str, properties: dict[str, Any]) -> list[Finding]:
    findings = []
    types = properties.get("filter", {}).get("includedEventTypes") or []
    if INCOMING_CALL not in types:
        findings.append(Finding(Level.FAIL, what, "calls are not among its events", f"include {INCOMING_CALL}"))
    entra = config.event_grid.entra
    delivered = properties.get("destination", {}).get("properties", {})
    application = str(delivered.get("azureActiveDirectoryApplicationIdOrUri") or "")
    if entra is not None and application.removeprefix("api://") != entra.audience.removeprefix("api://"):
        says = f"its tokens are for {application or 'nobody'}, not for {entra.audience}"
        findings.append(Finding(Level.FAIL, what, says, "event_grid.entra.audience, or the subscription's application"))
    minutes = properties.get("retryPolicy", {}).get("eventTimeToLiveInMinutes")
    if isinstance(minutes, int) and minutes > MOST_TTL_MINUTES:
        says = f"events are tried for {minutes} minutes; a phone rings for half of one"
        findings.append(Finding(Level.WARN, what, says, "eventTimeToLiveInMinutes: 1, maxDeliveryAttempts: 3"))
    if not properties.get("deadLetterDestination") and not properties.get("deadLetterWithResourceIdentity"):
        says = "events that can not be delivered are lost without a trace"
        findings.append(Finding(Level.WARN, what, says, "name a dead-letter destination"))
    return findings or [Finding(Level.OK, what, "announces calls here, with tokens for this gateway")]


async def _deployment(deployment: Deployment, manager: ResourceManager) -> AsyncIterator[Finding]:
    """Only where the configuration says which account holds it: `capacity.monitor.resource_id`."""
    capacity = deployment.capacity
    if not isinstance(capacity, PtuCapacity) or capacity.monitor is None:
        return
    what = f"deployment {deployment.name}"
    try:
        found = await manager.read(f"{capacity.monitor.resource_id}/deployments/{deployment.model}", COGNITIVE_API)
    except NotReadable as error:
        yield _skipped(what, error)
        return
    sku = found.get("sku", {})
    if sku.get("capacity") != capacity.ptu_units:
        says = f"Azure says {sku.get('capacity')} units, the configuration {capacity.ptu_units}"
        yield Finding(Level.FAIL, what, says, "ptu_units decides how many calls are let in: correct it")
    if deployment.sku is not None and str(sku.get("name")) != deployment.sku:
        says = f"is {sku.get('name')} in Azure, {deployment.sku} in the configuration"
        yield Finding(Level.FAIL, what, says, "a line's residency rests on it: correct sku, or the deployment")
    if sku.get("capacity") == capacity.ptu_units and (deployment.sku is None or sku.get("name") == deployment.sku):
        yield Finding(
            Level.OK, what, f"{sku.get('name')}, {sku.get('capacity')} units in Azure as in the configuration"
        )


def _skipped(what: str, error: NotReadable) -> Finding:
    if error.status == HTTPStatus.NOT_FOUND:
        return Finding(Level.FAIL, what, "there is no such resource", "look at its id in the configuration")
    return Finding(Level.SKIP, what, str(error), "needs the role Reader; deploy/azure/verify.sh asks as yourself")
