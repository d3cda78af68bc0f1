"""Sounds of listening, and words that are more than that."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from gateway.words import fold, is_backchannel
from gateway.words.backchannel import FILE, MAX_CHARS, NEUTRAL
from gateway.words.lists import load

LISTENS = [
    ("en-US", "Uh-huh."),
    ("en-US", "mhm"),
    ("en-US", "Mm-hmm."),
    ("en-US", "MM HMM"),
    ("en-US", "Yeah."),
    ("en-US", "Yeahhh"),
    ("en-US", "yeah, okay"),
    ("en-US", "Yeah, yeah, yeah."),
    ("en-US", "Okay."),
    ("en-US", "OK"),
    ("en-US", "Right."),
    ("en-US", "Right, right, I see."),
    ("en-US", "Hmmmm"),
    ("en-US", "Oh."),
    ("en-US", "Ohhh, I see."),
    ("en-US", "I see"),
    ("en-US", "yes"),
    ("en-US", "All right, got it."),
    ("en-US", "That\u2019s right."),
    ("en", "Sure, sure"),
    ("EN-gb", "Oh, lovely."),
    ("en-US", "um"),
    ("de-DE", "Ja."),
    ("de-DE", "Ja, genau."),
    ("de-DE", "Ach so, verstehe"),
    ("de-AT", "Alles klar"),
    ("de-DE", "Mhm, ja, ja."),
    ("fr-FR", "D'accord."),
    ("fr-FR", "oui oui"),
    ("fr-CA", "Ah bon, je vois"),
    ("fr-FR", "C\u2019est ça"),
    ("es-ES", "Sí, claro."),
    ("es-MX", "Ajá"),
    ("es-MX", "Vale, entiendo"),
    ("it-IT", "Sì, va bene"),
    ("it-IT", "ho capito"),
    ("pt-BR", "Tá bom"),
    ("pt-PT", "Pois é, percebi."),
    ("nl-NL", "Oké, ik snap het"),
    ("nl-NL", "Ja hoor"),
    ("pl-PL", "No tak, rozumiem"),
    ("pl-PL", "Jasne"),
    ("ja-JP", "はい"),
    ("ja-JP", "はいはい"),
    ("ja-JP", "うん、なるほど。"),
    ("ja-JP", "へーーー"),
    ("zh-CN", "嗯嗯,好的"),
    ("zh-CN", "对对对"),
    ("zh-TW", "對,沒錯"),
    ("ko-KR", "네, 네."),
    ("ko-KR", "네네 알겠습니다"),
    ("hi-IN", "हाँ जी"),
    ("hi-IN", "अच्छा, ठीक है।"),
    ("hi-IN", "haan, theek hai"),
    ("sw-KE", "mhm, ah"),
]
CLAIMS = [
    ("en-US", "no"),
    ("en-US", "No, no."),
    ("en-US", "oh no"),
    ("en-US", "stop"),
    ("en-US", "Okay, stop."),
    ("en-US", "wait"),
    ("en-US", "Wait, wait, wait!"),
    ("en-US", "yes please"),
    ("en-US", "yeah but"),
    ("en-US", "what?"),
    ("en-US", "Hm?"),
    ("en-US", "Right?"),
    ("en-US", "sorry"),
    ("en-US", "Sorry, I see a problem"),
    ("en-US", "mm-mm"),
    ("en-US", "Uh-uh."),
    ("en-US", "hello"),
    ("en-US", "excuse me"),
    ("en-US", "I see you"),
    ("en-US", "the right one"),
    ("en-US", "okayish"),
    ("en-US", "yes I want to speak to somebody"),
    ("en-US", "thank you, bye"),
    ("en-US", ""),
    ("en-US", "..."),
    ("en-US", "genau"),
    ("de-DE", "Nein."),
    ("de-DE", "Moment, ja"),
    ("de-DE", "Ja bitte"),
    ("de-DE", "Wie bitte"),
    ("de-DE", "Stopp"),
    ("fr-FR", "non"),
    ("fr-FR", "Attendez"),
    ("fr-FR", "pardon"),
    ("fr-FR", "hein"),
    ("es-ES", "no"),
    ("es-ES", "espera, espera"),
    ("es-ES", "¿Cómo?"),
    ("it-IT", "Pronto"),
    ("it-IT", "aspetti"),
    ("pt-BR", "não"),
    ("pt-BR", "pois não"),
    ("nl-NL", "nee"),
    ("nl-NL", "wacht even"),
    ("pl-PL", "nie"),
    ("pl-PL", "no"),
    ("pl-PL", "słucham"),
    ("ja-JP", "いいえ"),
    ("ja-JP", "そうですか？"),
    ("ja-JP", "はい、でも"),
    ("zh-CN", "不是"),
    ("zh-CN", "对不起"),
    ("zh-CN", "好不好"),
    ("ko-KR", "아니요"),
    ("ko-KR", "잠깐만요"),
    ("hi-IN", "नहीं"),
    ("hi-IN", "रुको"),
    ("sw-KE", "ndiyo"),
    ("sw-KE", "okay"),
]


@pytest.mark.parametrize(("language", "text"), LISTENS)
def test_a_sound_of_listening_claims_no_turn(language: str, text: str) -> None:
    assert is_backchannel(text, [language])


@pytest.mark.parametrize(("language", "text"), CLAIMS)
def test_words_that_answer_or_stop_claim_the_turn(language: str, text: str) -> None:
    assert not is_backchannel(text, [language])


def test_every_language_of_the_line_counts() -> None:
    assert is_backchannel("okay, genau, d'accord", ["en-US", "de-DE", "fr-FR"])
    assert not is_backchannel("okay, genau, d'accord", ["en-US", "de-DE"])


def test_whoever_says_much_has_something_to_say() -> None:
    assert not is_backchannel("yeah " * MAX_CHARS, ["en"])


@pytest.mark.parametrize("language", sorted(load(FILE, "sounds")))
def test_every_sound_of_the_list_is_one(language: str) -> None:
    spoken = "en" if language == NEUTRAL else language
    for sound in load(FILE, "sounds")[language]:
        assert fold(sound)
        assert is_backchannel(sound, [spoken]), sound
        assert is_backchannel(f"{sound.upper()}!", [spoken]), sound


@given(st.text(), st.lists(st.text(), max_size=3))
def test_any_text_in_any_language_is_judged(text: str, languages: list[str]) -> None:
    assert not is_backchannel(f"stop {text}", languages)
