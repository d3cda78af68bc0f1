"""The command places calls, tells how they went, and says so with its exit code."""

from __future__ import annotations

import argparse
import asyncio
import json
from pathlib import Path
from typing import Any

import pytest

from gateway.audio.wav import read_wav, write_wav
from gateway.simulator.phone.command import DEVELOPMENT_KEY, add_arguments, place_calls
from gateway.simulator.ports import reserved_ports
from gateway.simulator.virtual_time import virtual_time_runner


def arguments(*words: str) -> argparse.Namespace:
    parser = argparse.ArgumentParser()
    add_arguments(parser)
    return parser.parse_args(list(words))


def run_against(gateway: Any, *words: str) -> int:
    """The command's exit code, against the mini gateway."""
    gateway.key = DEVELOPMENT_KEY

    async def main(port: int) -> int:
        gateway.endpoint = f"http://127.0.0.1:{port}"
        runner = await gateway.start_up()
        try:
            return await place_calls(arguments("--events-url", gateway.url + "/events", "--port", str(port), *words))
        finally:
            await runner.cleanup()

    with reserved_ports(1) as (port,), virtual_time_runner() as runner:
        return runner.run(main(port))


@pytest.fixture
def answering(gateway: Any, bench_tone: Any) -> Any:
    """Says something every two seconds."""

    async def speak(mini: Any, ws: Any) -> None:
        while not ws.closed:
            await asyncio.sleep(1.0)
            await ws.send_str(mini.audio_message(bench_tone(0.8)))
            await asyncio.sleep(1.0)

    gateway.media = speak
    return gateway


def test_recordings_are_said_and_files_written(answering: Any, tmp_path: Path, capsys: Any, bench_tone: Any) -> None:
    said = tmp_path / "said.wav"
    said.write_bytes(write_wav(bench_tone(0.5, 44100), 44100))
    out = tmp_path / "out"
    assert run_against(answering, "--say", str(said), "--calls", "2", "--out", str(out)) == 0
    printed = capsys.readouterr().out
    assert printed.count("ok") == 2
    assert "Call Automation: http://127.0.0.1" in printed
    assert sorted(file.name for file in out.iterdir()) == ["call-1.json", "call-1.wav", "call-2.json", "call-2.wav"]
    recording = read_wav((out / "call-1.wav").read_bytes())
    facts = json.loads((out / "call-1.json").read_text())
    assert recording.channels.shape[1] == 2
    assert recording.rate_hz == 16000
    assert recording.duration_s == pytest.approx(facts["duration_s"] + 0.15, abs=0.05)
    assert facts["ending"] == "caller"
    assert facts["spoken"][0]["text"] == "[recording 0.5 s]"


def test_keys_are_pressed_when_the_agent_has_spoken(gateway: Any, bench_tone: Any, capsys: Any) -> None:
    """And then the caller waits longer than after words: for music, or for somebody else."""

    async def speak_twice(mini: Any, ws: Any) -> None:
        for pause_s in (1.0, 4.0):
            await asyncio.sleep(pause_s)
            await ws.send_str(mini.audio_message(bench_tone(0.8)))
        await asyncio.sleep(60.0)

    gateway.media = speak_twice
    assert run_against(gateway, "--press", "40#") == 0
    digits = [message["dtmfData"]["data"] for _, message in gateway.frames if message["kind"] == "DtmfData"]
    assert digits == ["4", "0", "#"]
    length_s = float(capsys.readouterr().out.splitlines()[-1].split()[2].removesuffix("s"))
    assert length_s == pytest.approx(1.0 + 4.0 + 0.8 + 3.0, abs=0.5)


def test_calls_may_overlap(answering: Any, tmp_path: Path, capsys: Any, bench_tone: Any) -> None:
    said = tmp_path / "said.wav"
    said.write_bytes(write_wav(bench_tone(0.5), 16000))
    assert run_against(answering, "--say", str(said), "--calls", "3", "--every", "0.5") == 0
    assert capsys.readouterr().out.count("ok") == 3


def test_failed_call_is_exit_code_1(gateway: Any, capsys: Any) -> None:
    assert run_against(gateway, "--max-seconds", "3", "--switch", "media_refused=1") == 1
    assert "the caller never heard the agent" in capsys.readouterr().out


@pytest.mark.parametrize(
    ("words", "says"),
    [
        (("--switch", "pongs"), "NAME=VALUE"),
        (("--switch", "colour=red"), "there is no switch"),
        (("--say", "/does/not/exist.wav"), "No such file"),
        (("--press", "0x"), "a telephone has no key 'x'"),
        (("--key", "???"), "base64"),
    ],
)
def test_wrong_argument_is_exit_code_2(gateway: Any, capsys: Any, words: tuple[str, ...], says: str) -> None:
    assert run_against(gateway, *words) == 2
    assert says in capsys.readouterr().err


def test_file_that_is_no_recording_is_named(gateway: Any, capsys: Any, tmp_path: Path) -> None:
    song = tmp_path / "song.mp3"
    song.write_bytes(b"ID3 and so on")
    assert run_against(gateway, "--say", str(song)) == 2
    assert f"{song}: this is MP3" in capsys.readouterr().err


def test_switches_are_listed(gateway: Any, capsys: Any) -> None:
    assert run_against(gateway, "--switch", "help") == 0
    assert "far_end_delay_s=0.15" in capsys.readouterr().out
