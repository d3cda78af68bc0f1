from __future__ import annotations

import binascii

import numpy as np
import pybase64
import pytest
from hypothesis import given
from hypothesis import strategies as st

from gateway.audio.pcm import PCM16_8K, PCM16_16K, PCM16_24K, AudioFormat
from gateway.audio.resample import StreamResampler
from gateway.simulator.load.marks import NUMBERS, MarkReader, marked_frame

FORMATS = (PCM16_8K, PCM16_16K, PCM16_24K)


def payload(pcm: bytes) -> str:
    return pybase64.b64encode(pcm).decode()


@pytest.mark.parametrize("source", FORMATS[1:], ids=str)
@pytest.mark.parametrize("target", FORMATS, ids=str)
@given(call=st.integers(0, 1023), first=st.integers(0, 500))
def test_marks_survive_a_change_of_rate(source: AudioFormat, target: AudioFormat, call: int, first: int) -> None:
    resampler = StreamResampler(source.rate_hz, target.rate_hz)
    reader = MarkReader(source, target)
    read = []
    for number in range(first, first + 70):
        frame = np.frombuffer(marked_frame(call, number, source.rate_hz), "<i2")
        read += reader.read(payload(resampler.push(frame).tobytes()))
    assert read == [(call, number % NUMBERS) for number in range(first, first + 70)]


def test_frames_that_were_joined_are_read_one_by_one() -> None:
    joined = marked_frame(7, 1, 16000) + marked_frame(7, 2, 16000)
    assert MarkReader(PCM16_16K, PCM16_16K).read(payload(joined)) == [(7, 1), (7, 2)]


@pytest.mark.parametrize("text", ["", payload(bytes(638)), payload(bytes(642))])
def test_what_is_no_whole_number_of_frames_is_refused(text: str) -> None:
    with pytest.raises(ValueError, match="whole number of frames"):
        MarkReader(PCM16_16K, PCM16_16K).read(text)


def test_what_is_not_base64_is_refused() -> None:
    with pytest.raises(binascii.Error):
        MarkReader(PCM16_16K, PCM16_16K).read("not base64!")
