"""`gateway check --online`: asks Azure, with the gateway's own identity, whether everything is there that calls need.

Reads and dials only: no call is placed, nothing is changed. Every finding says what to do. What is printed holds no
secret and no phone number: it can be pasted into a ticket.
"""

from __future__ import annotations

import asyncio
import ipaddress
import socket
import ssl
import time
import uuid
from collections.abc import AsyncIterator, Iterator
from contextlib import AsyncExitStack
from dataclasses import replace
from datetime import UTC, datetime
from http import HTTPStatus
from urllib.parse import urlsplit

import aiohttp
import orjson

from gateway.calls.briefing import model_target, session_settings
from gateway.calls.variables import agent_for_call
from gateway.check.azure import azure_findings
from gateway.check.findings import Finding, Level
from gateway.clients.call_automation import Budget, CallAutomation
from gateway.clients.credentials import Credentials
from gateway.clients.http import make_session
from gateway.clients.key_documents import FetchFailed, fetch_keys
from gateway.clients.resource_manager import ResourceManager
from gateway.clients.voice_live import DialFailed, DialResult, dial
from gateway.config import Agent, Deployment, GatewayConfig, Line, PtuCapacity
from gateway.errors import AcsError, GatewayError

CANARY = "-does-not-exist"
"""Appended to a deployment's name, it must not be served: a service that answers all the same serves another model."""
CERTIFICATE_DAYS = 14
PROBE_S = 10.0
PUBLIC_RESOURCE_MANAGER = "https://management.azure.com"
_DIAL_HINTS = {
    DialResult.UNAUTHORIZED: "the credential was not accepted: the key of another resource, or one of another tenant",
    DialResult.FORBIDDEN: "the identity needs Cognitive Services User and Foundry User on the Voice Live resource",
    DialResult.NOT_FOUND: "no such deployment, profile or api-version: look at model, profile and override",
    DialResult.RATE_LIMITED: "the quota of new connections is used up; try again in a minute",
    DialResult.NO_IDENTITY: "this process has no identity: workload identity, or az login",
    DialResult.SESSION_ERROR: "the service refuses the settings of the agent's session",
    DialResult.TIMEOUT: "is the endpoint reachable from here? egress on 443, DNS",
    DialResult.CONNECTION: "is the endpoint reachable from here? egress on 443, DNS, TLS",
}


async def findings(config: GatewayConfig) -> AsyncIterator[Finding]:
    """Everything, in the order in which a call would need it."""
    async with AsyncExitStack() as running:
        http = await running.enter_async_context(make_session())
        credentials = Credentials(http, time.time)
        running.push_async_callback(credentials.close)
        for finding in _declared(config):
            yield finding
        async for finding in _public(config, http):
            yield finding
        async for finding in _keys(config, http):
            yield finding
        async for finding in _phone(config, credentials, http):
            yield finding
        async for finding in _models(config, credentials, http):
            yield finding
        manager = ResourceManager(http, credentials.for_resource_manager, _resource_manager(config))
        async for finding in azure_findings(config, manager):
            yield finding


def _declared(config: GatewayConfig) -> Iterator[Finding]:
    """What can be known without asking anybody."""
    yield Finding(
        Level.WARN,
        "who can use Communication Services",
        "Call Automation is closed to customers who are new since October 2026, and is to end in September 2028",
        "a resource that exists goes on; a new one needs a subscription that was let in",
    )
    if config.server.ticket_key_file is None:
        yield Finding(
            Level.WARN,
            "server.ticket_key_file",
            "is not set: a call whose media reaches another process during a rollout is lost",
            "mount a file with at least 32 random bytes, the same for every replica",
        )


# --- the way in ---------------------------------------------------------------------------------------------------


