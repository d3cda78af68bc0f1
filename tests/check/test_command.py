"""`gateway check`, as an operator runs it."""

from __future__ import annotations

from pathlib import Path

import pytest

from gateway.cli import main
from gateway.config import load

EXAMPLE = Path(__file__).parents[2] / "deploy" / "examples" / "azure-entra.yaml"
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


# --- what is said of a line -------------------------------------------------------------------------------------------

PEOPLE = """
    caller_id: "+15555550100"
    destinations:
      - {name: operator, phone_number: "+15555550199"}
      - {name: billing, teams_user: 55555555-5555-5555-5555-555555555555}
      - {name: night, acs_user: "8:acs:0000-1111_2222"}
"""


def said_of(line: str, tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> str:
    """The summary of the example with these fields in its line."""
    file = tmp_path / "gateway.yaml"
    file.write_text(EXAMPLE.read_text() + line)
    assert check(str(file)) == 0
    return capsys.readouterr().out


def test_a_line_says_what_callers_can_expect(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    said = said_of(
        PEOPLE
        + """
    overflow: night
    keys: {"0": {do: transfer, to: operator}, "9": {do: repeat}}
    max_minutes: 20
    queue: {places: 5, before_overflow: true}
    limits: {calls: 40, anonymous: refuse}
    silence: {after_s: 8, prompts: 1}
    emergency: {sentence: Dial 112., transfer_to: operator}
""",
        tmp_path,
        capsys,
    )
    assert "callers whom no agent can answer: to night\n" in said
    assert "people: operator (telephone), billing (Teams user), night (ACS user)\n" in said
    assert "keys: 0 to operator, 9 repeat\n" in said
    assert "when full: 5 may wait, at most 120 s, before anybody is handed over\n" in said
    assert "limits: calls 40, anonymous refuse\n" in said
    # collect_digits is not among them: nobody on this line could see what was typed.
    assert "tools: end_call, transfer_call, hold_line\n" in said
    assert "at most 20 minutes; asks once after 8 s of silence\n" in said
    assert "in an emergency: a sentence, then to operator\n" in said
    assert "answers support; may end_call, transfer_call, hold_line\n" in said
    assert "note        line" not in said
    assert "0199" not in said


def test_a_line_with_nothing_of_its_own(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    said = said_of("    tools: []\n    silence: null\n", tmp_path, capsys)
    assert "callers whom no agent can answer: a busy line\n" in said
    assert "tools: none\n" in said
    assert "at most 55 minutes; the caller may be silent\n" in said
    assert "answers support; may do nothing with the call\n" in said
    for absent in ("people:", "keys:", "emergency"):
        assert absent not in said


def test_an_agent_without_a_line_is_named(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    idle = (
        "  - {name: idle, instructions: Help., voice: {type: azure-standard, name: a}, deployments: [support-payg]}\n"
    )
    file = tmp_path / "gateway.yaml"
    file.write_text(EXAMPLE.read_text().replace("\nlines:", idle + "\nlines:"))
    assert check(str(file)) == 0
    assert "answers no line\n" in capsys.readouterr().out


NO_PERSON = "a caller can not reach a person"


@pytest.mark.parametrize(
    ("line", "notes"),
    [
        ("", [NO_PERSON]),
        (PEOPLE, []),
        (PEOPLE + "    tools: [end_call]\n", [NO_PERSON]),
        (PEOPLE + '    tools: [end_call]\n    keys: {"0": {do: transfer, to: operator}}\n', []),
        (PEOPLE + "    disclosure: {enabled: false}\n", ["callers are not told that they speak with a machine"]),
        ("    tools: [transfer_call]\n", [NO_PERSON, "transfer_call is among the tools, but"]),
        (
            "    handover_report: {url: https://example.com}\n",
            [NO_PERSON, "handover_report is never sent"],
        ),
        (
            PEOPLE + "    tools: [transfer_call]\n    digits: {to_agent: true}\n",
            ["digits is of no use: collect_digits is not"],
        ),
        (PEOPLE + "    digits: {secure: true}\n", ["digits reach nobody"]),
        (PEOPLE + "    tools: [transfer_call, collect_digits]\n", ["digits reach nobody"]),
        (PEOPLE + "    digits: {to_agent: true}\n", []),
        (PEOPLE + "    digits: {hook: {url: https://example.com}}\n", []),
        (
            PEOPLE + "    disclosure: {text: {en-US: Hello., de-DE: Hallo.}}\n",
            ["sentences in de-DE are never said: agent support"],
        ),
    ],
)
def test_what_may_be_a_mistake_is_noted(
    tmp_path: Path, capsys: pytest.CaptureFixture[str], line: str, notes: list[str]
) -> None:
    said = said_of(line, tmp_path, capsys)
    noted = [text for text in said.splitlines() if text.startswith("note        line support: ")]
    assert len(noted) == len(notes)
    for text, expected in zip(noted, notes, strict=True):
        assert text.startswith(f"note        line support: {expected}")


def test_callers_of_a_closed_line_go_to_its_overflow(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    file = tmp_path / "gateway.yaml"
    file.write_text(EXAMPLE.read_text() + LINE + PEOPLE + "    overflow: night\n")
    for caller, says in (("+4930123456", "goes to night (after_hours)"), ("", "is refused (rejected_caller_limit)")):
        more = ("--caller", caller) if caller else ()
        assert check(str(file), "--route", "+49891", "--at", "2026-11-22T12:00+01:00", *more) == 0
        assert capsys.readouterr().out.startswith(f"a call to +49891 {says}: ")


def test_a_function_that_can_not_be_imported_is_an_error(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    file = tmp_path / "gateway.yaml"
    file.write_text(EXAMPLE.read_text() + "    moderation: {python: 'no_such_module_of_yours:judge'}\n")
    assert check(str(file)) == 78
    assert "lines[0].moderation.python: no_such_module_of_yours:judge can not be imported" in capsys.readouterr().err
