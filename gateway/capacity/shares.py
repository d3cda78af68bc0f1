"""Limits of several replicas that do not know of each other: each takes its share."""

from __future__ import annotations


def share(limit: int, replicas: int) -> int:
    """What one of so many replicas may take of a limit, at least one.

    Rounded down: together they stay below the limit, except where there are more replicas than it has.
    """
    return max(1, limit // replicas)
