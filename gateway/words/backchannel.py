"""Words that claim no turn: sounds of listening ("mhm", "yeah, okay") and, at the end of a call, partings."""

from __future__ import annotations

import re
from collections.abc import Sequence
from functools import lru_cache

from gateway.words.fold import fold
from gateway.words.lists import base_languages, folded, load, writes_spaces

FILE = "backchannels.json"
NEUTRAL = "*"
"""Hums that mean the same in every language."""
MAX_CHARS = 80
"""Whoever says more has something to say."""
_QUESTIONS = re.compile("[?\uff1f\u061f]")
"""Also the full-width and the Arabic one."""
_LENGTHENED = re.compile(r"([a-zー〜])\1+")


def is_backchannel(text: str, languages: Sequence[str]) -> bool:
    """Whether what a caller said under the agent's running speech lets the agent speak on.

    It does if it is made up of sounds of listening alone, in one or several of the languages. Words that answer or stop
    ("no", "wait", "sorry", "yes please") are none, and neither is anything with a question mark. A bare "yes" is one:
    while the agent is speaking, it is a nod. So this must not be asked about a turn that the agent left to the caller.

    Args:
        text: the transcript of one stretch of the caller's speech.
        languages: BCP 47; one without a list has only the hums that every language has.
    """
    if len(text) > MAX_CHARS or _QUESTIONS.search(text):
        return False
    said = _shortened(fold(text))
    bases = base_languages(languages)
    return said not in _list("refusals", bases) and _made_of(said, _list("sounds", bases))


def is_parting(text: str, languages: Sequence[str]) -> bool:
    """Whether it is what people say when a call ends, or is handed on: "okay, thank you, bye".

    Made up of partings and sounds of listening alone; to be asked only where the agent has said goodbye.
    """
    if len(text) > MAX_CHARS or _QUESTIONS.search(text):
        return False
    bases = base_languages(languages)
    return _made_of(_shortened(fold(text)), _list("sounds", bases) | _list("partings", bases))


@lru_cache(maxsize=256)
def _list(name: str, languages: tuple[str, ...]) -> frozenset[str]:
    lists = load(FILE, name)
    return frozenset(
        _shortened(phrase) for language in (NEUTRAL, *languages) for phrase in folded(lists.get(language, ()))
    )


def _shortened(folded_text: str) -> str:
    """The same for a sound however long: "hmmm" is "hm", "yeahhh" is "yeah"."""
    return _LENGTHENED.sub(r"\1", folded_text)


def _made_of(said: str, sounds: frozenset[str]) -> bool:
    """Whether the sounds, put after one another, make up all of it."""
    ends = {0}
    for start in range(len(said)):
        if start not in ends:
            continue
        for sound in sounds:
            end = start + len(sound)
            if not said.startswith(sound, start):
                continue
            if said[end : end + 1] == " ":
                ends.add(end + 1)
            elif end == len(said) or not writes_spaces(sound[-1]):
                ends.add(end)
    return bool(said) and len(said) in ends
