"""What the gateway says itself, by language (BCP 47) and clip name: the texts of `gateway/clips`."""

from __future__ import annotations

VOICES = {
    "de-DE": ("de+m3", 158),
    "en-US": ("en-us+m3", 158),
    "es-ES": ("es+m3", 165),
    "fr-FR": ("fr+m3", 165),
}
"""voice of espeak-ng, and words a minute"""

HOLD = "hold"
"""Music; its text is what a transcript shows."""

_QUEUE = {
    "de-DE": (
        "Zurzeit sind alle Leitungen belegt. Bitte bleiben Sie in der Leitung.",
        "Sie sind als Nächstes an der Reihe.",
        "Sie sind an {} Stelle in der Warteschlange.",
        ("zweiter", "dritter", "vierter", "fünfter", "sechster", "siebter", "achter", "neunter", "zehnter"),
        "Vor Ihnen warten mehr als zehn Anrufer.",
        "Es tut mir leid, im Moment ist niemand frei. Bitte rufen Sie später noch einmal an. Auf Wiederhören.",
    ),
    "en-US": (
        "All our lines are busy at the moment. Please hold the line.",
        "You are next.",
        "You are number {} in the queue.",
        ("two", "three", "four", "five", "six", "seven", "eight", "nine", "ten"),
        "There are more than ten callers before you.",
        "I am sorry, nobody is free at the moment. Please call again later. Goodbye.",
    ),
    "es-ES": (
        "En este momento todas las líneas están ocupadas. Por favor, no cuelgue.",
        "Usted es el siguiente.",
        "Usted ocupa el puesto número {} en la cola.",
        ("dos", "tres", "cuatro", "cinco", "seis", "siete", "ocho", "nueve", "diez"),
        "Hay más de diez llamadas antes que la suya.",
        "Lo siento, en este momento nadie está libre. Por favor, llame más tarde. Adiós.",
    ),
    "fr-FR": (
        "Toutes nos lignes sont occupées pour le moment. Veuillez patienter.",
        "Vous êtes le prochain.",
        "Vous êtes numéro {} dans la file d'attente.",
        ("deux", "trois", "quatre", "cinq", "six", "sept", "huit", "neuf", "dix"),
        "Plus de dix personnes attendent avant vous.",
        "Je suis désolé, personne n'est disponible pour le moment. Veuillez rappeler plus tard. Au revoir.",
    ),
}


def _queue(language: str) -> dict[str, str]:
    """What callers hear who wait for a place."""
    busy, following, position, numbers, many, goodbye = _QUEUE[language]
    places = {f"queue_{number}": position.format(word) for number, word in enumerate(numbers, start=2)}
    return {"queue_busy": busy, "queue_1": following, **places, "queue_many": many, "queue_goodbye": goodbye}