async def _public(config: GatewayConfig, http: aiohttp.ClientSession) -> AsyncIterator[Finding]:
    url = urlsplit(config.server.public_url)
    host, port = url.hostname or "", url.port or (443 if url.scheme == "https" else 80)
    try:
        found = await asyncio.get_running_loop().getaddrinfo(host, port, type=socket.SOCK_STREAM)
    except OSError:
        yield Finding(Level.FAIL, "DNS", f"{host} has no address", "make a public DNS record for server.public_url")
        return
    addresses = sorted({str(entry[4][0]) for entry in found})
    private = [address for address in addresses if not ipaddress.ip_address(address).is_global]
    if private and url.scheme == "https":
        yield Finding(
            Level.WARN,
            "DNS",
            f"{host} is {', '.join(private)} from here, which the phone network can not reach",
            "fine inside of a cluster with split DNS; else point the public record at the edge",
        )
    else:
        yield Finding(Level.OK, "DNS", f"{host} is {', '.join(addresses)}")
    if url.scheme == "https":
        yield await _certificate(host, port)
    async for finding in _answers(config, http):
        yield finding


async def _certificate(host: str, port: int) -> Finding:
    try:
        async with asyncio.timeout(PROBE_S):
            _, writer = await asyncio.open_connection(host, port, ssl=ssl.create_default_context())
    except ssl.SSLCertVerificationError as error:
        return Finding(Level.FAIL, "TLS", error.verify_message, "callbacks need a certificate that everybody trusts")
    except (OSError, TimeoutError) as error:
        return Finding(Level.FAIL, "TLS", f"no connection to port {port}: {type(error).__name__}", "is the edge up?")
    certificate = writer.get_extra_info("peercert")
    writer.close()
    days = (ssl.cert_time_to_seconds(str(certificate["notAfter"])) - time.time()) / 86_400
    if days < CERTIFICATE_DAYS:
        return Finding(Level.WARN, "TLS", f"the certificate ends in {days:.0f} days", "renew it")
    return Finding(Level.OK, "TLS", f"the certificate is valid for {days:.0f} days")


async def _answers(config: GatewayConfig, http: aiohttp.ClientSession) -> AsyncIterator[Finding]:
    """A gateway of ours says no in its own words; anybody else's 404 is a route that leads elsewhere."""
    asked = (
        ("webhook", "POST", "/events/incoming-call", HTTPStatus.UNAUTHORIZED),
        ("media", "GET", "/media/not-a-ticket", HTTPStatus.NOT_FOUND),
        ("callbacks", "POST", "/calls/not-a-ticket/events", HTTPStatus.NOT_FOUND),
    )
    for what, method, path, wanted in asked:
        try:
            async with asyncio.timeout(PROBE_S), http.request(method, config.server.public_url + path) as answer:
                status, kind = answer.status, answer.content_type
        except (aiohttp.ClientError, OSError, TimeoutError) as error:
            yield Finding(
                Level.FAIL, what, f"nothing answers at {path}: {type(error).__name__}", "is the gateway up, and routed?"
            )
            continue
        if status == wanted and kind == "application/problem+json":
            yield Finding(Level.OK, what, f"a gateway answers at {path}, and lets nobody in")
        else:
            yield Finding(
                Level.FAIL,
                what,
                f"{path} answered {status} {kind}, which is not this gateway",
                "route /events, /calls and /media to it, path and all",
            )


async def _keys(config: GatewayConfig, http: aiohttp.ClientSession) -> AsyncIterator[Finding]:
    entra = config.event_grid.entra
    asked = [("keys of Communication Services", config.acs.keys_url)]
    if entra is not None:
        asked.append(("keys of Entra", entra.keys))
    for what, url in asked:
        try:
            document = orjson.loads(await fetch_keys(http, url))
            number = len(document["keys"])
        except (FetchFailed, orjson.JSONDecodeError, KeyError, TypeError) as error:
            yield Finding(Level.FAIL, what, str(error), "egress on 443; without these keys no call is answered")
        else:
            yield Finding(Level.OK, what, f"{number} keys")


# --- the way out --------------------------------------------------------------------------------------------------


