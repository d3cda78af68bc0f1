"""What the callers of the demonstration do."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path

from gateway.audio.wav import WavError, read_wav
from gateway.simulator.phone import CallPlan, HangUp, PhoneSwitches, Say, Speech
from gateway.simulator.phone.switches import SilentFrames

CASCADE_NUMBER = "+18005550126"
REALTIME_NUMBER = "+18005550127"
START_OFFSET_S = 0.2
"""The network plays what reaches it from then on, counted from its first frame; the same for every bridge here. What
the real one does is not documented."""
MAX_S = 58.0
"""No call of the story lasts longer; with every turn answered it takes 44 s."""
ANSWER_S = 12.0
"""A caller who hears nothing for so long after having spoken hangs up. That is as long as the gateway needs to
give a dead model up, and eight times the longest wait of the story: an answer that is not there then never comes."""


@dataclass(frozen=True, slots=True)
class Recording:
    """A recording of the user's, to be said as one turn."""

    path: Path
    speech: Speech

    @property
    def duration_s(self) -> float:
        return len(self.speech.samples) / self.speech.rate_hz


class BadRecording(ValueError):  # noqa: N818 - named for what happened
    """A file of `--say` is not a recording; the text names it and says what to do."""


def read_recordings(paths: list[Path]) -> list[Recording]:
    """Read WAV files of any rate, mono or stereo, PCM, A-law or mu-law.

    Raises:
        BadRecording: one of them can not be used.
    """
    recordings = []
    for path in paths:
        try:
            wav = read_wav(path.read_bytes())
        except (OSError, WavError) as error:
            raise BadRecording(f"{path}: {error}") from error
        recordings.append(Recording(path, Speech(wav.mono, wav.rate_hz)))
    return recordings


def plan_of(number: str, recordings: list[Recording], *, silence_marked: bool = True) -> CallPlan:
    """The default story, or the user's own turns, each after the agent has finished.

    Args:
        number: whom to call.
        recordings: the user's own turns; empty for the story.
        silence_marked: the network sends frames marked silent, without data, while the caller is silent. The model's
            turn detection counts samples, so whoever drops such frames never sees a turn end.
    """
    silence: SilentFrames = "no_data" if silence_marked else "never"
    switches = PhoneSwitches(silent_frames=silence, start_offset_s=START_OFFSET_S)
    if not recordings:
        return CallPlan(number=number, switches=switches, max_s=MAX_S, answer_patience_s=ANSWER_S)
    said = tuple(Say(recording.speech) for recording in recordings)
    return CallPlan(
        number=number,
        switches=switches,
        behaviour=(*said, HangUp(1.0)),
        max_s=_longest_s(recordings),
        answer_patience_s=ANSWER_S,
    )


def naive_plan(recordings: list[Recording], *, silence_marked: bool) -> CallPlan:
    """The same caller rings the naive bridge."""
    return plan_of(CASCADE_NUMBER, recordings, silence_marked=silence_marked)


def assumed_network(*, silence_marked: bool) -> str:
    """In words, what `plan_of` assumes of the phone network where the real one's documentation says nothing."""
    frames = "silent frames are marked and empty" if silence_marked else "every frame carries sound"
    return f"phone network: {frames}; plays nothing in its first {START_OFFSET_S * 1000:.0f} ms"


def _longest_s(recordings: list[Recording]) -> float:
    """Every answer, the greeting included, as late as the caller bears it."""
    return sum(recording.duration_s for recording in recordings) + ANSWER_S * (len(recordings) + 1)
