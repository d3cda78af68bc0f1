"""Requests made up from docs/openapi.yaml by schemathesis, against a gateway between both far sides of the twin.

    make test-api ARGS="--examples 200 --seed 7"

Half of the requests bring genuine credentials (and a ticket, and the events of a call that rings), so that they get
past the doors; the other half bring what was made up. Half of each is what the document allows, half is not. Every
answer must be one that the document promises. Real time, real sockets; the gateway runs in a thread of its own.
"""

from __future__ import annotations

import argparse
import asyncio
import base64
import contextlib
import json
import random
import sys
import tempfile
import threading
import time
from collections import Counter
from collections.abc import AsyncIterator, Mapping
from dataclasses import dataclass, field
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import hypothesis
import requests
import schemathesis
import structlog
import yaml
from hypothesis.errors import Unsatisfiable
from schemathesis.checks import CheckFunction
from schemathesis.specs.openapi import checks as known_checks

from gateway.config import parse
from gateway.server.gateway import Gateway
from gateway.simulator.configuration import KEY_FILE, RESOURCE, twin_sections
from gateway.simulator.phone import NetworkOptions, PhoneNetwork
from gateway.simulator.phone.keys import CALLBACK_TOKEN_S, MEDIA_TOKEN_S, SigningKeys
from gateway.simulator.phone.network import EVENT_AUDIENCE, TENANT
from gateway.simulator.phone.shapes import TOPIC
from gateway.simulator.ports import reserved_ports
from gateway.simulator.voice_live import VoiceLiveTwin
from gateway.wire.ticket import Purpose, Subject, TicketKeys

DOCUMENT = Path(__file__).parents[2] / "docs" / "openapi.yaml"
KEY = base64.b64encode(b"a key of the twin, nobody's secret").decode()
TICKET_KEY = b"t" * 32
NUMBER = "+18005550126"
EVERYWHERE = "x-answers-everywhere"
ERROR = 400
SERVER_ERROR = 500
LONGEST_ERROR_BYTES = 512
UNDECIDED = {("POST", "/events/incoming-call", 500), ("POST", "/calls/{ticket}/events", 503)}
"""Answers that only a token of an unknown key, or a network that is away, may cause."""
DOOR = {"calls": Purpose.CALLBACKS, "media": Purpose.MEDIA}
UPGRADE = {
    "Connection": "Upgrade",
    "Upgrade": "websocket",
    "Sec-WebSocket-Version": "13",
    "Sec-WebSocket-Key": "dGhlIHNhbXBsZSBub25jZQ==",
}
OPERATE, OPERATOR_KEY = "/operate", "operator-key-of-thirty-two-letters"
CHECKS: list[CheckFunction] = [
    known_checks.status_code_conformance,
    known_checks.content_type_conformance,
    known_checks.response_headers_conformance,
    known_checks.response_schema_conformance,
]


# --- the gateway ----------------------------------------------------------------------------------------------------


@dataclass(frozen=True, slots=True)
class Running:
    """A gateway, and what its callers prove themselves with."""

    gateway: Gateway
    phone: PhoneNetwork
    keys: SigningKeys

    def credentials(self, path: str) -> dict[str, str]:
        purpose = DOOR.get(path.split("/")[1])
        if path.startswith(OPERATE):
            token = OPERATOR_KEY
        elif purpose is None:
            token = self.keys.event_grid_token(TENANT, EVENT_AUDIENCE)
        else:
            lifetime_s = MEDIA_TOKEN_S if purpose is Purpose.MEDIA else CALLBACK_TOKEN_S
            token = self.keys.acs_token(self.phone.issuer, self.phone.audience, lifetime_s)
        return {"Authorization": f"Bearer {token}"}

    def ticket(self, path: str) -> str:
        """Of a call that is over: everything but the media of a live call can be reached with it."""
        purpose = Purpose.CLIPS if "clips" in path else DOOR[path.split("/")[1]]
        return TicketKeys(TICKET_KEY).issue(purpose, Subject("context", time.time(), "twin", "main", "support", "main"))

    def count(self, name: str) -> float:
        return sum(
            sample.value
            for metric in self.gateway.registry.collect()
            for sample in metric.samples
            if sample.name == name
        )


def configuration(folder: Path, port: int, phone_url: str, model_url: str) -> dict[str, Any]:
    (folder / KEY_FILE).write_text(KEY)
    (folder / "ticket.key").write_bytes(TICKET_KEY)
    voice = {"type": "azure-standard", "name": "en-US-AvaNeural"}
    sections = twin_sections(port, phone_url, model_url)
    (folder / "operator.key").write_text(OPERATOR_KEY)
    sections["server"] |= {"ticket_key_file": "ticket.key", "operator_key_file": "operator.key"}
    return sections | {
        "deployments": [
            {"name": "main", "resource": RESOURCE, "profile": "byom-azure-openai-chat-completion", "model": "m"}
        ],
        "agents": [{"name": "support", "instructions": "Help.", "voice": voice, "deployments": ["main"]}],
        "lines": [{"name": "main", "numbers": [NUMBER], "agent": "support"}],
    }


