from __future__ import annotations

import pytest

from gateway.words import is_parting


@pytest.mark.parametrize(
    ("text", "language"),
    [
        ("Bye.", "en-US"),
        ("Okay, thank you very much. Bye bye!", "en-US"),
        ("You too, have a nice day.", "en-GB"),
        ("No, that's all, thanks.", "en-US"),
        ("Yes, great.", "en-US"),
        ("Danke schön, tschüss!", "de-DE"),
        ("Alles klar, vielen Dank, auf Wiederhören.", "de-DE"),
        ("Merci beaucoup, au revoir.", "fr-FR"),
        ("Vale, muchas gracias, adiós.", "es-ES"),
        ("Grazie mille, arrivederci.", "it-IT"),
        ("Bedankt, tot ziens.", "nl-NL"),
    ],
)
def test_what_people_say_when_a_call_ends(text: str, language: str) -> None:
    assert is_parting(text, (language,))


@pytest.mark.parametrize(
    "text",
    [
        "",
        "...",
        "Wait.",
        "Stop, one more thing.",
        "Thanks, but what about my invoice?",
        "Bye?",
        "No, don't connect me.",
        "Thank you, and the number is",
        "I have another question, goodbye is too early",
    ],
)
def test_what_is_more_than_that(text: str) -> None:
    assert not is_parting(text, ("en-US",))
