"""Words that are not to be heard, however they are written."""

from __future__ import annotations

import string
import time

import pytest
from hypothesis import given
from hypothesis import strategies as st

from gateway.words import TermList, builtin_terms, fold
from gateway.words.lists import load
from gateway.words.terms import FILE, MAX_CHARS

TERMS = TermList(["ass", "fuck", "Fucking", "suck my dick", "can't stand", "scheiße", "バカ", "10", "AV女優", "badass"])
LETTERS = st.text(string.ascii_lowercase, min_size=2, max_size=8)


@pytest.mark.parametrize(
    ("text", "term"),
    [
        ("You ASS!", "ass"),
        ("ass", "ass"),
        ("kick-ass", "ass"),
        ("a bad ass", "ass"),
        ("badass", "badass"),
        ("f.u.c.k", "fuck"),
        ("F-U-C-K off", "fuck"),
        ("f..u--c_k", "fuck"),
        ("fück", "fuck"),
        ("ｆｕｃｋ", "fuck"),
        ("fu\u200bc\u2060k", "fuck"),
        ("f\u0301u\u0302c\u0303k", "fuck"),
        ("fucking", "Fucking"),
        ("a$$", "ass"),
        ("@ss", "ass"),
        ("4ss", "ass"),
        ("$uck  my,  d1ck", "suck my dick"),
        ("I can't stand it", "can't stand"),
        ("I cant stand it", "can't stand"),
        ("I can\u2019t stand it", "can't stand"),
        ("SCHEISSE", "scheiße"),
        ("$ch3i$$e", "scheiße"),
        ("あなたはバカです", "バカ"),
        ("これはAV女優です", "AV女優"),
        ("これはassです", "ass"),
        ("at 10 o'clock", "10"),
    ],
)
def test_found(text: str, term: str) -> None:
    assert TERMS.find(text) == term


@pytest.mark.parametrize(
    "text",
    [
        "class",
        "assess the grass",
        "as soon as so",
        "as S",
        "a s s",
        "suck my",
        "suck. And then, after a while, my dick",
        "firetruck",
        "fuckoo",
        "f....u....c....k",
        "io 100 1O0 210",
        "i o",
        "BAV女優",
        "",
        "...",
    ],
)
def test_not_found(text: str) -> None:
    assert TERMS.find(text) is None


def test_the_term_that_stands_first_is_returned_as_it_was_given() -> None:
    assert TermList(["Two", "ONE"]).find("one two") == "ONE"
    assert TermList(["can't", "cant"]).find("cant") == "can't"


def test_nothing_to_find_is_never_found() -> None:
    assert TermList([]).find("anything") is None
    assert TermList(["", " ", "?!"]).find("anything?! ") is None


def test_a_text_that_grows_is_found_when_the_word_is_whole() -> None:
    said = "that is just class and then some shit happened"
    terms = TermList(["ass", "shit"])
    found = [terms.find(said[:end]) for end in range(len(said) + 1)]
    whole = said.index("shit") + len("shit")
    assert found == [None] * whole + ["shit"] * (len(said) + 1 - whole)


def test_the_end_of_a_long_text_is_looked_at() -> None:
    assert TERMS.find("fuck... " * 8192 + "x" * MAX_CHARS) is None
    assert TERMS.find("x" * MAX_CHARS + " ass") == "ass"
    assert TERMS.find("ass " + "x" * MAX_CHARS) is None


@given(
    st.lists(LETTERS | st.text(st.characters(exclude_characters="$@'`\u2019\u02bc\u00b4"), max_size=12), min_size=1),
    st.data(),
)
def test_every_term_is_found_in_its_own_spelling(terms: list[str], data: st.DataObject) -> None:
    term = data.draw(st.sampled_from(terms))
    found = TermList(terms).find(term)
    assert (found in terms) if fold(term) else (found is None)


@given(st.lists(LETTERS, min_size=1, max_size=30), st.lists(LETTERS, max_size=12))
def test_among_plain_words_it_finds_what_comparing_words_finds(terms: list[str], words: list[str]) -> None:
    first = next((word for word in words if word in terms), None)
    assert TermList(terms).find(" ".join(words)) == first


@given(LETTERS, st.data())
def test_signs_between_the_letters_do_not_hide_a_word(term: str, data: st.DataObject) -> None:
    signs = st.text(st.sampled_from(".-*_\u200b\u0301"), max_size=3)
    hidden = "".join(letter + data.draw(signs) for letter in term)
    assert TermList([term]).find(f"oh {hidden.upper()} no") == term


HOSTILE = [
    "a",
    "fu...",
    ".",
    "\u200b",
    "\ufdfa",
    "a\u0316\u0301",
    "\u05b0\u05bf",
    "fuc...",
    "suck my ",
    "$",
    "1",
    " ",
    "\ud800",
]


@pytest.mark.parametrize("piece", HOSTILE)
def test_a_hostile_text_takes_time_by_its_length(piece: str) -> None:
    """Eight times the text takes about eight times as long; by the square it would be sixty-four."""
    terms = TermList([*map("fuck".__add__, string.ascii_lowercase), "suck my dick", "f" * 200, "a" * 100 + "b"])

    def seconds(size: int) -> float:
        text = (piece * size)[:size]
        times = []
        for _ in range(5):
            began = time.perf_counter()
            terms.find(text)
            times.append(time.perf_counter() - began)
        return min(times)

    assert seconds(MAX_CHARS) < 32 * seconds(MAX_CHARS // 8)


def test_the_built_in_terms_are_those_of_the_languages() -> None:
    english = builtin_terms(["en-US", "en-GB"])
    assert len(english) == len(set(english)) > 30
    assert set(builtin_terms(["de-DE", "en"])) == {*english, *builtin_terms(["de"])}
    assert builtin_terms(["sw"]) == builtin_terms([]) == ()


@pytest.mark.parametrize("language", sorted(load(FILE, "terms")))
def test_every_built_in_term_is_found(language: str) -> None:
    for term in builtin_terms([language]):
        assert TermList([term]).find(f"oh, {term.upper()}!") == term


@pytest.mark.parametrize(
    "text",
    [
        "Your class in Scunthorpe starts at 10 past 4, and the cocktail assessment is passed.",
        "Dick van Dyke's analysis of the Essex peacock and the shiitake, Mr. Hancock, was damn good.",
        "Ihr Dickmann aus Fuckau wird Ihnen geschickt, der Schwanzlurch ist eine Amphibie.",
        "La dispute sur la réputation de la saloperie, pardon, du salon est computée.",
        "Votre train est en retard, Kike a un cono y un gato negro en Slough.",
        "El computador disputa el reputado putativo, y la mierdería está cerrada.",
    ],
)
def test_harmless_words_are_not_found(text: str) -> None:
    assert TermList(builtin_terms(["en", "de", "fr", "es"])).find(text) is None


def test_a_pattern_is_made_once_for_the_same_terms() -> None:
    assert TermList(["one", "two"])._compiled is TermList(iter(["one", "two"]))._compiled
