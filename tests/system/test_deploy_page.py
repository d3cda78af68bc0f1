"""docs/DEPLOY.md as a reader would follow it: its blocks, in their order, in one shell."""

from __future__ import annotations

import json
import os
import re
import shutil
import subprocess
import sys
from collections.abc import Callable
from pathlib import Path
from typing import NamedTuple

import pytest
import yaml

from tests.system.lab.fake_azure import SUBSCRIPTION, fake_azure
from tests.system.test_azure_scripts import AZ, sign_in, warm_az

pytestmark = [pytest.mark.system, pytest.mark.timeout(580), pytest.mark.xdist_group("image")]

ROOT = Path(__file__).parents[2]
PAGE = ROOT / "docs" / "DEPLOY.md"
PARTS = (".dockerignore", "Dockerfile", "README.md", "deploy", "gateway", "helm", "pyproject.toml", "requirements")
FILLED_IN = {"SUBSCRIPTION_ID": SUBSCRIPTION, "CLUSTER_RESOURCE_GROUP": "aks"}
"""What the reader fills in."""


class Block(NamedTuple):
    marks: str
    """`cluster` or `human`: only parsed; empty: run"""
    text: str


def blocks() -> list[Block]:
    found = re.findall(r"^```bash *(\w*)\n(.*?)^```$", PAGE.read_text(encoding="utf-8"), re.MULTILINE | re.DOTALL)
    return [Block(*each) for each in found]


@pytest.mark.parametrize("block", blocks(), ids=lambda block: block.text.splitlines()[0][:40])
def test_every_block_is_a_shell_script(block: Block) -> None:
    assert block.marks in ("", "cluster", "human")
    done = subprocess.run(["bash", "-n"], input=block.text, text=True, capture_output=True, check=False)
    assert done.returncode == 0, done.stderr


def test_the_page_leads_to_a_call(needs: Callable[..., None], image: str, tmp_path: Path) -> None:
    """The image of the tests stands ready: building the same again takes seconds."""
    needs("jq", "curl")
    if not (AZ / "az").exists():
        pytest.skip("make test-system installs az")
    del image
    work = tmp_path / "checkout"
    work.mkdir()
    for part in PARTS:
        copy = shutil.copytree if (ROOT / part).is_dir() else shutil.copy
        copy(ROOT / part, work / part)
    script = ["set -euo pipefail"]
    for number, block in enumerate(blocks()):
        if block.marks:
            continue
        script += [f"echo '--- block {number}' >&2", block.text]
        if "settings.example.env" in block.text:
            script += [rf"sed -i 's|^{name}=\S*|{name}={value}|' my.env" for name, value in FILLED_IN.items()]
    with fake_azure(tmp_path) as (azure, ours), warm_az(tmp_path):
        azure.add_cluster("aks", "contoso-aks", "nodepool1")
        tools = tmp_path / "bin"
        for name in ("docker", "helm"):
            shim = tools / name
            shim.write_text(f'#!/bin/sh\nexec {sys.executable} {ROOT}/tests/system/lab/{name}.py "$@"\n')
            shim.chmod(0o755)
        path = f"{tools}:{Path(sys.executable).parent}:{os.environ['PATH']}"
        environment = os.environ | ours | {"PATH": path, "WAIT_SECONDS": "0.1"}
        sign_in(azure, environment)
        done = subprocess.run(
            ["bash", "-c", "\n".join(script)], cwd=work, env=environment, capture_output=True, text=True, check=False
        )
    assert done.returncode == 0, done.stdout[-3000:] + done.stderr[-3000:]
    kinds = {document["kind"] for document in yaml.safe_load_all((work / "rendered.yaml").read_text()) if document}
    assert {"Deployment", "HTTPRoute", "PodMonitor", "PrometheusRule"} <= kinds
    (record,) = [json.loads(path.read_text()) for path in sorted((work / "call").glob("call-*.json"))]
    assert record["ending"] == "caller"
    assert len(record["heard"]) >= 4
    assert "gateway.stopped" in (work / "gateway.log").read_text()
    left = [name for name in azure.resources if "contoso-aks" not in name]
    assert left == []
