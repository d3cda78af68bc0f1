"""The command line teaches, and fails in one line."""

from __future__ import annotations

import json
import subprocess
import sys
from pathlib import Path

import pytest
from pytest import CaptureFixture, MonkeyPatch  # noqa: PT013 - as types they are read better without the prefix

from gateway import __version__, cli
from gateway.cli import COMMANDS, Command, main

EXAMPLES = Path(__file__).parents[1] / "deploy" / "examples"


def run(*arguments: str) -> int:
    try:
        return main(arguments)
    except SystemExit as end:
        return end.code if isinstance(end.code, int) else -1


def test_without_a_command_it_says_what_there_is(capsys: CaptureFixture[str]) -> None:
    assert run() == 0
    text = capsys.readouterr().out
    for word in ("demo", "serve", "check", "simulate", "load", "gateway serve --config"):
        assert word in text


def test_it_knows_its_version(capsys: CaptureFixture[str]) -> None:
    assert run("--version") == 0
    assert capsys.readouterr().out == f"voice-gateway {__version__}\n"


def test_the_help_of_a_command_has_examples(capsys: CaptureFixture[str]) -> None:
    assert run("check", "--help") == 0
    text = capsys.readouterr().out
    assert "gateway check --config gateway.yaml" in text
    assert "--without-keys" in text


@pytest.mark.parametrize("command", COMMANDS, ids=lambda command: command.name)
def test_every_command_shows_itself_in_an_example(command: Command) -> None:
    assert f"gateway {command.name}" in command.examples
    assert command.summary[0].islower()


@pytest.mark.parametrize("arguments", [["nonsense"], ["simulate"], ["simulate", "nonsense"], ["check"], ["--nonsense"]])
def test_what_it_does_not_know_is_a_usage_error(arguments: list[str], capsys: CaptureFixture[str]) -> None:
    assert run(*arguments) == 2
    assert "usage: gateway" in capsys.readouterr().err


@pytest.mark.parametrize("name", ["azure-entra.yaml", "loopback.yaml"])
def test_check_summarises_a_good_configuration(name: str, capsys: CaptureFixture[str]) -> None:
    assert run("check", "--config", str(EXAMPLES / name)) == 0
    text = capsys.readouterr().out
    assert "answered by support" in text
    assert "50 PTU: 150,000 normalised tokens a minute" in text
    assert text.endswith(f"{name}: good\n")


def test_check_says_every_error_in_a_line_of_its_own(tmp_path: Path, capsys: CaptureFixture[str]) -> None:
    file = tmp_path / "gateway.yaml"
    file.write_text((EXAMPLES / "azure-entra.yaml").read_text().replace("public_url", "pubic_url"))

    assert run("check", "--config", str(file)) == 78
    captured = capsys.readouterr()
    assert captured.out == ""
    lines = captured.err.splitlines()
    assert f"{file}: line 7: server.pubic_url: unknown field; did you mean public_url?" in lines
    assert f"{file}: line 6: server.public_url: is missing" in lines


def test_check_reads_the_key_files_unless_told_not_to(tmp_path: Path, capsys: CaptureFixture[str]) -> None:
    file = tmp_path / "gateway.yaml"
    file.write_text((EXAMPLES / "loopback.yaml").read_text())

    assert run("check", "--config", str(file)) == 78
    assert "twin.key can not be read: No such file or directory" in capsys.readouterr().err
    assert run("check", "--config", str(file), "--without-keys") == 0


def test_check_doubts_sizes_that_are_not_for_sale(tmp_path: Path, capsys: CaptureFixture[str]) -> None:
    file = tmp_path / "gateway.yaml"
    file.write_text((EXAMPLES / "azure-entra.yaml").read_text().replace("ptu_units: 50", "ptu_units: 52"))

    assert run("check", "--config", str(file)) == 0
    assert "gpt-4.1 is sold in 15 and steps of 5 or 50 and steps of 50 PTU" in capsys.readouterr().out


def test_check_prints_the_schema(capsys: CaptureFixture[str]) -> None:
    assert run("check", "--schema") == 0
    schema = json.loads(capsys.readouterr().out)
    assert schema["$schema"].startswith("https://json-schema.org/")
    assert "lines" in schema["required"]


def a_command_that_imports(missing: str, directory: Path, monkeypatch: MonkeyPatch) -> None:
    """Offer one command, `demo`, whose module needs a package that is not installed."""
    (directory / "needy_command.py").write_text(f"import {missing}\n")
    monkeypatch.syspath_prepend(directory)
    monkeypatch.setitem(sys.modules, missing.partition(".")[0], None)
    monkeypatch.setattr(cli, "COMMANDS", (Command("demo", "needy_command", "a demo", "A demo.", "  gateway demo"),))


def test_a_missing_extra_is_one_line_with_the_remedy(
    tmp_path: Path, monkeypatch: MonkeyPatch, capsys: CaptureFixture[str]
) -> None:
    a_command_that_imports("matplotlib.pyplot", tmp_path, monkeypatch)

    assert run("demo") == 1
    assert capsys.readouterr().err == "gateway demo needs matplotlib: pip install 'voice-gateway[demo]'\n"


def test_any_other_missing_module_is_a_bug_and_shown_as_one(tmp_path: Path, monkeypatch: MonkeyPatch) -> None:
    a_command_that_imports("no_such_module", tmp_path, monkeypatch)

    with pytest.raises(ModuleNotFoundError):
        run("demo")


def test_python_m_gateway_is_the_command() -> None:
    shown = subprocess.run([sys.executable, "-m", "gateway", "--version"], capture_output=True, text=True, check=True)

    assert shown.stdout == f"voice-gateway {__version__}\n"


def test_a_reader_that_goes_away_is_no_error() -> None:
    command = f"{sys.executable} -m gateway check --schema | head -c 10; echo ${{PIPESTATUS[0]}}"
    shown = subprocess.run(["bash", "-c", command], capture_output=True, text=True, check=True)  # noqa: S603, S607 - fixed

    assert shown.stdout.endswith("0\n")
    assert shown.stderr == ""


def test_help_needs_no_package_but_the_standard_library() -> None:
    program = """
import sys
sys.modules.update(dict.fromkeys(["numpy", "aiohttp", "pydantic", "yaml", "structlog", "prometheus_client"]))
import gateway.cli
gateway.cli.main([])
"""
    shown = subprocess.run([sys.executable, "-c", program], capture_output=True, text=True, check=True)  # noqa: S603 - fixed

    assert "start here" in shown.stdout
