"""Codec and rate in one stream."""

from __future__ import annotations

import struct

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from gateway.audio import convert, g711
from gateway.audio.convert import Decoder, Encoder
from gateway.audio.pcm import PCM16_8K, PCM16_16K, PCM16_24K, AudioFormat, Codec, Int16Array
from gateway.audio.resample import RATES_HZ, StreamResampler
from gateway.errors import BadMessage

FORMATS = [PCM16_8K, PCM16_16K, PCM16_24K, AudioFormat(Codec.ULAW, 8000), AudioFormat(Codec.ALAW, 8000)]
formats = st.sampled_from(FORMATS)
rates = st.sampled_from(RATES_HZ)
every_format = pytest.mark.parametrize("fmt", FORMATS, ids=str)
every_rate = pytest.mark.parametrize("rate_hz", RATES_HZ)


def speechlike(count: int, seed: int) -> Int16Array:
    return np.random.default_rng(seed).integers(-9000, 9000, count, dtype=np.int16)


def test_pcm_is_little_endian() -> None:
    values = [0, 1, -2, 300, -32768, 32767]
    wire = struct.pack("<6h", *values)
    assert convert.decode(wire, Codec.PCM16).tolist() == values
    assert convert.encode(np.array(values, np.int16), Codec.PCM16) == wire


@given(st.binary(max_size=400))
def test_g711_is_the_law_its_name_says(payload: bytes) -> None:
    assert np.array_equal(convert.decode(payload, Codec.ULAW), g711.decode_ulaw(payload))
    assert np.array_equal(convert.decode(payload, Codec.ALAW), g711.decode_alaw(payload))
    samples = g711.decode_ulaw(payload)
    assert convert.encode(samples, Codec.ULAW) == g711.encode_ulaw(samples)
    assert convert.encode(samples, Codec.ALAW) == g711.encode_alaw(samples)


@given(fmt=formats, rate_hz=rates, cuts=st.lists(st.integers(0, 500), max_size=6))
@settings(deadline=None)
def test_cutting_the_payload_does_not_matter(fmt: AudioFormat, rate_hz: int, cuts: list[int]) -> None:
    wire = convert.encode(speechlike(2400, seed=1), fmt.codec)
    one, many = Decoder(fmt, rate_hz), Decoder(fmt, rate_hz)
    whole = np.concatenate([one.push(wire), one.flush()])
    pieces = []
    rest = wire
    for cut in cuts:
        pieces.append(many.push(rest[: cut * fmt.bytes_per_sample]))
        rest = rest[cut * fmt.bytes_per_sample :]
    joined = np.concatenate([*pieces, many.push(rest), many.flush()])
    assert len(joined) == len(whole)
    assert np.max(np.abs(joined.astype(int) - whole)) <= 1


@every_format
@every_rate
def test_a_frame_becomes_a_frame(fmt: AudioFormat, rate_hz: int) -> None:
    decoder, encoder = Decoder(fmt, rate_hz), Encoder(rate_hz, fmt)
    for _ in range(5):
        samples = decoder.push(bytes(fmt.frame_bytes))
        assert samples.shape == (rate_hz // 50,)
        assert len(encoder.push(samples)) == fmt.frame_bytes
    assert decoder.delay_s == encoder.delay_s == StreamResampler(fmt.rate_hz, rate_hz).delay_s


@every_format
@every_rate
def test_the_tail_comes_out_in_the_format(fmt: AudioFormat, rate_hz: int) -> None:
    samples = speechlike(960, seed=2)
    encoder, resampler = Encoder(rate_hz, fmt), StreamResampler(rate_hz, fmt.rate_hz)
    encoder.push(samples)
    resampler.push(samples)
    tail = resampler.flush()
    assert encoder.flush() == convert.encode(tail, fmt.codec)
    assert encoder.flush() == b""


@pytest.mark.parametrize("rate_hz", [16000, 24000])
def test_half_a_sample_is_refused_and_the_stream_goes_on(rate_hz: int) -> None:
    decoder, undisturbed = Decoder(PCM16_16K, rate_hz), Decoder(PCM16_16K, rate_hz)
    frames = [speechlike(320, seed).tobytes() for seed in (3, 4)]
    decoder.push(frames[0])
    undisturbed.push(frames[0])
    with pytest.raises(BadMessage) as refusal:
        decoder.push(frames[1][:-1])
    assert refusal.value.kind == "odd_length"
    assert np.array_equal(decoder.push(frames[1]), undisturbed.push(frames[1]))


def test_reprs_name_both_sides() -> None:
    assert repr(Decoder(PCM16_16K, 24000)) == "<Decoder pcm16@16000 to 24000>"
    assert repr(Encoder(24000, AudioFormat(Codec.ALAW, 8000))) == "<Encoder 24000 to g711_alaw@8000>"
