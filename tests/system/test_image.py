"""The image: what is in it, and that a container of it lives and leaves as a pod would."""

from __future__ import annotations

import asyncio
import json
import signal
import subprocess
import sys
from pathlib import Path

import pytest

from gateway.simulator.phone import AfterAgent, CallPlan, HangUp, Say
from gateway.simulator.ports import reserved_ports
from tests.system.lab import container
from tests.system.stack import status, text, twin_for, until

pytestmark = [pytest.mark.system, pytest.mark.timeout(600), pytest.mark.xdist_group("image")]

MOST_BEYOND_BASE_MIB = 140
CONFIG = "/etc/voice-gateway"


def test_the_dockerfile_has_nothing_to_say_against_itself() -> None:
    hadolint = Path(sys.executable).with_name("hadolint")
    if not hadolint.exists():
        pytest.skip("make test-system installs it")
    checked = subprocess.run([hadolint, container.ROOT / "Dockerfile"], capture_output=True, text=True, check=False)
    assert checked.returncode == 0, checked.stdout


def test_its_settings_are_what_a_platform_needs(image: str) -> None:
    settings = container.inspect(image)["config"]
    assert isinstance(settings, dict)
    assert settings["User"] == "10001:10001"
    assert settings["Entrypoint"] == ["gateway"]
    assert settings["StopSignal"] == "SIGTERM"
    assert settings["Healthcheck"]["Test"][:2] == ["CMD", "python"]
    assert settings["ExposedPorts"].keys() == {"8080/tcp", "9464/tcp"}
    assert settings["Labels"]["org.opencontainers.image.version"] == "under-test"
    assert not [line for line in settings["Env"] if "KEY" in line or "SECRET" in line or "pip" in line.lower()]


def test_it_holds_the_gateway_and_little_else(root: Path) -> None:
    base_bytes = container.size_bytes(container.LAB / "base")
    beyond_mib = (container.size_bytes(root) - base_bytes) / 2**20
    packages = {path.name.lower() for path in (root / "opt/venv/lib/python3.13/site-packages").iterdir()}
    left = [root / "root/.cache", root / "build", root / "opt/venv/bin/pip"]
    compilers = [path for path in (root / "usr/bin").iterdir() if path.name in ("cc", "gcc", "ld", "make")]
    foreign = [path for path in (root / "opt").rglob("*") if path.lstat().st_uid != 0]
    print(f"{beyond_mib:.0f} MiB beyond a base of {base_bytes / 2**20:.0f} MiB")  # for docs/DEPLOY.md
    assert beyond_mib < MOST_BEYOND_BASE_MIB
    assert "gateway" in packages
    assert not {"pip", "setuptools", "pytest", "matplotlib", "scipy"} & packages
    assert not [path for path in left if path.exists()]
    assert not compilers
    assert not foreign  # what runs can not be changed by whoever runs it


def test_a_container_takes_a_call_and_leaves_after_it(root: Path, tmp_path: Path) -> None:
    async def main() -> None:
        with reserved_ports(2) as (port, metrics_port):
            async with twin_for(port) as twin:
                drain = {"grace_s": 200, "settle_s": 1}
                file = twin.write(tmp_path / "config", twin.configuration(port, metrics_port, drain=drain))
                wanted = container.Wanted(mounts={file.parent: CONFIG})
                with container.running(wanted, root) as gateway:
                    try:
                        await until(metrics_port, "/readyz", 200)
                    except TimeoutError:
                        pytest.fail(gateway.log)
                    assert "gateway_build_info" in await text(metrics_port, "/metrics")
                    is_a_restricted_pod(gateway)
                    says = (Say("caller.turn1", AfterAgent(0.5)), HangUp())
                    call = await twin.phone.start_call(CallPlan(behaviour=says))
                    await asyncio.sleep(3.0)
                    gateway.signal(signal.SIGTERM)
                    gateway.signal(signal.SIGTERM)
                    await until(metrics_port, "/readyz", 503, 5.0)
                    assert await status(metrics_port, "/livez") == 200
                    record = await call.wait()
                    assert await asyncio.to_thread(gateway.wait) == 0
                    log = [json.loads(line) for line in gateway.log.splitlines()]
                assert record.ending == "caller", gateway.log
                assert len(record.heard) >= 2  # greeting and answer
                events = [line["event"] for line in log]
                assert events.count("drain.began") == 1
                assert "drain.waiting" in events
                assert "drain.deadline" not in events
                assert events[-1] == "gateway.stopped"

    asyncio.run(main())


def is_a_restricted_pod(gateway: container.Container) -> None:
    lines = Path(f"/proc/{gateway.pid}/status").read_text(encoding="ascii").splitlines()
    process = dict(line.split(":\t", 1) for line in lines if ":\t" in line)
    assert process["Uid"].split() == [str(container.USER)] * 4
    assert int(process["CapEff"], 16) == 0
    assert process["NoNewPrivs"] == "1"
    assert process["NSpid"].split()[-1] == "1"
    written = gateway.run("python", "-c", "open('/opt/venv/x', 'w')")
    assert "Read-only file system" in written.stderr
    assert gateway.run("python", "-c", "open('/tmp/x', 'w').write('x')").returncode == 0
    assert gateway.run("python", "-c", "import audioop, uvloop").returncode == 0
    health = gateway.run("python", "-c", "import urllib.request as r; r.urlopen('http://127.0.0.1:9464/livez')")
    assert health.returncode == 1  # the test's operator port is another one: the check looks where the default is


def test_a_configuration_that_is_wrong_stops_it_with_the_reason(root: Path, tmp_path: Path) -> None:
    folder = tmp_path / "config"
    folder.mkdir()
    (folder / "gateway.yaml").write_text("version: 1\n", encoding="utf-8")
    with container.running(container.Wanted(mounts={folder: CONFIG}), root) as gateway:
        assert gateway.wait() == 78
        assert "lines: is missing" in gateway.log or "lines" in gateway.log
