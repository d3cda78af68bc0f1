"""Spellings of the same words made one."""

from __future__ import annotations

import unicodedata

import pytest
from hypothesis import given
from hypothesis import strategies as st

from gateway.words import fold

# Text of what makes normalising hard: marks, things that decompose, invisible and strange characters.
HARD = st.text(
    st.sampled_from(
        "aİıßſǅﬁ\u0301\u0323\u0345\u0958\u093c\u094d\u3099かﾞ゛가ᄀ각\u200d\u00ad\u3164ﷺ¨½①K._'-　 \ud800\U0001d400"
    )
)


@given(st.text() | HARD)
def test_folding_again_changes_nothing(text: str) -> None:
    assert fold(fold(text)) == fold(text)


@given(st.text() | HARD)
def test_only_letters_numbers_marks_and_single_spaces_are_left(text: str) -> None:
    folded = fold(text)
    assert folded == " ".join(folded.split(" ")).strip()
    assert "  " not in folded
    assert all(character == " " or unicodedata.category(character)[0] in "LNM" for character in folded)


@given(st.text(st.characters(codec="ascii")))
def test_plain_english_is_folded_as_any_other_text(text: str) -> None:
    assert fold(text + "é") == fold(text + "e")


@pytest.mark.parametrize(
    ("text", "folded"),
    [
        ("Can't", "can t"),
        ("can\u2019t", "can t"),
        ("  UH-huh...\n", "uh huh"),
        ("snake_case", "snake case"),
        ("ｆｕｌｌ　ｗｉｄｔｈ", "full width"),
        ("zero\u200bwidth so\u00adft", "zerowidth soft"),
        ("Straße", "strasse"),
        ("ça déjà", "ca deja"),
        ("SCHÖN", "schon"),
        ("słucham", "słucham"),
        ("z\u0301\u0302\u0303a\u0304l\u0305", "zal"),
        ("हाँ जी!", "हाँ जी"),
        ("がぎ", "がぎ"),
        ("はい、うん。", "はい うん"),
        ("네, 네.", "네 네"),
        ("9-1-1", "9 1 1"),
        ("?!", ""),
        ("", ""),
    ],
)
def test_folded(text: str, folded: str) -> None:
    assert fold(text) == folded
