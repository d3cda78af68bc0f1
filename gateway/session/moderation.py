"""Words that are not to be heard on a line: found in what the agent is about to say, and in what the caller said.

The model's text runs ahead of its sound, so a word is found before it is heard. Each response and each turn is
complained about once: what still comes of a response that was stopped is not heard anyway.
"""

from __future__ import annotations

from gateway.session.settings import ModerationSettings
from gateway.words import TermList, builtin_terms

MAX_CHARACTERS = 8192
"""Of an item's text that are kept; what came before has been looked at."""
MAX_ITEMS = 16
"""Items whose text is remembered while it grows; a model speaks one after the other."""


class Moderation:
    """The words of one call.

    Args:
        settings: None: everything may be said.
        languages: of the line.
    """

    def __init__(self, settings: ModerationSettings | None, languages: tuple[str, ...]) -> None:
        self._settings = settings
        terms = () if settings is None else settings.words
        if settings is not None and settings.builtin_words:
            terms = (*terms, *builtin_terms(languages))
        self._terms = TermList(terms) if terms else None
        self._texts: dict[str, str] = {}
        """what items have said so far"""
        self._stopped = ""
        """the response that was complained about last"""

    @property
    def asks(self) -> bool:
        """Finished sentences are to be judged by the operator's service, too."""
        return self._settings is not None and self._settings.asks

    def judges_caller(self) -> bool:
        return self._settings is not None and self._settings.of_caller

    def on_agent_text(self, response_id: str, item_id: str, delta: str) -> bool:
        """More of what the agent is about to say. True: it must not be heard."""
        if self._terms is None or response_id == self._stopped:
            return False
        said = self._texts.get(item_id, "") + delta
        if self._terms.find(said) is not None:
            self._stopped = response_id
            return True
        self._texts[item_id] = said[-MAX_CHARACTERS:]
        if len(self._texts) > MAX_ITEMS:
            del self._texts[next(iter(self._texts))]
        return False

    def on_caller_text(self, text: str) -> bool:
        """What the caller said. True: the agent must not answer it."""
        return self._terms is not None and self.judges_caller() and self._terms.find(text) is not None
