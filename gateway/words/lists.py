"""The data files: `{"source": ..., "date": ..., "notes": ..., <name>: {language: [phrase, ...]}}`.

A phrase may be a pattern. "call/send an/the ambulance" stands for all four combinations; an empty alternative leaves
the word out: "having a/ stroke" is with the "a" and without. `<who>` stands for each of the file's words for somebody.
"""

from __future__ import annotations

import itertools
import json
from collections.abc import Iterable, Sequence
from functools import cache
from importlib import resources

from gateway.words.fold import fold

WHO = "<who>"


@cache
def load(file: str, name: str) -> dict[str, tuple[str, ...]]:
    """Patterns by base language."""
    content = json.loads(resources.files(__package__).joinpath(file).read_text(encoding="utf-8"))
    return {language: tuple(patterns) for language, patterns in content[name].items()}


def expand(pattern: str, who: Sequence[str] = ()) -> Iterable[str]:
    """The phrases of a pattern, with single spaces."""
    for words in itertools.product(*(who if word == WHO else word.split("/") for word in pattern.split(" "))):
        yield " ".join(word for word in words if word)


def folded(patterns: Iterable[str], who: Sequence[str] = ()) -> frozenset[str]:
    """All phrases of the patterns, as they are compared; what has no letter is nothing."""
    return frozenset(fold(phrase) for pattern in patterns for phrase in expand(pattern, who)) - {""}


def base_languages(languages: Sequence[str]) -> tuple[str, ...]:
    """Of BCP 47 tags: "en" of "en-US"; each once, sorted."""
    return tuple(sorted({language.partition("-")[0].lower() for language in languages}))


def writes_spaces(letter: str) -> bool:
    """Whether words of the letter's script stand between spaces.

    Not so in Thai and its neighbours, Chinese and Japanese; Korean does write them, but its particles stick to words.
    """
    return not any(first <= letter <= last for first, last in WITHOUT_SPACES)


WITHOUT_SPACES = (
    ("\u0e00", "\u0eff"),  # Thai, Lao
    ("\u1000", "\u109f"),  # Myanmar
    ("\u1100", "\u11ff"),  # Hangul Jamo
    ("\u1780", "\u17ff"),  # Khmer
    ("\u3005", "\u30ff"),  # Japanese: iteration marks, Hiragana, Katakana
    ("\u3400", "\u4dbf"),  # Han, extension A
    ("\u4e00", "\u9fff"),  # Han
    ("\uac00", "\ud7af"),  # Hangul syllables
    ("\U00020000", "\U0003ffff"),  # Han, further extensions
)
"""First and last character of blocks, after the Unicode Blocks.txt."""
