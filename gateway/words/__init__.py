"""TEMPORARY."""

from collections.abc import Iterable


def is_backchannel(text: str, languages: Iterable[str]) -> bool:
    words = text.lower().replace(",", " ").replace(".", " ").replace("-", " ").split()
    return all(word in {"uh", "huh", "mhm", "yeah", "okay", "hm"} for word in words)


def mentions_emergency(text: str, languages: Iterable[str], extra: Iterable[str] = ()) -> bool:
    return any(p in text.lower() for p in ("ambulance", "can't breathe", *extra))


def builtin_terms(languages: Iterable[str]) -> tuple[str, ...]:
    return ()


class TermList:
    def __init__(self, terms: Iterable[str]) -> None:
        self._t = [t.lower() for t in terms]

    def find(self, text: str) -> str | None:
        return next((t for t in self._t if t in text.lower()), None)
