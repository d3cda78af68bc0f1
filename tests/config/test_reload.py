"""What may change while the gateway runs, and how a configuration is told from another."""

from __future__ import annotations

import copy
from pathlib import Path
from typing import Any

import pytest
import yaml

from gateway.config import GatewayConfig, load, parse
from gateway.config.reload import FOR_NEW_CALLS, restart_problems

EXAMPLES = Path(__file__).parents[2] / "deploy" / "examples"
EXAMPLE = EXAMPLES / "azure-entra.yaml"


@pytest.fixture
def document() -> dict[str, Any]:
    raw = yaml.safe_load(EXAMPLE.read_text())
    assert isinstance(raw, dict)
    return raw


def refused(document: dict[str, Any], changed: dict[str, Any]) -> list[str]:
    running, wanted = (parse(each, EXAMPLES) for each in (document, changed))
    return [problem.path for problem in restart_problems(running, wanted)]


def test_every_section_is_either_for_new_calls_or_needs_a_restart() -> None:
    assert GatewayConfig.model_fields.keys() > FOR_NEW_CALLS
    assert GatewayConfig.model_fields.keys() - FOR_NEW_CALLS == {"version", "server", "acs", "event_grid", "drain"}


def test_the_same_needs_no_restart(document: dict[str, Any]) -> None:
    assert refused(document, copy.deepcopy(document)) == []


def test_what_a_call_reads_when_it_begins_needs_none(document: dict[str, Any]) -> None:
    changed = copy.deepcopy(document)
    changed["agents"][0]["instructions"] = "Be somebody else."
    changed["lines"][0]["numbers"] = ["+15555550199"]
    changed["deadlines"] = {"event_stale_s": 10.0}
    changed["call"] = {"far_end_delay_ms": 50}
    assert refused(document, changed) == []


def test_every_field_that_can_not_change_is_named(document: dict[str, Any]) -> None:
    changed = copy.deepcopy(document)
    changed["server"] |= {"port": 9, "trusted_proxies": 2}
    changed["acs"]["resources"][0]["audience"] = "another"
    changed["call"] = {"clip_language": "de-DE", "far_end_delay_ms": 50}
    changed["agents"][0]["instructions"] = "Be somebody else."
    found = refused(document, changed)
    assert set(found) == {"server.port", "server.trusted_proxies", "acs.resources", "call.clip_language"}
    assert set(refused(changed, document)) == set(found)


def test_a_checksum_is_of_the_meaning(document: dict[str, Any], tmp_path: Path) -> None:
    written = load(EXAMPLE)
    reordered = dict(reversed(list(document.items())))
    reordered["server"] = {**reordered["server"], "metrics_port": 9464}
    assert parse(reordered, EXAMPLES).checksum == written.checksum, "order, comments and a written default mean nothing"
    (tmp_path / "again.yaml").write_text("# a comment\n" + EXAMPLE.read_text())
    reordered["agents"][0]["greeting"] = "Another one."
    assert parse(reordered, EXAMPLES).checksum != written.checksum


def test_a_checksum_changes_with_the_instructions_of_a_file(document: dict[str, Any], tmp_path: Path) -> None:
    del document["agents"][0]["instructions"]
    document["agents"][0]["instructions_file"] = "agent.txt"
    checksums = set()
    for text in ("Help.", "Sell."):
        (tmp_path / "agent.txt").write_text(text)
        checksums.add(parse(document, tmp_path).checksum)
    assert len(checksums) == 2


def test_a_checksum_is_short_and_the_same_in_every_process() -> None:
    assert load(EXAMPLE).checksum == load(EXAMPLE).checksum
    assert len(load(EXAMPLE).checksum) == 12
