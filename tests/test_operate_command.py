"""`gateway operate` and SIGHUP against a gateway process, as an operator has them before him."""

from __future__ import annotations

import base64
import contextlib
import json
import os
import re
import signal
import subprocess
import sys
import time
import urllib.request
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from http.server import BaseHTTPRequestHandler, HTTPServer
from pathlib import Path
from threading import Thread
from typing import Any

import pytest
import yaml

from gateway.cli import main
from gateway.simulator.configuration import KEY_FILE, RESOURCE, twin_sections
from gateway.simulator.ports import reserved_ports

KEY = "operator-key-of-thirty-two-letters"
NOWHERE = "http://127.0.0.1:9"
PATIENCE_S = 30.0


@dataclass
class Process:
    """A gateway that runs, with no far sides: it takes commands before it takes calls."""

    folder: Path
    url: str
    child: subprocess.Popen[bytes]

    def operate(self, *arguments: str) -> int:
        return main(["operate", *arguments, "--url", self.url, "--key-file", str(self.folder / "operator.key")])

    def write(self, change: Callable[[dict[str, Any]], object]) -> str:
        """Change the configuration file; what it was before."""
        file = self.folder / "gateway.yaml"
        before = file.read_text()
        document = yaml.safe_load(before)
        change(document)
        file.write_text(yaml.safe_dump(document))
        return before

    def metric(self, name: str) -> str:
        with urllib.request.urlopen(f"{self.url}/metrics", timeout=5.0) as response:  # noqa: S310 - an address of ours
            text = response.read().decode()
        found = re.search(rf"^{re.escape(name)} (.*)$", text, re.MULTILINE)
        return "" if found is None else found[1]

    def wait_for(self, name: str, value: str) -> None:
        deadline = time.monotonic() + PATIENCE_S
        while self.metric(name) != value:
            assert time.monotonic() < deadline, f"{name} is {self.metric(name)}"
            assert self.child.poll() is None
            time.sleep(0.05)


def document(port: int, metrics_port: int) -> dict[str, Any]:
    sections = twin_sections(port, NOWHERE, NOWHERE, metrics_port=metrics_port)
    sections["server"]["operator_key_file"] = "operator.key"
    voice = {"type": "azure-standard", "name": "en-US-AvaNeural"}
    model = {"name": "main", "resource": RESOURCE, "profile": "byom-azure-openai-chat-completion", "model": "m"}
    return sections | {
        "deployments": [model],
        "agents": [{"name": "support", "instructions": "Help.", "voice": voice, "deployments": ["main"]}],
        "lines": [
            {"name": "main", "numbers": ["+18005550126"], "agent": "support"},
            {"name": "everything-else", "numbers": "*", "agent": "support"},
        ],
    }


@pytest.fixture(scope="module")
def process(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Process]:
    folder = tmp_path_factory.mktemp("gateway")
    (folder / KEY_FILE).write_text(base64.b64encode(b"k" * 32).decode())
    (folder / "operator.key").write_text(f"{KEY}\n")
    with reserved_ports(2) as ports:
        (folder / "gateway.yaml").write_text(yaml.safe_dump(document(*ports)))
        command = [sys.executable, "-m", "gateway", "serve", "--config", str(folder / "gateway.yaml")]
        with (folder / "gateway.log").open("wb") as log:
            child = subprocess.Popen(command, stdout=log, stderr=log)  # noqa: S603 - fixed
        try:
            deadline = time.monotonic() + PATIENCE_S
            while "gateway.ready" not in (said := (folder / "gateway.log").read_text()):
                assert child.poll() is None, said
                assert time.monotonic() < deadline, said
                time.sleep(0.05)
            yield Process(folder, f"http://127.0.0.1:{ports[1]}", child)
        finally:
            child.terminate()
            code = child.wait(PATIENCE_S)
    assert code == 0
    said = (folder / "gateway.log").read_text()
    assert KEY not in said
    assert "broken" not in said


# --- commands ---------------------------------------------------------------------------------------------------------


def test_calls(process: Process, capsys: pytest.CaptureFixture[str]) -> None:
    assert process.operate("calls") == 0
    assert capsys.readouterr().out == "no calls\n"
    assert process.operate("calls", "--json") == 0
    assert json.loads(capsys.readouterr().out) == {"calls": []}


