"""Makes the clips of the offline twin and of the gateway: `python -m gateway.simulator.clips.make`.

Needs espeak-ng and scipy. The results are committed, so that nobody else needs either; run it again after a text
has changed.
"""

from __future__ import annotations

import json
import sys
from pathlib import Path
from typing import Any

import numpy as np
from scipy import signal

from gateway.audio.level import rms, rms_to_dbfs
from gateway.audio.pcm import FRAMES_PER_SECOND, Int16Array
from gateway.audio.wav import write_ulaw_wav, write_wav
from gateway.simulator.clips.espeak import EspeakMissing, Spoken, speak
from gateway.simulator.clips.music import hold_music
from gateway.simulator.clips.sentences import HOLD, SENTENCES, VOICES

CALLER = ("en-us+f3", 160)
AGENT = ("en", 158)
TWIN_RATE_HZ = 16_000
PRODUCT_RATE_HZ = 8000
"""and mu-law: what a telephone line carries, and a quarter of the bytes"""
PRODUCT_FRAME = PRODUCT_RATE_HZ // FRAMES_PER_SECOND
EDGE_S = 0.04
"""silence at both ends"""
SPEECH_RMS = 0.1
"""about -20 dBFS, the usual level of speech on a telephone line"""
FULL_SCALE = 32768
QUIET = 200 / FULL_SCALE

TWIN = {
    "agent.greeting": (AGENT, "Hello, you have reached Northwind Support. How can I help you?"),
    "agent.reply1": (AGENT, "I am sorry to hear that. Could you tell me which lights you see on your router?"),
    "agent.reply2": (
        AGENT,
        (
            "Thank you. A blinking red light means that the router cannot reach our network. Please unplug it, "
            "wait for thirty seconds, and plug it in again. After that, please tell me what you see."
        ),
    ),
    "agent.reply3": (AGENT, "Understood. Then I will send a technician. Would tomorrow at ten o'clock suit you?"),
    "agent.reply4": (AGENT, "Very good, it is booked. You will get a message with the details. Goodbye."),
    "caller.turn1": (CALLER, "Hi, my internet connection has been down since this morning."),
    "caller.turn2": (CALLER, "The power light is green, and the other one is blinking red."),
    "caller.turn3": (CALLER, "Sorry, wait. I have already done that twice."),
    "caller.turn4": (CALLER, "Yes, tomorrow at ten is fine, thank you."),
}


def clip_of(spoken: Spoken, rate_hz: int) -> tuple[Int16Array, float]:
    """The sound at `rate_hz`, at speech level, with even edges; and by how many seconds words moved."""
    wave = spoken.samples.astype(np.float64) / FULL_SCALE
    loud = np.flatnonzero(np.abs(wave) > QUIET)
    start, end = loud[0], loud[-1] + 1
    wave = signal.resample_poly(wave[start:end], rate_hz, spoken.rate_hz)
    voiced = wave[np.abs(wave) > QUIET]
    wave *= SPEECH_RMS / np.sqrt(np.mean(voiced**2))
    edge = np.zeros(round(EDGE_S * rate_hz))
    wave = np.clip(np.concatenate([edge, wave, edge]), -0.99, 0.99)
    return np.rint(wave * (FULL_SCALE - 1)).astype(np.int16), EDGE_S - start / spoken.rate_hz


def words_of(text: str, spoken: Spoken, moved_s: float, length_s: float) -> list[list[Any]]:
    """Every blank-separated word with the seconds of its start and end."""
    starts: dict[int, float] = {}
    position = 0
    for index, word in enumerate(text.split()):
        position = text.index(word, position)
        for at, ms in spoken.word_starts_ms:
            if position <= at - 1 < position + len(word):
                starts.setdefault(index, max(0.0, ms / 1000 + moved_s))
        position += len(word)
    words = text.split()
    known = sorted(starts)
    times = [float(np.interp(index, known, [starts[k] for k in known])) for index in range(len(words))]
    ends = [*times[1:], length_s - EDGE_S]
    return [[word, round(a, 3), round(min(b, length_s), 3)] for word, a, b in zip(words, times, ends, strict=True)]


def cough(rate_hz: int) -> Int16Array:
    """A burst of noise without words, 250 ms."""
    count = round(0.25 * rate_hz)
    noise = np.random.default_rng(7).standard_normal(count)
    shape = np.minimum(1, np.arange(count) / (0.01 * rate_hz)) * np.exp(-np.arange(count) / (0.08 * rate_hz))
    wave = signal.lfilter([1.0], [1.0, -0.6], noise) * shape
    edge = np.zeros(round(EDGE_S * rate_hz))
    wave = np.concatenate([edge, wave / np.max(np.abs(wave)) * 0.5, edge])
    samples: Int16Array = np.rint(wave * (FULL_SCALE - 1)).astype(np.int16)
    return samples


def make_twin_clips(folder: Path) -> None:
    manifest: dict[str, Any] = {}
    for name, ((voice, speed), text) in TWIN.items():
        spoken = speak(text, voice, speed)
        samples, moved_s = clip_of(spoken, TWIN_RATE_HZ)
        length_s = len(samples) / TWIN_RATE_HZ
        manifest[name] = _entry(name, text, words_of(text, spoken, moved_s, length_s))
        (folder / manifest[name]["file"]).write_bytes(write_wav(samples, TWIN_RATE_HZ))
        print(f"{name:16} {length_s:5.2f} s")
    manifest["caller.cough"] = _entry("caller.cough", "", [])
    (folder / manifest["caller.cough"]["file"]).write_bytes(write_wav(cough(TWIN_RATE_HZ), TWIN_RATE_HZ))
    (folder / "clips.json").write_text(json.dumps(manifest, indent=1) + "\n", encoding="utf-8")


def _entry(name: str, text: str, words: list[list[Any]]) -> dict[str, Any]:
    return {"file": f"{name.replace('.', '-')}.wav", "text": text, "rate_hz": TWIN_RATE_HZ, "words": words}


def make_product_clips(folder: Path) -> None:
    """A folder for each language, with `texts.json` and a file of mu-law for each clip."""
    for language, texts in SENTENCES.items():
        here = folder / language
        here.mkdir(exist_ok=True)
        for name, text in texts.items():
            samples = hold_music(PRODUCT_RATE_HZ) if name == HOLD else sentence(text, language)
            (here / f"{name}.wav").write_bytes(write_ulaw_wav(samples, PRODUCT_RATE_HZ))
            level_dbfs = rms_to_dbfs(rms(samples))
            print(f"{language} {name:16} {len(samples) / PRODUCT_RATE_HZ:5.2f} s {level_dbfs:6.1f} dBFS")
        written = json.dumps(texts, indent=1, ensure_ascii=False)
        (here / "texts.json").write_text(written + "\n", encoding="utf-8")


def sentence(text: str, language: str) -> Int16Array:
    """Spoken in the voice of the language, and filled up with silence to whole frames."""
    samples, _ = clip_of(speak(text, *VOICES[language]), PRODUCT_RATE_HZ)
    return np.concatenate([samples, np.zeros(-len(samples) % PRODUCT_FRAME, np.int16)])


def main() -> int:
    here = Path(__file__).parent
    try:
        make_twin_clips(here)
        make_product_clips(here.parent.parent / "clips")
    except EspeakMissing as error:
        print(error, file=sys.stderr)
        return 1
    return 0


if __name__ == "__main__":
    sys.exit(main())
