"""`gateway check`, as an operator runs it."""

from __future__ import annotations

from pathlib import Path

import pytest

from gateway.cli import main
from gateway.config import load

EXAMPLE = Path(__file__).parent.parent / "deploy" / "examples" / "azure-entra.yaml"
LINE = """
  - name: munich
    numbers: ["+4989*"]
    agent: support
    hours: {timezone: Europe/Berlin, open: {mon: ["08:00-18:00"]}}
    block_callers: [anonymous]
"""


@pytest.fixture
def config(tmp_path: Path) -> str:
    file = tmp_path / "gateway.yaml"
    file.write_text(EXAMPLE.read_text() + LINE)
    return str(file)


def check(config: str, *more: str) -> int:
    return main(["check", "--without-keys", "--config", config, *more])


def test_a_configuration_is_summed_up(config: str, capsys: pytest.CaptureFixture[str]) -> None:
    assert check(config) == 0
    said = capsys.readouterr().out
    assert "proved by a token of tenant 22222222-2222-2222-2222-222222222222 for api://voice-gateway" in said
    assert "munich: +4989*, answered by support" in said
    assert f"checksum    {load(Path(config)).checksum}" in said
    assert "no operator_key_file: gateway operate can do nothing here" in said
    assert "open mon 08:00-18:00, Europe/Berlin" in said


@pytest.mark.parametrize(
    ("number", "more", "says"),
    [
        ("+15555550100", (), "is answered: line support has +15555550100"),
        ("+49891", ("--caller", "+4930123456"), "is answered: line munich has +4989*"),
        ("+49891", (), "is refused (rejected_caller_limit)"),
        ("+49891", ("--caller", "+4930123456", "--at", "2026-11-23T18:00+01:00"), "is refused (after_hours)"),
        ("+33123", (), "is refused (no_line)"),
    ],
)
def test_which_line_takes_a_call_and_why(
    config: str, capsys: pytest.CaptureFixture[str], number: str, more: tuple[str, ...], says: str
) -> None:
    assert check(config, "--route", number, "--at", "2026-11-23T12:00+01:00", *more) == 0
    said = capsys.readouterr().out
    assert said.startswith(f"a call to {number} {says}")
    assert said.count("\n") == 1


@pytest.mark.parametrize(("at", "says"), [("noon", "should be written as"), ("2026-11-23T12:00", "needs a time zone")])
def test_a_time_that_can_not_be_meant(config: str, capsys: pytest.CaptureFixture[str], at: str, says: str) -> None:
    with pytest.raises(SystemExit) as stopped:
        check(config, "--route", "+49891", "--at", at)
    assert stopped.value.code == 2
    assert says in capsys.readouterr().err
