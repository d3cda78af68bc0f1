"""Calls for help, and talk of past and small things."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from gateway.words import mentions_emergency
from gateway.words.emergency import ALWAYS, FILE, MAX_CHARS
from gateway.words.lists import expand, load

IN_DANGER = [
    ("en-US", "Call an ambulance!"),
    ("en-US", "please can you call me an ambulance"),
    ("en-US", "I can't breathe"),
    ("en-US", "I can\u2019t breathe."),
    ("en-US", "he isnt... he's not breathing"),
    ("en-US", "I think my husband is having a heart attack"),
    ("en-US", "Heart attack!"),
    ("en-US", "someone is bleeding"),
    ("en-US", "She's bleeding out, hurry"),
    ("en-US", "There is a fire"),
    ("en-US", "there's a fire in the kitchen"),
    ("en-US", "My house is on fire!"),
    ("en-US", "I want to kill myself"),
    ("en-US", "I don't want to live anymore."),
    ("en-US", "I just want to die"),
    ("en-US", "there's a gas leak"),
    ("en-US", "I smell gas in the hallway"),
    ("en-US", "Call 9-1-1. Call 911!"),
    ("en-US", "this is an emergency"),
    ("en-US", "my son won't wake up"),
    ("en-US", "she took too many pills"),
    ("en-US", "somebody is breaking into my house"),
    ("en-US", "He has a gun"),
    ("en-GB", "my mum's got chest pain, she has severe chest pains"),
    ("en-GB", "please send the fire brigade"),
    ("de-DE", "Rufen Sie einen Krankenwagen"),
    ("de-DE", "Ich brauche sofort einen Notarzt"),
    ("de-DE", "Ich bekomme keine Luft"),
    ("de-DE", "Mein Mann hat einen Herzinfarkt"),
    ("de-DE", "Hilfe, es brennt!"),
    ("de-DE", "Es riecht hier nach Gas."),
    ("de-DE", "Ich will mich umbringen"),
    ("de-DE", "ich möchte nicht mehr leben"),
    ("de-DE", "Meine Frau ist bewusstlos"),
    ("de-DE", "können Sie einen Krankenwagen schicken"),
    ("en-US", "oh god, there's so much blood"),
    ("nl-NL", "er staat een huis in brand"),
    ("fr-FR", "Appelez une ambulance"),
    ("fr-FR", "Je n\u2019arrive plus à respirer"),
    ("fr-FR", "Mon père fait une crise cardiaque"),
    ("fr-FR", "Au secours !"),
    ("fr-FR", "il y a une fuite de gaz"),
    ("fr-FR", "je veux mourir"),
    ("es-ES", "Llame a una ambulancia"),
    ("es-ES", "No puedo respirar"),
    ("es-MX", "Mi papá está teniendo un infarto"),
    ("es-MX", "¡Hay un incendio!"),
    ("es-ES", "Huele a gas"),
    ("es-ES", "quiero matarme"),
    ("it-IT", "Chiamate un'ambulanza"),
    ("it-IT", "Non riesco a respirare"),
    ("it-IT", "C'è un incendio"),
    ("it-IT", "voglio morire"),
    ("it-IT", "c'è una fuga di gas"),
    ("pt-BR", "Chame uma ambulância"),
    ("pt-BR", "Não consigo respirar"),
    ("pt-PT", "A casa está a arder"),
    ("pt-BR", "quero me matar"),
    ("pt-BR", "tem um vazamento de gás"),
    ("nl-NL", "Bel een ambulance"),
    ("nl-NL", "Ik krijg geen lucht"),
    ("nl-NL", "Er is brand"),
    ("nl-NL", "ik wil niet meer leven"),
    ("nl-NL", "ik ruik gas"),
    ("pl-PL", "I can't breathe"),
]
NO_DANGER = [
    ("en-US", "I called the fire department last week"),
    ("en-US", "My father had a heart attack two years ago"),
    ("en-US", "I'd like the emergency contact on my account changed"),
    ("en-US", "what does the ambulance cost"),
    ("en-US", "I'm calling about the fire alarm inspection"),
    ("en-US", "does my insurance cover fire damage"),
    ("en-US", "this bill is killing me"),
    ("en-US", "I'm dying to know"),
    ("en-US", "my phone is dying"),
    ("en-US", "the website is not responding"),
    ("en-US", "help"),
    ("en-US", "Can you help me with my password?"),
    ("en-US", "Help me please."),
    ("en-US", "someone broke into my house last month"),
    ("en-US", "I was in an accident in March"),
    ("en-US", "shoot, I forgot my number"),
    ("en-US", "I don't want to live in that area"),
    ("en-US", "my contract number is 911 112"),
    ("en-US", "the prices are going to jump from ten to twenty"),
    ("en-US", "I want to fire my lawyer"),
    ("en-US", ""),
    ("de-DE", "Ich habe letzte Woche die Feuerwehr gerufen"),
    ("de-DE", "In der Küche brennt das Licht"),
    ("de-DE", "Am Auto brennt die Kontrollleuchte"),
    ("de-DE", "Ich brauche dringend Hilfe mit meinem Router"),
    ("de-DE", "Der Router reagiert nicht mehr, er reagiert nicht"),
    ("de-DE", "Ich brauche Luft im Reifen"),
    ("de-DE", "Was kostet der Krankenwagen"),
    ("de-DE", "Der Kollege ist krank"),
    ("fr-FR", "Je suis au feu rouge"),
    ("fr-FR", "je rentre chez moi"),
    ("fr-FR", "Aidez-moi à changer mon mot de passe"),
    ("fr-FR", "vous m'appelez le 15 mars"),
    ("fr-FR", "Il ne répond pas au téléphone"),
    ("es-ES", "Ella está mucho mejor"),
    ("es-ES", "Me ha dado un número equivocado"),
    ("es-ES", "Apenas puedo oírle"),
    ("es-ES", "Quiero hablar del seguro de incendio"),
    ("es-MX", "Necesito auxilio en carretera"),
    ("it-IT", "Mia moglie non risponde al telefono"),
    ("it-IT", "Sta andando a casa"),
    ("it-IT", "Ho preso tutte le informazioni"),
    ("it-IT", "il contratto del gas"),
    ("pt-BR", "Ela está aqui agora"),
    ("pt-BR", "O pronto-socorro fica onde"),
    ("pt-PT", "Cheira bem"),
    ("nl-NL", "Ik wil alleen maar betalen"),
    ("nl-NL", "Er is een probleem"),
    ("nl-NL", "Ik kan bijna geen verbinding krijgen"),
    ("nl-NL", "Wat kost een ambulance"),
]


@pytest.mark.parametrize(("language", "text"), IN_DANGER)
def test_a_call_for_help_is_heard(language: str, text: str) -> None:
    assert mentions_emergency(text, [language])


@pytest.mark.parametrize(("language", "text"), NO_DANGER)
def test_talk_of_other_things_is_no_call_for_help(language: str, text: str) -> None:
    assert not mentions_emergency(text, [language])


def test_every_language_of_the_line_counts() -> None:
    assert mentions_emergency("Es brennt!", ["fr-FR", "de-DE"])
    assert not mentions_emergency("Es brennt!", ["fr-FR"])


def test_a_phrase_that_counts_alone_counts_only_so() -> None:
    assert mentions_emergency("Ambulance!", ["en"])
    assert not mentions_emergency("The ambulance was here on Monday", ["en"])


@pytest.mark.parametrize(
    ("text", "heard"),
    [
        ("Code RED, please!", True),
        ("the code is redder", False),
        ("barcode red", False),
        ("すぐに救急車を呼んでください", True),
        ("救急", False),
    ],
)
def test_the_operators_own_phrases_count(text: str, heard: bool) -> None:
    assert mentions_emergency(text, ["ja-JP"], ["code-red", "救急車", "  ", "?"]) is heard


@pytest.mark.parametrize("language", sorted(load(FILE, "anywhere")))
def test_every_pattern_of_the_list_is_heard(language: str) -> None:
    who = load(FILE, "who")[language]
    for pattern in load(FILE, "anywhere")[language]:
        phrase = next(iter(expand(pattern, who)))
        assert phrase.count(" ") > 0 or len(phrase) > 5, pattern
        assert mentions_emergency(f"So, {phrase.upper()}! Now.", [language]), pattern
    for phrase in load(FILE, "alone")[language]:
        assert mentions_emergency(f"{phrase}!", [language]), phrase


def test_english_is_heard_on_every_line() -> None:
    assert ALWAYS == "en"
    assert mentions_emergency("there is a fire", [])


def test_of_a_transcript_without_end_the_beginning_is_looked_at() -> None:
    assert mentions_emergency("there is a fire " + "and so on " * MAX_CHARS, ["en"])
    assert not mentions_emergency("and so on " * MAX_CHARS + "there is a fire", ["en"])


@given(st.text(), st.lists(st.text(), max_size=3), st.lists(st.text(), max_size=3))
def test_nothing_said_before_hides_it(text: str, languages: list[str], extra: list[str]) -> None:
    assert mentions_emergency(f"{text} call an ambulance", languages, extra)
