"""Spellings of the same words made one: what a transcript and a list are compared in."""

from __future__ import annotations

import re
import unicodedata

_INVISIBLE = re.compile(
    "[\u00ad\u061c\u115f\u1160\u180b-\u180f\u200b-\u200f\u202a-\u202e\u2060-\u206f\u3164\ufe00-\ufe0f\ufeff\uffa0"
    "\U000e0000-\U000e0fff]"
)
"""Unicode's Default_Ignorable_Code_Point without the unassigned: seen by nobody, put into words to hide them."""
_ACCENTS = re.compile("[\u0300-\u036f\u1ab0-\u1aff\u1dc0-\u1dff\u20d0-\u20ff\ufe20-\ufe2f]")
"""The blocks of Combining Diacritical Marks: accents of Latin, Greek and Cyrillic letters. The vowel signs of Indic
scripts and the voicing marks of kana are in other blocks, and stay."""
_HEAP = re.compile(r"([^\w\s\x00-\x7f]{30})[^\w\s\x00-\x7f]+")
"""More marks on a letter than UAX 15 allows (Stream-Safe Text Format): sorting them is quadratic."""
_SPACES = re.compile(r"\s+")
_NO_LETTER = re.compile(r"[^\w ]|_")


def fold(text: str) -> str:
    """Words as they are compared: small letters and single spaces.

    NFKC (a full-width letter is a letter), case folded, invisible characters removed, and every other sign a space:
    "Can't" and "CAN-T" are both "can t". Accents are dropped, because speech recognition and operators write
    them when they like: "ça" is "ca", "schön" is "schon". Letters with a stroke (ł, ø) and letters of other alphabets
    that look alike are what they are. Idempotent.
    """
    return _SPACES.sub(" ", separate(plain(text), " ")).strip()


def plain(text: str) -> str:
    """As `fold`, but with its punctuation and spaces; spaces are all the same character."""
    if text.isascii():
        return _SPACES.sub(" ", text.lower())
    text = _HEAP.sub(r"\1", _ACCENTS.sub("", _INVISIBLE.sub("", text)))
    # Unicode 3.13, D146 (compatibility caseless match): decompose, fold, and once more for what folding has composed.
    text = unicodedata.normalize("NFKD", unicodedata.normalize("NFKD", text).casefold()).casefold()
    text = _ACCENTS.sub("", unicodedata.normalize("NFKD", text))
    return _SPACES.sub(" ", unicodedata.normalize("NFC", _HEAP.sub(r"\1", text)))


def separate(text: str, sign: str) -> str:
    """Every character that is no letter, number, mark or space becomes `sign`."""
    return _NO_LETTER.sub(lambda found: found[0] if unicodedata.category(found[0])[0] == "M" else sign, text)
