"""The codecs of a frame against the standard library's JSON and base64, in one run: only ratios decide."""

from __future__ import annotations

import base64
import json
import time
from collections.abc import Callable

import pytest

from gateway.audio.payload import decode_payload
from gateway.audio.pcm import PCM16_24K
from gateway.session.effects import AppendAudio
from gateway.session.events import AudioDelta, PhoneAudio
from gateway.wire import media_stream, voice_live

ROUNDS = 15
FRAMES = 500
FRAME = bytes(range(240)) * 4
"""20 ms at 24 kHz"""
PAYLOAD = base64.b64encode(FRAME)
PHONE_MESSAGE = json.dumps(
    {
        "kind": "AudioData",
        "audioData": {
            "timestamp": "2024-11-15T19:16:12.925Z",
            "participantRawID": "4:+18005550176",
            "data": PAYLOAD.decode(),
            "silent": False,
        },
    }
).encode()
MODEL_MESSAGE = json.dumps(
    {
        "type": "response.audio.delta",
        "event_id": "event_AbCdEfGhIjKlMnOpQrStUv",
        "response_id": "resp_AbCdEfGhIjKlMnOpQrStUv",
        "item_id": "item_AbCdEfGhIjKlMnOpQrStUv",
        "output_index": 0,
        "content_index": 0,
        "delta": PAYLOAD.decode(),
    }
).encode()


def best_us(*candidates: Callable[[], object]) -> list[float]:
    """The best of several rounds for each; the candidates take turns, so that a disturbance meets them alike."""
    best = [float("inf")] * len(candidates)
    for _ in range(ROUNDS):
        for index, candidate in enumerate(candidates):
            started = time.perf_counter()
            for _ in range(FRAMES):
                candidate()
            best[index] = min(best[index], (time.perf_counter() - started) / FRAMES * 1e6)
    return best


def read_phone() -> None:
    event = media_stream.decode(PHONE_MESSAGE)
    assert isinstance(event, PhoneAudio)
    decode_payload(event.payload, PCM16_24K.bytes_per_sample)


def read_model() -> None:
    event = voice_live.decode(MODEL_MESSAGE)
    assert isinstance(event, AudioDelta)
    decode_payload(event.payload, PCM16_24K.bytes_per_sample)


def plain_read_phone() -> None:
    base64.b64decode(json.loads(PHONE_MESSAGE)["audioData"]["data"], validate=True)


def plain_read_model() -> None:
    base64.b64decode(json.loads(MODEL_MESSAGE)["delta"], validate=True)


def write_phone() -> None:
    media_stream.encode_audio(FRAME)


def write_model() -> None:
    voice_live.encode(AppendAudio(PAYLOAD))


def plain_write_phone() -> None:
    audio = {"Data": base64.b64encode(FRAME).decode()}
    json.dumps({"Kind": "AudioData", "AudioData": audio, "StopAudio": None}).encode()


def plain_write_model() -> None:
    json.dumps({"type": "input_audio_buffer.append", "audio": base64.b64encode(FRAME).decode()}).encode()


@pytest.mark.parametrize(
    ("ours", "plain", "most"),
    [
        (read_phone, plain_read_phone, 0.6),
        (read_model, plain_read_model, 0.6),
        (write_phone, plain_write_phone, 0.3),
        (write_model, plain_write_model, 0.3),
    ],
    ids=["phone-in", "model-in", "phone-out", "model-out"],
)
def test_a_frame_costs_a_fraction_of_plain_json_and_base64(
    ours: Callable[[], object], plain: Callable[[], object], most: float
) -> None:
    ours_us, plain_us = best_us(ours, plain)
    assert ours_us < most * plain_us, f"{ours_us:.2f} us against {plain_us:.2f} us"
