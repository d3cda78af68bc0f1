"""Phone numbers as logs may hold them: the country, and a word that is always the same for the same number.

Without the key the word says nothing: there are only some ten thousand million numbers, so a plain hash of one is found
by trying them all.
"""

from __future__ import annotations

import hashlib
import hmac

ANONYMOUS = "anonymous"
_WORD_CHARACTERS = 8
_SHORT_CODES = frozenset(
    map(
        str,
        [
            *(1, 7, 20, 27, *range(30, 35), 36, 39, 40, 41, *range(43, 50), *range(51, 59), *range(60, 67)),
            *(81, 82, 84, 86, *range(90, 96), 98),
        ],
    )
)
"""Country codes of one and two digits; all others have three. ITU-T E.164, list of 15 December 2016."""


class Pseudonyms:
    """Names for numbers, by a key that stays in the process or is shared by its replicas."""

    def __init__(self, key: bytes) -> None:
        self._key = hmac.digest(key, b"pseudonyms of phone numbers", hashlib.sha256)

    def __repr__(self) -> str:
        return "<Pseudonyms>"

    def of(self, number: str | None) -> str:
        """`49-1f0a6b2c` for a number in E.164; `anonymous` for none."""
        if number is None:
            return ANONYMOUS
        word = hmac.new(self._key, number.encode("utf-8"), hashlib.sha256).hexdigest()[:_WORD_CHARACTERS]
        return f"{country_code(number)}-{word}"


def country_code(number: str) -> str:
    """Of a number in E.164, without the plus sign."""
    digits = number.removeprefix("+")
    return next((digits[:length] for length in (1, 2) if digits[:length] in _SHORT_CODES), digits[:3])
