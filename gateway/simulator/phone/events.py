"""Event Grid as a webhook sees it: the handshake, both schemas, at-least-once delivery with the documented retries."""

from __future__ import annotations

import asyncio
import time
import uuid
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from datetime import UTC, datetime

import aiohttp
import orjson

from gateway.simulator.phone import shapes
from gateway.simulator.phone.shapes import Json
from gateway.simulator.phone.switches import EventSchema
from gateway.simulator.phone.tasks import TaskOwner

SUBSCRIPTION = "PHONE-TWIN"
_ORIGIN = "eventgrid.azure.net"
_DUPLICATE_AFTER_S = 0.05

_MEDIA_TYPE = {
    "eventgrid": "application/json; charset=utf-8",
    "cloudevents": "application/cloudevents+json; charset=utf-8",
}
_BATCH_MEDIA_TYPE = "application/cloudevents-batch+json; charset=utf-8"


@dataclass(frozen=True, slots=True)
class RetryRules:
    """Event Grid's delivery rules, as its page "Event Grid message delivery and retry" has them.

    Attempts and time to live are a subscription's own; here those of a subscription made for calls.
    """

    response_wait_s: float = 30.0
    waits_s: tuple[float, ...] = (10.0, 30.0, 60.0, 300.0, 600.0, 1800.0, 3600.0)
    least_wait_s: Mapping[int, float] = field(default_factory=lambda: {404: 300.0, 408: 120.0, 503: 30.0})
    """by status; any other waits what the schedule says"""
    success: frozenset[int] = frozenset({200, 201, 202, 203, 204})
    final: frozenset[int] = frozenset({400, 401, 403, 413})
    """never retried to a webhook"""
    max_attempts: int = 3
    ttl_s: float = 60.0

    def wait_s(self, attempt: int, status: int | None) -> float:
        """How long to wait after this attempt (1 is the first) ended with `status` (None: no answer)."""
        scheduled = self.waits_s[min(attempt, len(self.waits_s)) - 1]
        return scheduled if status is None else max(scheduled, self.least_wait_s.get(status, 0.0))


@dataclass(frozen=True, slots=True)
class Event:
    """What happened, without the schema's envelope."""

    kind: str
    subject: str
    data: Json


@dataclass(frozen=True, slots=True)
class Attempt:
    at: float
    """monotonic seconds"""
    status: int | None
    """None: no answer in time, or no connection"""
    took_s: float


@dataclass(slots=True)
class Delivery:
    """One event (or batch) on its way."""

    body: bytes
    headers: dict[str, str]
    born_at: float
    """when the event came into being; its time to live counts from here"""
    attempts: list[Attempt] = field(default_factory=list)
    state: str = "pending"
    """then delivered, refused (a status that is never retried), expired or exhausted"""


@dataclass(frozen=True, slots=True)
class Validation:
    """Outcome of the handshake that makes a subscription active."""

    accepted: bool
    detail: str


