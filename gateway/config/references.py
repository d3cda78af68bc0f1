"""What refers to what, checked on the file as it was written.

The raw file, not the parsed one, so that a wrong reference is reported in the same run as a wrong value elsewhere.
Whatever has not the expected shape is passed over: the schema has reported it.
"""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

from gateway.config.problem import Location, Problem
from gateway.config.suggest import did_you_mean


def reference_problems(raw: dict[str, Any]) -> list[Problem]:
    """Names that are used but not defined, and things that must be unique but are not."""
    return [
        *_unknown(raw, "deployments", "resource", "resources"),
        *_unknown(raw, "agents", "deployments", "deployments"),
        *_unknown(raw, "lines", "agent", "agents"),
        *(problem for section in ("resources", "deployments", "agents", "lines") for problem in _names(raw, section)),
        *_twice(_texts(_items(raw, "acs", "resources"), "name"), "name"),
        *_twice(_texts(_items(raw, "acs", "resources"), "topic"), "topic", ignore_case=True),
        *_twice(_texts(_items(raw, "lines"), "numbers"), "number"),
        *_destinations(raw),
    ]


def _items(raw: Any, *way: str) -> Iterator[tuple[Location, dict[str, Any]]]:
    """The mappings in the list at `way`."""
    for key in way:
        raw = raw.get(key) if isinstance(raw, dict) else None
    if isinstance(raw, list):
        for index, item in enumerate(raw):
            if isinstance(item, dict):
                yield (*way, index), item


def _texts(items: Iterator[tuple[Location, dict[str, Any]]], field: str) -> Iterator[tuple[Location, str]]:
    """The text of `field`, or the texts if it is a list."""
    for location, item in items:
        value = item.get(field)
        if isinstance(value, str):
            yield (*location, field), value
        elif isinstance(value, list):
            yield from (((*location, field, index), text) for index, text in enumerate(value) if isinstance(text, str))


def _unknown(raw: dict[str, Any], section: str, field: str, target: str) -> Iterator[Problem]:
    known = [name for _, name in _texts(_items(raw, target), "name")]
    for location, name in _texts(_items(raw, section), field):
        if name not in known:
            hint = did_you_mean(name, known) or f"{target} has: {', '.join(known) or 'nothing'}"
            yield Problem(location, f"names nothing in {target}", hint)


def _destinations(raw: dict[str, Any]) -> Iterator[Problem]:
    """Of every line: names that are used but not defined, and numbers that lead back to us."""
    own = [number for _, number in _texts(_items(raw, "lines"), "numbers") if number != "*"]
    for location, line in _items(raw, "lines"):
        destinations = [(location + rest, item) for rest, item in _items(line, "destinations")]
        known = [name for _, name in _texts(iter(destinations), "name")]
        yield from _twice(_texts(iter(destinations), "name"), "name")
        for where, number in _texts(iter(destinations), "phone_number"):
            if any(number == pattern or _begins(number, pattern) for pattern in own):
                yield Problem(where, "is a number of one of your lines: the call would come back")
        for where, name in _used_destinations(location, line):
            if name not in known:
                hint = did_you_mean(name, known) or f"destinations of this line: {', '.join(known) or 'none'}"
                yield Problem(where, "names no destination of this line", hint)


def _begins(number: str, pattern: str) -> bool:
    return pattern.endswith("*") and number.startswith(pattern[:-1])


def _used_destinations(location: Location, line: dict[str, Any]) -> Iterator[tuple[Location, str]]:
    """Every place in a line that names a destination."""
    keys = line.get("keys")
    shortcuts = keys.items() if isinstance(keys, dict) else ()
    places = [
        ((*location, "overflow"), line.get("overflow")),
        ((*location, "machines"), line.get("machines")),
        ((*location, "emergency", "transfer_to"), _field(line.get("emergency"), "transfer_to")),
        *(((*location, "keys", str(key), "to"), _field(shortcut, "to")) for key, shortcut in shortcuts),
    ]
    return ((where, name) for where, name in places if isinstance(name, str))


def _field(value: Any, name: str) -> Any:
    return value.get(name) if isinstance(value, dict) else None


def _names(raw: dict[str, Any], section: str) -> Iterator[Problem]:
    return _twice(_texts(_items(raw, section), "name"), "name")


def _twice(texts: Iterator[tuple[Location, str]], what: str, *, ignore_case: bool = False) -> Iterator[Problem]:
    first: dict[str, Location] = {}
    for location, text in texts:
        earlier = first.setdefault(text.casefold() if ignore_case else text, location)
        if earlier != location:
            yield Problem(location, f"the same {what} stands in {Problem(earlier, '').path}")
