"""What the model remembers of a call, kept to its newest turns.

The service sends the whole history to the model for every answer, so a long call costs more with every turn. Its own
trimming is not documented; deleting old items is. A turn goes as a whole, with the tools called in it: a call whose
output is gone, or the other way round, is refused by models.
"""

from __future__ import annotations

from collections import deque

KEPT_ALWAYS = 1
"""The present turn."""


class Memory:
    """Item ids by turn of the caller.

    Args:
        turns: how many stay; None: all.
    """

    def __init__(self, turns: int | None) -> None:
        self._most = None if turns is None else max(KEPT_ALWAYS, turns)
        self._turns: deque[dict[str, None]] = deque([{}])
        """the first holds what came before the caller said anything: the greeting"""

    def __repr__(self) -> str:
        return f"<Memory of {len(self._turns)} turns>"

    @property
    def trims(self) -> bool:
        return self._most is not None

    def add(self, item_id: str) -> None:
        """An item of the agent, or of ours, in the present turn."""
        if self._most is not None and item_id:
            self._turns[-1][item_id] = None

    def begin_turn(self, item_id: str) -> list[str]:
        """The caller's next turn, as the item that holds it. Returns the items to be forgotten, the oldest first."""
        if self._most is None or any(item_id in turn for turn in self._turns):
            return []
        self._turns.append({item_id: None})
        forgotten: list[str] = []
        while len(self._turns) > self._most:
            forgotten += self._turns.popleft()
        return forgotten