@contextlib.asynccontextmanager
async def running_gateway(folder: Path) -> AsyncIterator[Running]:
    keys = SigningKeys()
    with reserved_ports(1) as (port,):
        twin = VoiceLiveTwin()
        phone = PhoneNetwork(
            f"http://127.0.0.1:{port}/events/incoming-call", access_key=KEY, options=NetworkOptions(keys=keys)
        )
        await twin.start()
        await phone.start()
        gateway = Gateway(parse(configuration(folder, port, phone.endpoint, twin.url), folder))
        await gateway.start()
        await gateway.wait_ready()
        try:
            yield Running(gateway, phone, keys)
        finally:
            await gateway.stop()
            await phone.stop()
            await twin.stop()


class Background(threading.Thread):
    """The gateway in a thread, until `end`."""

    def __init__(self, folder: Path) -> None:
        super().__init__(daemon=True)
        self._folder = folder
        self._ready = threading.Event()
        self._over = asyncio.Event()
        self._loop: asyncio.AbstractEventLoop | None = None
        self._running: Running | None = None

    def run(self) -> None:
        asyncio.run(self._serve())

    async def _serve(self) -> None:
        self._loop = asyncio.get_running_loop()
        try:
            async with running_gateway(self._folder) as self._running:
                self._ready.set()
                await self._over.wait()
        finally:
            self._ready.set()

    def begin(self) -> Running:
        self.start()
        self._ready.wait()
        if self._running is None:
            raise RuntimeError("the gateway did not start")
        return self._running

    def end(self) -> None:
        if self._loop is not None:
            self._loop.call_soon_threadsafe(self._over.set)
        self.join()


# --- the document ---------------------------------------------------------------------------------------------------


def document() -> dict[str, Any]:
    """As it is, with the answers that come from everywhere written at every operation."""
    whole: dict[str, Any] = yaml.safe_load(DOCUMENT.read_text())
    shared = whole["components"]["responses"]

    def looked_up(answer: dict[str, Any]) -> dict[str, Any]:
        found: dict[str, Any] = shared[answer["$ref"].rpartition("/")[2]] if "$ref" in answer else answer
        return found

    for item in whole["paths"].values():
        for method in item.keys() & {"get", "head", "post", "options"}:
            answers = dict(item[method]["responses"])
            for status, answer in whole[EVERYWHERE].items():
                own, general = looked_up(answers.get(status, answer)), looked_up(answer)
                if method == "head":
                    answers[status] = {"description": "An error, without its body."}
                elif own is not general:
                    schemas = [each["content"]["application/problem+json"]["schema"] for each in (own, general)]
                    answers[status] = {**own, "content": {"application/problem+json": {"schema": {"anyOf": schemas}}}}
                else:
                    answers[status] = answer
            item[method]["responses"] = answers
    return whole


# --- one operation --------------------------------------------------------------------------------------------------


@dataclass(slots=True)
class Tally:
    """What became of the requests of one operation."""

    examples: int = 0
    statuses: Counter[int] = field(default_factory=Counter)
    findings: list[str] = field(default_factory=list)


