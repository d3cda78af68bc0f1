"""Words that are not to be heard, found however they are written."""

from __future__ import annotations

import re
from collections.abc import Iterable, Sequence
from functools import lru_cache
from typing import NamedTuple

from gateway.words.fold import plain, separate
from gateway.words.lists import WITHOUT_SPACES, base_languages, load, writes_spaces

FILE = "unwanted.json"
MAX_CHARS = 8192
"""What is looked at of a text: its end, for a text that grows was looked at before. Some eight minutes of speech."""

_LOOKALIKES = str.maketrans("4310$@", "aeiosa")
_HAS_LETTER = re.compile(r"[^\W\d_]|@")
"""A number is no word in disguise: "10" is not "io"."""
_CHUNK = re.compile(r"\S+")
_APOSTROPHES = re.compile("['`\u00b4\u02bc\u2019\uff07]")

# The text as the pattern sees it: words of letters, numbers and marks, " " for a space, "." for any other sign.
_INSIDE = r"\.{0,3}"
"""Between the letters of a word: "f.u.c.k"."""
_BETWEEN = "[ .]{1,8}"
"""Between the words of a term."""
_NO_WORD = " ." + "".join(f"{first}-{last}" for first, last in WITHOUT_SPACES)
_WORD_BEGINS = f"(?<![^{_NO_WORD}])"
_WORD_ENDS = f"(?![^{_NO_WORD}])"
_SHARED_LETTERS = 4
"""So many first letters are compared once for all terms that have them: a thousand terms cost little more than one."""


class TermList:
    """Words and phrases to be found, compiled once.

    Found are whole words ("class" holds none), whatever their case, accents and width, with invisible characters or
    punctuation between the letters ("f.u.c.k"), and with 4, 3, 1, 0, $ and @ in place of a, e, i, o, s and a. Where a
    script writes no spaces (Chinese, Japanese, Thai), the term is found anywhere. Letters apart by spaces are spelled,
    and not looked for.

    Args:
        terms: in any spelling; one without a letter or number is never found.
    """

    def __init__(self, terms: Iterable[str]) -> None:
        self._compiled = _compile(tuple(terms))

    def __repr__(self) -> str:
        return f"<TermList of {len(self._compiled.terms)}>"

    def find(self, text: str) -> str | None:
        """The term that stands first, as it was given; of a long text the last `MAX_CHARS` characters are looked at."""
        found = self._compiled.pattern.search(_seen(text[-MAX_CHARS:])[-MAX_CHARS:])
        return None if found is None else self._compiled.terms[_key(found[0])]


def builtin_terms(languages: Sequence[str]) -> tuple[str, ...]:
    """The gateway's own short list for these languages (BCP 47): slurs, obscenities, sexual harassment.

    English is not added by itself; a language without a list has none.
    """
    lists = load(FILE, "terms")
    return tuple(dict.fromkeys(term for language in base_languages(languages) for term in lists.get(language, ())))


class _Compiled(NamedTuple):
    pattern: re.Pattern[str]
    terms: dict[str, str]
    """as they were given, by what is left of a match without its signs"""


@lru_cache(maxsize=64)
def _compile(terms: tuple[str, ...]) -> _Compiled:
    """Calls of one line share it: a thousand terms take a moment."""
    given: dict[str, str] = {}
    spellings: dict[str, None] = {}
    for term in terms:
        # "Can't" is found as "cant", and as "can't" because of the sign between its letters.
        words = " ".join(_seen(_APOSTROPHES.sub("", term)).replace(".", " ").split())
        if words and _key(words) not in given:
            given[_key(words)] = term
            spellings[words] = None
    return _Compiled(re.compile(_pattern(list(spellings))), given)


def _pattern(spellings: list[str]) -> str:
    """One alternative for each way to begin and end, so that the classes of the boundaries are compiled once each."""
    by_edges: dict[tuple[str, str], list[str]] = {}
    for spelling in spellings:
        edges = (
            _WORD_BEGINS if writes_spaces(spelling[0]) else "",
            _WORD_ENDS if writes_spaces(spelling[-1]) else "",
        )
        by_edges.setdefault(edges, []).append(spelling)
    nothing = "(?!)"
    return "|".join(f"{begin}(?:{_tree(group, 0)}){end}" for (begin, end), group in by_edges.items()) or nothing


def _tree(spellings: list[str], shared: int) -> str:
    """A pattern for spellings whose first `shared` letters have been compared already."""
    if len(spellings) == 1 or shared == _SHARED_LETTERS:
        return "|".join(_rest(spelling, shared) for spelling in spellings)
    by_letter: dict[str, list[str]] = {}
    for spelling in spellings:
        by_letter.setdefault(spelling[shared : shared + 1], []).append(spelling)
    return "|".join(
        f"{_letter(group[0], shared)}(?:{_tree(group, shared + 1)})" if letter else ""
        for letter, group in by_letter.items()
    )


def _rest(spelling: str, start: int) -> str:
    return "".join(_letter(spelling, at) for at in range(start, len(spelling)))


def _letter(spelling: str, at: int) -> str:
    """The letter, with what may stand before it."""
    if spelling[at] == " ":
        return _BETWEEN
    inside = at > 0 and spelling[at - 1] != " "
    return (_INSIDE if inside else "") + re.escape(spelling[at])


def _seen(text: str) -> str:
    return separate(_CHUNK.sub(_undisguised, plain(text)), ".")


def _undisguised(chunk: re.Match[str]) -> str:
    return chunk[0].translate(_LOOKALIKES) if _HAS_LETTER.search(chunk[0]) else chunk[0]


def _key(seen: str) -> str:
    return seen.replace(" ", "").replace(".", "")
