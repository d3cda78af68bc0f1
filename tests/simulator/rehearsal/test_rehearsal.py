"""A short rehearsal in real time: the gateway as a process, callers, and what is written down."""

from __future__ import annotations

import json
from pathlib import Path

import pytest

from gateway.cli import main


def test_a_rehearsal_leaves_a_report_and_a_picture(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    folder = tmp_path / "rehearsal"
    arguments = ["--calls", "6", "--call-minutes", "0.3", "--minutes", "0.25", "--units", "15", "--out", str(folder)]
    assert main(["rehearse", *arguments]) == 0
    report = json.loads((folder / "report.json").read_text())
    printed = json.loads(capsys.readouterr().out.partition("{")[2].join(["{", ""]))
    assert printed == {name: value for name, value in report.items() if name != "samples"}
    assert report["callers"] == report["served"] > 0
    assert report["turned_away"] == report["throttled"] == 0
    assert report["event_grid_answers"] == {"200": report["callers"]}
    assert sum(report["gateway_reasons"].values()) == report["callers"]
    assert len(report["samples"]) >= 10
    last = report["samples"][-1]
    assert last["true"] > 0
    assert abs(last["true"] - last["believed"]) < 0.05
    assert last["forecast"] > 0
    assert (folder / "picture.png").read_bytes().startswith(b"\x89PNG")