def test_a_line_is_closed_and_opened(process: Process, capsys: pytest.CaptureFixture[str]) -> None:
    assert process.operate("close", "everything-else") == 0
    since = r"since \d{4}-\d\d-\d\d \d\d:\d\d:\d\dZ by key [0-9a-f]{8}"
    assert re.fullmatch(rf"everything-else is closed {since}; live calls on it: 0\n", capsys.readouterr().out)
    assert process.operate("lines") == 0
    head, first, second = capsys.readouterr().out.splitlines()
    assert head == "LINE             STATE   CALLS  CLOSED"
    assert first == "main             open    0      -"
    assert re.fullmatch(rf"everything-else  closed  0      {since}", second)
    assert process.metric("gateway_lines_closed") == "1.0"
    assert process.operate("open", "everything-else", "--json") == 0
    assert json.loads(capsys.readouterr().out)["state"] == "open"
    assert process.metric("gateway_lines_closed") == "0.0"


@pytest.mark.parametrize(
    ("arguments", "says"),
    [
        (("close", "mian"), "The configuration has no such line."),
        (("open", "a/../b?c#d"), "The configuration has no such line."),
        (("hang-up", "no-call"), "There is no such call, or it is over."),
        (("hang-up", "no/call", "--goodbye"), "There is no such call, or it is over."),
    ],
)
def test_what_does_not_exist_is_said_in_a_line(
    process: Process, capsys: pytest.CaptureFixture[str], arguments: tuple[str, ...], says: str
) -> None:
    assert process.operate(*arguments) == 1
    assert capsys.readouterr() == ("", f"gateway operate: {says}\n")


def test_a_reload_by_command(process: Process, capsys: pytest.CaptureFixture[str]) -> None:
    assert process.operate("reload") == 0
    assert capsys.readouterr().out.startswith("the configuration has not changed: ")
    before = process.write(lambda config: config["agents"][0].update(instructions="Sell."))
    try:
        assert process.operate("reload") == 0
        said = capsys.readouterr().out
        match = re.fullmatch(r"new calls begin with configuration ([0-9a-f]{12})\n", said)
        assert match is not None, said
        assert process.metric(f'gateway_config_info{{checksum="{match[1]}"}}') == "1.0"
        assert main(["check", "--config", str(process.folder / "gateway.yaml")]) == 0
        assert f"checksum    {match[1]}\n" in capsys.readouterr().out, "check says the same of the file"
    finally:
        (process.folder / "gateway.yaml").write_text(before)
        assert process.operate("reload") == 0


def test_a_reload_that_is_refused_says_everything(process: Process, capsys: pytest.CaptureFixture[str]) -> None:
    before = process.write(lambda config: (config["agents"][0].update(deployments=["mian"]), config.pop("lines")))
    try:
        assert process.operate("reload") == os.EX_CONFIG
        title, *errors = capsys.readouterr().err.splitlines()
        assert title == "gateway operate: The configuration can not be used; nothing was changed."
        assert any(
            re.fullmatch(r"  line \d+: agents\[0\].deployments\[0\]: names nothing in .*", each) for each in errors
        )
        assert any("lines: is missing" in each for each in errors)
        (process.folder / "gateway.yaml").write_text(before)
        process.write(lambda config: config["server"].update(trusted_proxies=1))
        assert process.operate("reload") == 1
        assert "server.trusted_proxies: can not change while the gateway runs" in capsys.readouterr().err
    finally:
        (process.folder / "gateway.yaml").write_text(before)


# --- SIGHUP -----------------------------------------------------------------------------------------------------------


def test_sighup_reads_the_configuration_again(process: Process) -> None:
    taken, wrong = (f'gateway_config_reloads_total{{result="{result}"}}' for result in ("taken", "wrong"))
    count = [float(process.metric(name)) for name in (taken, wrong)]
    before = process.write(lambda config: config["agents"][0].update(instructions="Listen."))
    try:
        process.child.send_signal(signal.SIGHUP)
        process.wait_for(taken, f"{count[0] + 1}")
        process.write(lambda config: config.pop("agents"))
        process.child.send_signal(signal.SIGHUP)
        process.wait_for(wrong, f"{count[1] + 1}")
    finally:
        (process.folder / "gateway.yaml").write_text(before)
    process.child.send_signal(signal.SIGHUP)
    process.wait_for(taken, f"{count[0] + 2}")
    said = (process.folder / "gateway.log").read_text()
    assert "by=SIGHUP" in said or '"by":"SIGHUP"' in said
    assert "agents: is missing" in said