_SENTENCES = {
    "de-DE": {
        "filler": "Einen Moment, bitte.",
        "ask_again": "Entschuldigung, da ist etwas schiefgegangen. Könnten Sie das bitte wiederholen?",
        "neutral": "Es tut mir leid, dabei kann ich Ihnen nicht helfen. Kann ich sonst etwas für Sie tun?",
        "apology": (
            "Es tut mir leid, es gibt ein technisches Problem. Bitte rufen Sie in einigen Minuten noch einmal an. "
            "Auf Wiederhören."
        ),
        "disclosure": "Sie sprechen mit einem automatischen Sprachassistenten.",
        "connecting": "Einen Moment, bitte. Ich verbinde Sie.",
        "not_connected": "Es tut mir leid, dort kann im Moment niemand Ihren Anruf entgegennehmen.",
        "still_there": "Sind Sie noch da?",
        "silent_goodbye": "Ich kann Sie leider nicht hören und beende deshalb jetzt das Gespräch. Auf Wiederhören.",
        "time_nearly_up": "Unsere Gesprächszeit ist gleich zu Ende.",
        "time_is_up": "Unsere Gesprächszeit ist nun zu Ende. Auf Wiederhören.",
        "closed": (
            "Wir haben zurzeit geschlossen. Bitte rufen Sie während unserer Öffnungszeiten wieder an. Auf Wiederhören."
        ),
        "emergency": "Wenn dies ein Notfall ist, legen Sie bitte jetzt auf und wählen Sie die örtliche Notrufnummer.",
        "machine": "Dieser Anschluss ist nur für Sprachanrufe. Auf Wiederhören.",
        HOLD: "(Wartemusik)",
    },
    "en-US": {
        "filler": "One moment, please.",
        "ask_again": "I am sorry, something went wrong. Could you say that again?",
        "neutral": "I am sorry, I can not help with that. Is there anything else?",
        "apology": "I am sorry, I have a technical problem. Please call again in a few minutes. Goodbye.",
        "disclosure": "You are speaking with an automated assistant.",
        "connecting": "One moment, please. I am connecting you.",
        "not_connected": "I am sorry, nobody can take your call there at the moment.",
        "still_there": "Are you still there?",
        "silent_goodbye": "I can not hear you, so I am ending the call now. Goodbye.",
        "time_nearly_up": "Our time on this call is nearly over.",
        "time_is_up": "We have reached the end of the time for this call. Goodbye.",
        "closed": "We are closed at the moment. Please call again during our opening hours. Goodbye.",
        "emergency": "If this is an emergency, please hang up now and call your local emergency number.",
        "machine": "This line is for spoken calls only. Goodbye.",
        HOLD: "(hold music)",
    },
    "es-ES": {
        "filler": "Un momento, por favor.",
        "ask_again": "Lo siento, ha habido un problema. ¿Podría repetirlo, por favor?",
        "neutral": "Lo siento, no puedo ayudarle con eso. ¿Desea alguna otra cosa?",
        "apology": (
            "Lo siento, tenemos un problema técnico. Por favor, vuelva a llamar dentro de unos minutos. Adiós."
        ),
        "disclosure": "Está hablando con un asistente automático.",
        "connecting": "Un momento, por favor. Ahora mismo le paso.",
        "not_connected": "Lo siento, en este momento nadie puede atender allí su llamada.",
        "still_there": "¿Sigue usted ahí?",
        "silent_goodbye": "No le oigo, así que voy a finalizar la llamada. Adiós.",
        "time_nearly_up": "El tiempo de esta llamada está a punto de terminar.",
        "time_is_up": "Se ha agotado el tiempo de esta llamada. Adiós.",
        "closed": (
            "En este momento estamos cerrados. Por favor, vuelva a llamar en nuestro horario de atención. Adiós."
        ),
        "emergency": "Si se trata de una emergencia, cuelgue ahora y llame al número de emergencias de su zona.",
        "machine": "Esta línea es solo para llamadas de voz. Adiós.",
        HOLD: "(música de espera)",
    },
    "fr-FR": {
        "filler": "Un instant, s'il vous plaît.",
        "ask_again": "Excusez-moi, un problème est survenu. Pourriez-vous répéter, s'il vous plaît ?",
        "neutral": "Je regrette, je ne peux pas vous aider sur ce point. Puis-je faire autre chose pour vous ?",
        "apology": (
            "Je regrette, nous rencontrons un problème technique. Veuillez rappeler dans quelques minutes. Au revoir."
        ),
        "disclosure": "Vous parlez à un assistant automatisé.",
        "connecting": "Un instant, s'il vous plaît. Je vous mets en relation.",
        "not_connected": "Je regrette, votre correspondant n'est pas joignable pour le moment.",
        "still_there": "Êtes-vous toujours là ?",
        "silent_goodbye": "Je ne vous entends pas, je mets donc fin à l'appel. Au revoir.",
        "time_nearly_up": "Le temps prévu pour cet appel est bientôt écoulé.",
        "time_is_up": "Le temps prévu pour cet appel est écoulé. Au revoir.",
        "closed": ("Nous sommes actuellement fermés. Veuillez rappeler pendant nos heures d'ouverture. Au revoir."),
        "emergency": "S'il s'agit d'une urgence, veuillez raccrocher et appeler le numéro d'urgence local.",
        "machine": "Cette ligne est réservée aux appels vocaux. Au revoir.",
        HOLD: "(musique d'attente)",
    },
}

SENTENCES = {language: {**texts, **_queue(language)} for language, texts in _SENTENCES.items()}
