"""What a call does to sound: phone leg to model leg and back, as the caller and the model would hear it.

Run with `-s` to see the figures.
"""

from __future__ import annotations

import itertools
import math
from collections.abc import Callable

import numpy as np
import numpy.typing as npt
import pytest

from gateway.audio import convert
from gateway.audio.convert import Decoder, Encoder
from gateway.audio.pcm import PCM16_8K, PCM16_16K, PCM16_24K, AudioFormat, Codec

Float64Array = npt.NDArray[np.float64]
Signal = Callable[[Float64Array], Float64Array]

PCM = [PCM16_8K, PCM16_16K, PCM16_24K]
ULAW, ALAW = AudioFormat(Codec.ULAW, 8000), AudioFormat(Codec.ALAW, 8000)
EVERY = [*PCM, ULAW, ALAW]

PEAK = 16384.0
"""-6 dB under full scale."""
DURATION_S = 4.0
EDGE_S = 0.05
"""The sweep swells and fades this long: a hard edge is a sound of its own, above the telephone band."""


def sweep(time_s: Float64Array) -> Float64Array:
    """A sine from 300 to 3,300 Hz, as a function of continuous time, so it can be looked up at any delay."""
    phase = 2 * math.pi * (300 * time_s + 3000 / DURATION_S * time_s**2 / 2)
    envelope = np.sin(np.clip(np.minimum(time_s, DURATION_S - time_s) / EDGE_S, 0, 1) * math.pi / 2) ** 2
    return PEAK * envelope * np.sin(phase)


def tone(hz: float) -> Signal:
    return lambda time_s: PEAK * np.sin(2 * math.pi * hz * time_s)


def sampled(signal: Signal, rate_hz: int, delay_s: float = 0.0) -> Float64Array:
    return signal(np.arange(round(DURATION_S * rate_hz)) / rate_hz - delay_s)


def relative_db(signal: Float64Array) -> float:
    """Level against a tone of `PEAK`."""
    return 20 * math.log10(math.sqrt(float(np.mean(signal**2))) / (PEAK / math.sqrt(2)) + 1e-12)


def show(source: AudioFormat, target: AudioFormat, figures: str) -> None:
    print(f"\n{source!s:>14} > {target!s:<14} {figures}", end="")  # noqa: T201 - the figures are wanted with -s


def frames(payload: bytes, fmt: AudioFormat) -> list[bytes]:
    return [payload[start : start + fmt.frame_bytes] for start in range(0, len(payload), fmt.frame_bytes)]


def there_and_back(signal: Signal, phone: AudioFormat, model: AudioFormat) -> tuple[Float64Array, float]:
    """Samples that return to the phone leg, and the delay the four converters declare together.

    In frames of 20 ms, each leg in its own bytes, as in a call: both legs meet at the model's rate.
    """
    from_phone, to_model = Decoder(phone, model.rate_hz), Encoder(model.rate_hz, model)
    from_model, to_phone = Decoder(model, phone.rate_hz), Encoder(phone.rate_hz, phone)
    spoken = convert.encode(np.rint(sampled(signal, phone.rate_hz)).astype(np.int16), phone.codec)
    heard = b"".join(
        to_phone.push(from_model.push(to_model.push(from_phone.push(frame)))) for frame in frames(spoken, phone)
    )
    delay_s = from_phone.delay_s + to_model.delay_s + from_model.delay_s + to_phone.delay_s
    return convert.decode(heard, phone.codec).astype(np.float64), delay_s


def snr_db(signal: Signal, received: Float64Array, rate_hz: int, delay_s: float) -> float:
    """Against the signal itself at the declared delay: no gain and no shift is fitted, so both count as noise.

    From the moment the signal has arrived.
    """
    arrived = math.ceil(delay_s * rate_hz)
    wanted = sampled(signal, rate_hz, delay_s)[arrived:]
    error = received[arrived:] - wanted
    return 10 * math.log10(float(np.sum(wanted**2)) / max(float(np.sum(error**2)), 1e-9))


@pytest.mark.parametrize(("phone", "model"), list(itertools.product(PCM, PCM)), ids=str)
def test_a_round_trip_between_pcm_legs_keeps_45_db(phone: AudioFormat, model: AudioFormat) -> None:
    received, delay_s = there_and_back(sweep, phone, model)
    snr = snr_db(sweep, received, phone.rate_hz, delay_s)
    show(phone, model, f"SNR {snr:5.1f} dB, delay {delay_s * 1000:.2f} ms")
    assert snr >= 45
    assert delay_s <= 2 * 0.004


@pytest.mark.parametrize(
    ("phone", "model"),
    [*itertools.product(PCM, [ULAW, ALAW]), *itertools.product([ULAW, ALAW], PCM)],
    ids=str,
)
def test_a_round_trip_over_a_g711_leg_keeps_33_db(phone: AudioFormat, model: AudioFormat) -> None:
    received, delay_s = there_and_back(sweep, phone, model)
    snr = snr_db(sweep, received, phone.rate_hz, delay_s)
    show(phone, model, f"SNR {snr:5.1f} dB, delay {delay_s * 1000:.2f} ms")
    assert snr >= 33
    assert delay_s <= 2 * 0.004


@pytest.mark.parametrize(
    ("source", "target"),
    [(source, target) for source, target in itertools.product(PCM, EVERY) if source.rate_hz > target.rate_hz],
    ids=str,
)
def test_what_the_other_leg_cannot_carry_is_gone_and_not_folded_back(source: AudioFormat, target: AudioFormat) -> None:
    worst_db = -math.inf
    for hz in np.linspace(target.rate_hz / 2, source.rate_hz / 2 - 100, 40):
        sent = convert.encode(np.rint(sampled(tone(hz), source.rate_hz)).astype(np.int16), source.codec)
        decoder, encoder = Decoder(source, target.rate_hz), Encoder(target.rate_hz, target)
        carried = b"".join(encoder.push(decoder.push(frame)) for frame in frames(sent, source))
        settled = convert.decode(carried, target.codec)[round(EDGE_S * target.rate_hz) :].astype(np.float64)
        worst_db = max(worst_db, relative_db(settled))
    show(source, target, f"alias {worst_db:5.1f} dB")
    assert worst_db <= -60


@pytest.mark.parametrize(("phone", "model"), list(itertools.permutations(PCM, 2)), ids=str)
def test_a_caller_in_the_telephone_band_leaves_no_images(phone: AudioFormat, model: AudioFormat) -> None:
    worst_db = -math.inf
    for hz in np.linspace(300, 3300, 16):
        received, delay_s = there_and_back(tone(hz), phone, model)
        settled = round((delay_s + EDGE_S) * phone.rate_hz)
        rest = received[settled:] - sampled(tone(hz), phone.rate_hz, delay_s)[settled:]
        worst_db = max(worst_db, relative_db(rest))
    show(phone, model, f"images and ripple {worst_db:5.1f} dB")
    assert worst_db <= -60
