"""Calls for help, recognised by fixed phrases: what must work when the model does not understand."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from functools import lru_cache
from typing import NamedTuple

from gateway.words.fold import fold
from gateway.words.lists import base_languages, folded, load, writes_spaces

FILE = "emergencies.json"
ALWAYS = "en"
"""Who calls for help in a language that is not the line's most often does so in English."""
MAX_CHARS = 8192
"""What is looked at of a transcript: some eight minutes of speech."""


def mentions_emergency(text: str, languages: Sequence[str], extra: Iterable[str] = ()) -> bool:
    """Whether somebody says that a life is in danger, now.

    The lists hold phrases, not words, and the present tense: a danger must not be missed, but "I called the fire
    department last week" is none. Negations are not understood.

    Args:
        text: a complete transcript.
        languages: of the line, BCP 47; English is always listened for, too.
        extra: the operator's own phrases, in any language.
    """
    said = fold(text[:MAX_CHARS])[:MAX_CHARS]
    known = _phrases(base_languages((*languages, ALWAYS)), tuple(extra))
    if said in known.alone or any(phrase in said for phrase in known.inside):
        return True
    words = said.split(" ")
    return any(
        " ".join(words[start : start + count]) in known.anywhere
        for start in range(len(words))
        for count in range(1, known.longest + 1)
    )


class _Phrases(NamedTuple):
    alone: frozenset[str]
    """count as the whole of what is said"""
    anywhere: frozenset[str]
    """whole words, wherever they stand"""
    inside: frozenset[str]
    """wherever they stand, because their script writes no spaces"""
    longest: int
    """words of the longest of `anywhere`"""


@lru_cache(maxsize=64)
def _phrases(languages: tuple[str, ...], extra: tuple[str, ...]) -> _Phrases:
    anywhere, alone = (
        frozenset[str]().union(*(_list(name, language) for language in languages)) for name in ("anywhere", "alone")
    )
    anywhere |= {fold(phrase) for phrase in extra} - {""}
    inside = frozenset(phrase for phrase in anywhere if not writes_spaces(phrase[0]))
    return _Phrases(alone, anywhere, inside, max(phrase.count(" ") for phrase in anywhere) + 1)


@lru_cache(maxsize=64)
def _list(name: str, language: str) -> frozenset[str]:
    return folded(load(FILE, name).get(language, ()), load(FILE, "who").get(language, ()))