async def _phone(
    config: GatewayConfig, credentials: Credentials, http: aiohttp.ClientSession
) -> AsyncIterator[Finding]:
    budget = Budget(config.deadlines.answer_total_s, config.deadlines.answer_try_s)
    for resource in config.acs.resources:
        what = f"Call Automation of {resource.name}"
        client = CallAutomation(resource.endpoint, credentials.for_call_automation(resource.key_file), http, budget)
        started = time.monotonic()
        try:
            await client.caller_of(str(uuid.uuid4()))
        except AcsError as error:
            yield Finding(Level.FAIL, what, str(error), "role of the gateway's identity on the resource, or its key")
        except GatewayError:  # there is no such call, and we were allowed to ask
            yield Finding(Level.OK, what, f"lets us in ({time.monotonic() - started:.2f} s)")
        else:
            yield Finding(Level.WARN, what, "knows a call that was never made", "is the endpoint a test double?")


async def _models(
    config: GatewayConfig, credentials: Credentials, http: aiohttp.ClientSession
) -> AsyncIterator[Finding]:
    for deployment in config.deployments:
        used = next(((agent, line) for agent, line in _served(config) if deployment.name in agent.deployments), None)
        if used is None:
            yield Finding(Level.WARN, f"deployment {deployment.name}", "no line uses it")
            continue
        async for finding in _model(config, deployment, *used, credentials, http):
            yield finding


def _served(config: GatewayConfig) -> Iterator[tuple[Agent, Line]]:
    for line in config.lines:
        yield config.agent(line.agent), line


async def _model(  # noqa: PLR0913 - what a session is made of
    config: GatewayConfig,
    deployment: Deployment,
    agent: Agent,
    line: Line,
    credentials: Credentials,
    http: aiohttp.ClientSession,
) -> AsyncIterator[Finding]:
    what = f"deployment {deployment.name}"
    credential = credentials.for_voice_live(config.resource(deployment.resource).key_file)
    target = model_target(config, deployment, credential)
    told = agent_for_call(agent, line, datetime.now(UTC), {})
    settings = session_settings(told, deployment, "check")
    timeout_s = config.deadlines.dial_total_s
    try:
        ready = await dial(http, target, settings, timeout_s=timeout_s, clock=time.monotonic)
    except DialFailed as error:
        hint = _DIAL_HINTS.get(error.result, "look at docs/RUNBOOK.md, GatewayDialsFail")
        yield Finding(Level.FAIL, what, str(error), hint)
        return
    await ready.leg.close()
    slow = ready.dial_s > config.deadlines.dial_each_s
    yield Finding(
        Level.WARN if slow else Level.OK,
        what,
        f"a session was ready in {ready.dial_s:.2f} s",
        "phones ring that long: another region?" if slow else "",
    )
    if ready.differences:
        yield Finding(
            Level.WARN, what, f"the service changed {', '.join(ready.differences)}", "the agent is not as asked"
        )
    yield await _canary(what, deployment, replace(target, model=target.model + CANARY), settings, timeout_s, http)


async def _canary(  # noqa: PLR0913 - as above
    what: str, deployment: Deployment, target: object, settings: object, timeout_s: float, http: aiohttp.ClientSession
) -> Finding:
    """Whether it is this deployment that answers: one that does not exist must not."""
    try:
        ready = await dial(http, target, settings, timeout_s=timeout_s, clock=time.monotonic)  # type: ignore[arg-type]
    except DialFailed as error:
        if error.result in (DialResult.TIMEOUT, DialResult.RATE_LIMITED, DialResult.CONNECTION):
            return Finding(Level.WARN, what, f"the canary was not decided ({error.result})", "run this again")
        return Finding(
            Level.OK, what, f"your own model answers: {deployment.model}{CANARY} was refused ({error.result})"
        )
    await ready.leg.close()
    return Finding(
        Level.FAIL,
        what,
        f"a deployment {deployment.model}{CANARY} was served, too: BYOM is not in force",
        "the profile is ignored, or the service answers with a model of its own: ask Microsoft before you take calls",
    )


def _resource_manager(config: GatewayConfig) -> str:
    for deployment in config.deployments:
        capacity = deployment.capacity
        if isinstance(capacity, PtuCapacity) and capacity.monitor is not None:
            return capacity.monitor.endpoint
    return PUBLIC_RESOURCE_MANAGER