# --- who can not be reached, and who may not --------------------------------------------------------------------------


def test_another_key_is_not_known(process: Process, tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    (tmp_path / "other.key").write_text("x" * 32)
    assert main(["operate", "calls", "--url", process.url, "--key-file", str(tmp_path / "other.key")]) == 1
    said = capsys.readouterr().err
    assert said == (
        f"gateway operate: {process.url} does not know the key in {tmp_path}/other.key; "
        "it knows that of server.operator_key_file\n"
    )


@pytest.mark.parametrize("content", [None, "", "short", "two\nlines of a key that would be long enough"])
def test_a_key_file_without_a_key_sends_nothing(
    tmp_path: Path, capsys: pytest.CaptureFixture[str], content: str | None
) -> None:
    if content is not None:
        (tmp_path / "operator.key").write_text(content)
    assert main(["operate", "calls", "--url", NOWHERE, "--key-file", str(tmp_path / "operator.key")]) == 1
    said = capsys.readouterr().err
    assert said.startswith(f"gateway operate: {tmp_path}/operator.key ")
    assert not content or content not in said


def test_a_gateway_that_is_not_there(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    (tmp_path / "operator.key").write_text(KEY)
    assert main(["operate", "calls", "--url", NOWHERE, "--key-file", str(tmp_path / "operator.key")]) == 1
    said = capsys.readouterr().err
    assert said.startswith(f"gateway operate: nothing can be reached at {NOWHERE} (")
    assert said.endswith("is the gateway running, and is this its server.metrics_port?\n")


@pytest.mark.parametrize(
    ("status", "body", "says"),
    [
        (200, b"welcome", "is no gateway of this version"),
        (200, b'{"calls": 3}', "is no gateway of this version"),
        (404, b"<html>not here</html>", "is no gateway (status 404)"),
        (307, b"", "gave no answer: RedirectRefused"),
        (200, b"x" * (1024 * 1024 + 1), "gave no answer: AnswerTooLarge"),
    ],
)
def test_what_answers_is_something_else(
    tmp_path: Path, capsys: pytest.CaptureFixture[str], status: int, body: bytes, says: str
) -> None:
    class SomethingElse(BaseHTTPRequestHandler):
        def do_GET(self) -> None:
            self.send_response(status)
            self.send_header("Location", "http://127.0.0.1:9/")
            self.send_header("Content-Length", str(len(body)))
            self.end_headers()
            with contextlib.suppress(ConnectionError):  # whoever asked may have gone before the end
                self.wfile.write(body)

        def log_message(self, *_: Any) -> None:
            """Say nothing."""

    (tmp_path / "operator.key").write_text(KEY)
    with HTTPServer(("127.0.0.1", 0), SomethingElse) as server:
        Thread(target=server.serve_forever, args=(0.01,), daemon=True).start()
        url = f"http://127.0.0.1:{server.server_port}"
        assert main(["operate", "calls", "--url", url, "--key-file", str(tmp_path / "operator.key")]) == 1
        server.shutdown()
    said = capsys.readouterr().err
    assert says in said
    assert said.count("\n") == 1


@pytest.mark.parametrize(
    ("arguments", "says"),
    [
        (("operate",), "the following arguments are required: what"),
        (("operate", "calls"), "the following arguments are required: --key-file"),
        (("operate", "close", "--key-file", "k"), "the following arguments are required: line"),
        (("operate", "calls", "--key-file", "k", "--url", "http://gateway.example.com"), "must start with https://"),
        (("operate", "calls", "--key-file", "k", "--url", "gateway"), "is not a URL"),
    ],
)
def test_how_it_is_not_called(capsys: pytest.CaptureFixture[str], arguments: tuple[str, ...], says: str) -> None:
    with pytest.raises(SystemExit) as stopped:
        main(arguments)
    assert stopped.value.code == 2
    assert says in capsys.readouterr().err


def test_the_help_teaches(capsys: pytest.CaptureFixture[str]) -> None:
    with pytest.raises(SystemExit):
        main(["operate", "--help"])
    said = capsys.readouterr().out
    for word in ("calls", "lines", "close", "open", "hang-up", "reload", "gateway operate hang-up CALL_ID"):
        assert word in said