class EventGridSender:
    """Delivers events to one webhook.

    Args:
        url: of the webhook, with its query.
        tasks: owns the deliveries.
        headers: static delivery properties of the subscription.
        token: makes the Entra token of a delivery; None for a webhook without Entra protection.
        clock: monotonic seconds.
        wall: seconds since the epoch.
    """

    def __init__(  # noqa: PLR0913 - one subscription's settings and the three clocks and sessions it runs on
        self,
        url: str,
        http: aiohttp.ClientSession,
        tasks: TaskOwner,
        *,
        rules: RetryRules,
        headers: Mapping[str, str] | None = None,
        token: Callable[[], str] | None = None,
        clock: Callable[[], float] = time.monotonic,
        wall: Callable[[], float] = time.time,
    ) -> None:
        self._url = url
        self._http = http
        self._tasks = tasks
        self._rules = rules
        self._headers = dict(headers or {})
        self._token = token
        self._clock = clock
        self._wall = wall

    def publish(self, event: Event, *, schema: EventSchema, batch: int = 1, age_s: float = 0.0) -> Delivery:
        """Wrap a new event, to be sent with `deliver`.

        Args:
            event: what happened.
            schema: the subscription's delivery schema.
            batch: events in the delivery; the others are of unrelated types and stand around this one.
            age_s: how old the event already is.
        """
        make = shapes.cloud_event if schema == "cloudevents" else shapes.event_grid_event
        at = datetime.fromtimestamp(self._wall() - age_s, UTC)
        events = [make(event.kind, event.subject, event.data, at)]
        for n in range(1, batch):
            other = make(f"Microsoft.Communication.Unrelated{n}", "", {"n": n, "text": None}, at)
            events.insert(0 if n % 2 else len(events), other)
        media_type = _MEDIA_TYPE[schema]
        if schema == "cloudevents" and batch > 1:
            media_type = _BATCH_MEDIA_TYPE
        body = orjson.dumps(events[0] if schema == "cloudevents" and batch == 1 else events)
        headers = {"Content-Type": media_type, "aeg-event-type": "Notification", **self._common_headers()}
        return Delivery(body, headers, self._clock() - age_s)

    def deliver(self, delivery: Delivery, *, duplicates: int = 0) -> None:
        """Send, and send again by the rules until it is settled; in the background."""
        self._tasks.spawn(self._deliver(delivery))
        for n in range(1, duplicates + 1):
            self._tasks.spawn(self._deliver_again(delivery, n * _DUPLICATE_AFTER_S))

    async def validate(self, schema: EventSchema) -> Validation:
        """The handshake a new subscription begins with, as the schema has it; one try."""
        try:
            if schema == "cloudevents":
                return await self._validate_cloud_events()
            return await self._validate_event_grid()
        except (aiohttp.ClientError, TimeoutError) as error:
            return Validation(accepted=False, detail=f"no answer: {type(error).__name__}")

    async def _deliver_again(self, delivery: Delivery, after_s: float) -> None:
        await asyncio.sleep(after_s)
        await self._attempt(delivery)

    async def _deliver(self, delivery: Delivery) -> None:
        rules = self._rules
        for attempt in range(1, rules.max_attempts + 1):
            status = await self._attempt(delivery)
            if status in rules.success:
                delivery.state = "delivered"
                return
            if status in rules.final:
                delivery.state = "refused"
                return
            wait_s = rules.wait_s(attempt, status)
            if self._clock() + wait_s - delivery.born_at > rules.ttl_s:
                delivery.state = "expired"
                return
            if attempt < rules.max_attempts:
                await asyncio.sleep(wait_s)
        delivery.state = "exhausted"

    async def _attempt(self, delivery: Delivery) -> int | None:
        began = self._clock()
        headers = {**delivery.headers, "aeg-delivery-count": str(len(delivery.attempts)), **self._authorization()}
        status: int | None = None
        try:
            async with (
                asyncio.timeout(self._rules.response_wait_s),
                self._http.post(self._url, data=delivery.body, headers=headers, allow_redirects=False) as response,
            ):
                status = response.status
        except (aiohttp.ClientError, TimeoutError):
            pass  # no answer is an outcome like any other
        delivery.attempts.append(Attempt(began, status, self._clock() - began))
        return status

    async def _validate_event_grid(self) -> Validation:
        code = str(uuid.uuid4())
        data = {"validationCode": code, "validationUrl": f"https://{_ORIGIN}:553/eventsubscriptions/validate?id={code}"}
        event = shapes.event_grid_event(shapes.VALIDATION, "", data, datetime.fromtimestamp(self._wall(), UTC))
        headers = {"aeg-event-type": "SubscriptionValidation", **self._common_headers(), **self._authorization()}
        async with (
            asyncio.timeout(self._rules.response_wait_s),
            self._http.post(self._url, json=[event], headers=headers, allow_redirects=False) as response,
        ):
            body = await response.read()
        if response.status != 200:  # noqa: PLR2004 - 202 and the like do not count here, only 200 does
            return Validation(accepted=False, detail=f"status {response.status}, not 200")
        try:
            echo = orjson.loads(body).get("validationResponse")
        except (orjson.JSONDecodeError, AttributeError):
            echo = None
        accepted = echo == code
        return Validation(accepted, "the code came back" if accepted else "the code did not come back")

    async def _validate_cloud_events(self) -> Validation:
        headers = {"WebHook-Request-Origin": _ORIGIN, **self._headers, **self._authorization()}
        async with (
            asyncio.timeout(self._rules.response_wait_s),
            self._http.options(self._url, headers=headers, allow_redirects=False) as response,
        ):
            allowed = response.headers.get("WebHook-Allowed-Origin", "")
        accepted = response.status == 200 and allowed in ("*", _ORIGIN)  # noqa: PLR2004 - HTTP's OK
        return Validation(accepted, f"status {response.status}, allowed origin {allowed or 'not given'}")

    def _common_headers(self) -> dict[str, str]:
        return {
            "aeg-subscription-name": SUBSCRIPTION,
            "aeg-metadata-version": "1",
            "aeg-data-version": "1.0",
            **self._headers,
        }

    def _authorization(self) -> dict[str, str]:
        return {} if self._token is None else {"Authorization": f"Bearer {self._token()}"}