class Explorer:
    def __init__(self, running: Running, seed: int) -> None:
        self._running = running
        self._seed = seed
        self._chance = random.Random(seed)
        self._session = requests.Session()
        self._schema = schemathesis.openapi.from_dict(document())
        self.tallies: dict[str, Tally] = {}

    def run(self, examples: int) -> None:
        for result in self._schema.get_all_operations():
            operation = result.ok()
            tally = self.tallies[f"{operation.method.upper()} {operation.path}"] = Tally()
            for genuine in (True, False):
                for mode in (schemathesis.GenerationMode.POSITIVE, schemathesis.GenerationMode.NEGATIVE):
                    self._explore(operation, tally, mode, genuine=genuine, examples=examples // 4)
            print(
                f"{operation.method.upper():8}{operation.path:36}{tally.examples:6}  {dict(tally.statuses)}", flush=True
            )

    def _explore(self, operation: Any, tally: Tally, mode: Any, *, genuine: bool, examples: int) -> None:
        settings = hypothesis.settings(
            max_examples=examples,
            deadline=None,
            database=None,
            derandomize=False,
            phases=[hypothesis.Phase.generate],
            suppress_health_check=list(hypothesis.HealthCheck),
            report_multiple_bugs=False,
        )

        @hypothesis.seed(self._seed)
        @settings
        @hypothesis.given(case=operation.as_strategy(generation_mode=mode))
        def ask(case: Any) -> None:
            self._ask(case, tally, genuine=genuine)

        with contextlib.suppress(Unsatisfiable):  # nothing can be wrong with neither parameters nor a body
            ask()

    def _ask(self, case: Any, tally: Tally, *, genuine: bool) -> None:
        gateway, path = self._running.gateway, case.operation.path
        probe, operator = path.count("/") == 1, path.count("/") == 1 or path.startswith(OPERATE)
        headers: dict[str, str] = {}
        if "{ticket}" in path and self._chance.random() < (0.9 if genuine else 0.5):
            case.path_parameters = {**(case.path_parameters or {}), "ticket": self._running.ticket(path)}
        if genuine and not probe:
            headers |= self._running.credentials(path)
            self._lend(case, path, headers)
        port = gateway.metrics_port if operator else gateway.public_port
        tally.examples += 1
        try:
            response = case.call(
                base_url=f"http://127.0.0.1:{port}", session=self._session, headers=headers, timeout=30.0
            )
        except requests.exceptions.InvalidHeader:
            tally.examples -= 1  # the client refuses to send it; tests/server/test_wire_garbage.py does not
            return
        except requests.exceptions.RequestException as error:
            tally.findings.append(f"{case.operation.label}: {type(error).__name__}: {error}")
            return
        tally.statuses[response.status_code] += 1
        for fault in self._faults(case, response):
            tally.findings.append(f"{case.operation.label} {response.status_code}: {fault}")

    def _lend(self, case: Any, path: str, headers: dict[str, str]) -> None:
        """Make a stranger's request one of a friend, now and then with something wrong left in it."""
        own = case.headers if isinstance(case.headers, dict) else {}
        for name in [name for name in own if name.lower() == "authorization"]:
            del own[name]
        if path.startswith("/media") and self._chance.random() < 0.5:
            headers |= UPGRADE
        if path == "/events/incoming-call":
            events = case.body if isinstance(case.body, list) else [case.body]
            for event in events:
                if isinstance(event, dict) and self._chance.random() < 0.7:
                    self._ring(event, headers)

    def _ring(self, event: dict[str, Any], headers: dict[str, str]) -> None:
        """An event of a resource of ours, of this moment, for a line that is answered."""
        now = datetime.now(UTC).isoformat()
        if "SubscriptionValidation" in str(event.get("eventType")):
            event["topic"] = TOPIC
            headers["aeg-event-type"] = "SubscriptionValidation"
            return
        event |= {"topic": TOPIC, "source": TOPIC, "eventTime": now, "time": now}
        data = event.get("data")
        if isinstance(data, dict) and self._chance.random() < 0.7:
            data["to"] = {"kind": "phoneNumber", "rawId": f"4:{NUMBER}", "phoneNumber": {"value": NUMBER}}

    @staticmethod
    def _faults(case: Any, response: Any) -> list[str]:
        found = []
        status = response.status_code
        expected = (case.operation.method.upper(), case.operation.path, status) in UNDECIDED
        if status >= SERVER_ERROR and not expected:
            found.append("the gateway broke")
        if status >= ERROR and case.operation.method.upper() != "HEAD":
            kind = response.headers.get("content-type", [""])[0].partition(";")[0]
            if kind != "application/problem+json":
                found.append(f"an error as {kind!r}")
            elif json.loads(response.content)["status"] != status:
                found.append("a problem that speaks of another status")
            if len(response.content) >= LONGEST_ERROR_BYTES:
                found.append(f"an error of {len(response.content)} bytes")
        receipt = status < ERROR and not response.content
        try:
            case.validate_response(response, checks=CHECKS[:1] if receipt else CHECKS)
        except BaseExceptionGroup as errors:
            found += [str(error).splitlines()[0] for error in errors.exceptions]
        return found


def report(tallies: Mapping[str, Tally], running: Running) -> int:
    bugs = running.count("gateway_bug_total")
    findings = [finding for tally in tallies.values() for finding in tally.findings]
    statuses = sum((tally.statuses for tally in tallies.values()), Counter[int]())
    print(f"\noperations {len(tallies)}, requests {sum(tally.examples for tally in tallies.values())}")
    print("answers    " + ", ".join(f"{status}: {count}" for status, count in sorted(statuses.items())))
    for name in ("gateway_voice_live_dials_total", "gateway_bug_total"):
        print(f"{name} {running.count(name):g}")
    print(f"findings   {len(findings)}")
    for finding, count in Counter(findings).most_common(20):
        print(f"  {count} x {finding}")
    return 1 if findings or bugs else 0


def main() -> int:
    parser = argparse.ArgumentParser(description=(__doc__ or "").partition("\n")[0])
    parser.add_argument("--examples", type=int, default=1000, help="of every operation")
    parser.add_argument("--seed", type=int, default=0)
    args = parser.parse_args()
    structlog.configure(logger_factory=structlog.ReturnLoggerFactory())  # what is logged is not what is looked at
    with tempfile.TemporaryDirectory() as folder:
        background = Background(Path(folder))
        running = background.begin()
        explorer = Explorer(running, args.seed)
        try:
            explorer.run(args.examples)
        finally:
            background.end()
        return report(explorer.tallies, running)


if __name__ == "__main__":
    sys.exit(main())
