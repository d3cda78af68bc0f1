from __future__ import annotations

import argparse
import dataclasses
from pathlib import Path
from typing import Any

import pytest

from gateway.demo.command import NAIVE, _meta, _names, _ringing, _session_of, add_arguments, run
from gateway.demo.stack import CASCADE, REALTIME, Rates
from gateway.simulator.voice_live.record import SessionRecord


def arguments(*words: str) -> argparse.Namespace:
    parser = argparse.ArgumentParser(formatter_class=argparse.RawDescriptionHelpFormatter)
    add_arguments(parser)
    return parser.parse_args(list(words))


def test_the_defaults_show_everything() -> None:
    args = arguments()
    assert _names(args) == ["cascade", "realtime", *NAIVE]
    assert args.say == []
    assert args.out == Path("demo-output")


def test_less_can_be_asked_for() -> None:
    assert _names(arguments("--profile", "realtime", "--no-naive")) == ["realtime"]
    assert _names(arguments("--profile", "cascade")) == ["cascade", *NAIVE]


def test_help_says_what_is_left_behind(capsys: pytest.CaptureFixture[str]) -> None:
    with pytest.raises(SystemExit):
        arguments("--help")
    text = capsys.readouterr().out
    assert all(name in text for name in ("call.html", "call.wav", "before-after.png", "--say question.wav"))
    assert max(map(len, text.splitlines())) <= 120


def test_a_file_that_is_no_recording_is_refused_before_anything_starts(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    assert run(arguments("--say", str(tmp_path / "missing.wav"), "--out", str(tmp_path / "out"))) == 2
    assert "missing.wav" in capsys.readouterr().out
    assert not (tmp_path / "out").exists()


def test_a_place_for_results_that_is_none_is_refused_before_anything_starts(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    (tmp_path / "out").write_text("a file")
    assert run(arguments("--out", str(tmp_path / "out"))) == 2
    assert str(tmp_path / "out") in capsys.readouterr().out


def test_naive_calls_ring_one_after_the_other() -> None:
    assert _ringing(["realtime", *NAIVE]) == {"realtime": 0.0, "naive": 1.0, "naive-silence-marked": 2.0}


def test_a_call_finds_its_model_session(story: Any) -> None:
    opened = story.call.times["media_opened"]
    sessions = [
        SessionRecord(f"{model}{late}", {}, model, CASCADE, opened + late)
        for model in ("naive", "cascade")
        for late in (0.02, 1.02)
    ]
    assert _session_of("cascade", story.call, sessions) is sessions[2]
    assert _session_of("naive", story.call, sessions) is sessions[0]
    later = dataclasses.replace(story.call, times=story.call.times | {"media_opened": opened + 1.0})
    assert _session_of("naive-silence-marked", later, sessions) is sessions[1]
    assert _session_of("realtime", story.call, sessions) is None


def test_pictures_name_the_rates_that_were_asked_for() -> None:
    ours, naive = _meta("realtime", Rates(24_000, 8_000)), _meta("naive", Rates(16_000, 8_000))
    assert (ours.profile, ours.phone_format, ours.model_input) == (REALTIME, "pcm16 24 kHz", "pcm16 8 kHz")
    assert (naive.profile, naive.phone_format, naive.ptu_units) == (CASCADE, "pcm16 24 kHz", None)
    assert ours.far_end_delay_ms == 150.0
    assert ours.clip_sounds
