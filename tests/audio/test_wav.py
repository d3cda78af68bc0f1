"""Every kind of file a user may bring gives the same sound, or an error that says what to do."""

from __future__ import annotations

import io
import struct
import wave

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from hypothesis.extra import numpy as npst

from gateway.audio import g711
from gateway.audio.pcm import Int16Array
from gateway.audio.wav import WavError, read_wav, write_ulaw_wav, write_wav

PCM_GUID_TAIL = bytes.fromhex("000000001000800000aa00389b71")


def tone(count: int = 800) -> Int16Array:
    samples: Int16Array = np.rint(8000 * np.sin(np.arange(count) * 0.3)).astype(np.int16)
    return samples


def file_of(  # noqa: PLR0913 - the fields of the header
    tag: int, bits: int, payload: bytes, *, channels: int = 1, fmt_tail: bytes = b"", before: bytes = b""
) -> bytes:
    block = channels * bits // 8
    fmt = struct.pack("<HHIIHH", tag, channels, 8000, 8000 * block, block, bits) + fmt_tail
    body = b"WAVE" + before + b"fmt " + struct.pack("<I", len(fmt)) + fmt
    body += b"data" + struct.pack("<I", len(payload)) + payload
    return b"RIFF" + struct.pack("<I", len(body)) + body


@given(npst.arrays(np.int16, st.tuples(st.integers(1, 300), st.integers(1, 3))), st.sampled_from([8000, 16000, 44100]))
def test_what_is_written_is_read(samples: Int16Array, rate_hz: int) -> None:
    read = read_wav(write_wav(samples, rate_hz))
    assert np.array_equal(read.channels, samples)
    assert read.rate_hz == rate_hz


@given(npst.arrays(np.int16, st.integers(1, 300)), st.sampled_from([8000, 16000]))
def test_ulaw_that_is_written_is_read(samples: Int16Array, rate_hz: int) -> None:
    file = write_ulaw_wav(samples, rate_hz)
    read = read_wav(file)
    assert np.array_equal(read.mono, g711.decode_ulaw(g711.encode_ulaw(samples)))
    assert (read.rate_hz, read.encoding) == (rate_hz, "ulaw")
    assert len(file) % 2 == 0, "chunks begin at even places"
    assert int.from_bytes(file[4:8], "little") == len(file) - 8


def test_standard_library_reads_what_is_written() -> None:
    stereo = np.column_stack([tone(), -tone()])
    with wave.open(io.BytesIO(write_wav(stereo, 16000))) as reader:
        assert (reader.getnchannels(), reader.getframerate(), reader.getsampwidth()) == (2, 16000, 2)
        assert reader.readframes(reader.getnframes()) == stereo.astype("<i2").tobytes()


@pytest.mark.parametrize(
    ("tag", "bits", "payload", "encoding", "tolerance"),
    [
        (1, 8, ((tone() >> 8) + 128).astype(np.uint8).tobytes(), "pcm8", 256),
        (1, 16, tone().astype("<i2").tobytes(), "pcm16", 0),
        (1, 24, b"".join(b"\x55" + s.tobytes() for s in tone().astype("<i2")), "pcm24", 0),
        (1, 32, (tone().astype("<i4") << 16).tobytes(), "pcm32", 0),
        (3, 32, (tone() / 32768).astype("<f4").tobytes(), "float32", 0),
        (3, 64, (tone() / 32768).astype("<f8").tobytes(), "float64", 0),
        (6, 8, g711.encode_alaw(tone()), "alaw", 260),
        (7, 8, g711.encode_ulaw(tone()), "ulaw", 260),
    ],
)
def test_encoding(tag: int, bits: int, payload: bytes, encoding: str, tolerance: int) -> None:
    plain = read_wav(file_of(tag, bits, payload))
    assert plain.encoding == encoding
    assert np.max(np.abs(plain.mono.astype(np.int32) - tone())) <= tolerance
    extension = struct.pack("<HHI", 22, bits, 0) + struct.pack("<H", tag) + PCM_GUID_TAIL
    extensible = read_wav(file_of(0xFFFE, bits, payload, fmt_tail=extension))
    assert np.array_equal(extensible.channels, plain.channels)


def test_stereo_becomes_the_mean() -> None:
    read = read_wav(write_wav(np.column_stack([tone(), tone() // 2]), 8000))
    assert np.max(np.abs(read.mono - (tone() + tone() // 2) / 2)) <= 0.5
    assert read.duration_s == pytest.approx(0.1)


def test_other_chunks_and_their_padding_are_skipped() -> None:
    data = file_of(1, 16, tone().astype("<i2").tobytes(), before=b"LIST" + struct.pack("<I", 3) + b"abc\0")
    assert np.array_equal(read_wav(data).mono, tone())


@pytest.mark.parametrize("size", [0, 0xFFFFFFFF])
def test_file_written_to_a_pipe_goes_on_to_its_end(size: int) -> None:
    data = bytearray(write_wav(tone(), 8000))
    data[40:44] = struct.pack("<I", size)
    assert np.array_equal(read_wav(bytes(data)).mono, tone())


def test_cut_off_file_gives_what_is_there() -> None:
    assert np.array_equal(read_wav(write_wav(tone(), 8000)[:-101]).mono, tone()[:749])


@pytest.mark.parametrize(
    ("data", "says"),
    [
        (b"", "empty"),
        (b"ID3\x04 and so on", "MP3.*ffmpeg"),
        (b"fLaC", "FLAC.*ffmpeg"),
        (b"hello world, this is text", "not a WAV file.*ffmpeg"),
        (b"RIFX\0\0\0\0WAVE", "RIFX.*ffmpeg"),
        (file_of(0x55, 0, b"1234"), "MP3.*ffmpeg"),
        (file_of(0x11, 4, b"1234"), "IMA ADPCM.*ffmpeg"),
        (file_of(0x1234, 12, b"1234"), "0x1234 with 12 bits.*ffmpeg"),
        (file_of(1, 16, b""), "no sound"),
        (file_of(1, 16, b"1234", channels=0), "0 channels.*ffmpeg"),
        (write_wav(tone(), 8000)[:36], "no samples"),
        (b"RIFF\0\0\0\0WAVEdata\x02\0\0\0\0\0", "before their description"),
        (b"RIFF\0\0\0\0WAVEfmt \x02\0\0\0\0\0", "cut off"),
    ],
)
def test_error_says_what_to_do(data: bytes, says: str) -> None:
    with pytest.raises(WavError, match=says):
        read_wav(data)


@given(st.binary(max_size=200))
def test_noise_is_an_error_and_nothing_else(noise: bytes) -> None:
    for data in (noise, write_wav(tone(8), 8000)[:20] + noise):
        try:
            read_wav(data)
        except WavError:
            continue
