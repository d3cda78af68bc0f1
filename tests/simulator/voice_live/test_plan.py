"""What leaves when."""

from __future__ import annotations

import random

import pytest
from hypothesis import given
from hypothesis import strategies as st

from gateway.audio.pcm import PCM16_8K, PCM16_16K, PCM16_24K, AudioFormat, Codec
from gateway.simulator.voice_live.options import Delivery, Timing
from gateway.simulator.voice_live.plan import Arguments, Planner, Sound, Timed, Words
from gateway.simulator.voice_live.speech import tones

SPEECH = tones("Every word of this sentence is a tone of its own.")
FORMATS = [PCM16_8K, PCM16_16K, PCM16_24K, AudioFormat(Codec.ULAW, 8000)]


def planner(seed: int = 1, **delivery: object) -> Planner:
    return Planner(Timing(), Delivery(**delivery), random.Random(seed))  # type: ignore[arg-type]  # checked by the class


def payload_bytes(output: AudioFormat) -> int:
    return len(SPEECH.samples) * output.rate_hz // SPEECH.rate_hz * output.bytes_per_sample


@given(
    delta_ms=st.tuples(st.integers(3, 100), st.integers(100, 2000)),
    odd=st.booleans(),
    seed=st.integers(0, 1000),
    output=st.sampled_from(FORMATS),
)
def test_deltas_are_irregular_and_lose_nothing(
    delta_ms: tuple[int, int], odd: bool, seed: int, output: AudioFormat
) -> None:
    length = payload_bytes(output)
    plan = planner(seed, delta_ms=delta_ms, odd_bytes=odd).message(SPEECH, length, output, 5.0, times_words=False)
    sounds = [piece for _, piece in plan if isinstance(piece, Sound)]
    assert [sound.start for sound in sounds] == [0, *(sound.end for sound in sounds[:-1])]
    assert sounds[-1].end == length
    sizes = [sound.end - sound.start for sound in sounds[:-1]]
    assert all(size % output.frame_bytes for size in sizes)
    if output.codec is Codec.PCM16:
        assert all(size % 2 == odd for size in sizes)


@pytest.mark.parametrize("output", FORMATS)
def test_no_word_is_heard_before_it_was_written_and_each_is_timed_before_its_sound(output: AudioFormat) -> None:
    plan = planner().message(SPEECH, payload_bytes(output), output, 5.0, times_words=True)
    assert [at for at, _ in plan] == sorted(at for at, _ in plan)
    written = timed = 0
    for _, piece in plan:
        written += isinstance(piece, Words)
        timed += isinstance(piece, Timed)
        if isinstance(piece, Sound):
            ends_s = piece.end / output.bytes_per_sample / output.rate_hz
            begun = sum(word.start_s < ends_s for word in SPEECH.words)
            assert written >= begun
            assert timed == begun
    assert written == timed == len(SPEECH.words)


def test_arguments_of_a_call_come_in_pieces() -> None:
    pieces = planner().call('{"city": "London"}', 5.0)
    assert len(pieces) > 1
    assert "".join(piece.delta for _, piece in pieces if isinstance(piece, Arguments)) == '{"city": "London"}'
