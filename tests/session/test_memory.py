from __future__ import annotations

from hypothesis import given
from hypothesis import strategies as st

from gateway.session.memory import Memory

turns = st.lists(st.integers(0, 4), max_size=30)
"""How many items of the agent follow each turn of the caller."""


@given(turns, st.integers(1, 5))
def test_what_is_remembered_are_the_newest_turns_and_all_of_them(items: list[int], most: int) -> None:
    memory = Memory(most)
    memory.add("greeting")
    remembered = [["greeting"]]
    forgotten: list[str] = []
    for turn, count in enumerate(items):
        forgotten += memory.begin_turn(f"u{turn}")
        remembered.append([f"u{turn}", *(f"a{turn}.{number}" for number in range(count))])
        for item_id in remembered[-1][1:]:
            memory.add(item_id)

    kept = remembered[-most:] if len(remembered) > most else remembered
    assert forgotten == [item for turn in remembered[: len(remembered) - len(kept)] for item in turn]


def test_everything_is_remembered_unless_it_is_said_otherwise() -> None:
    memory = Memory(None)

    assert not memory.trims
    assert [memory.begin_turn(f"u{turn}") for turn in range(100)] == [[]] * 100


def test_a_turn_that_is_told_twice_is_one() -> None:
    memory = Memory(2)

    assert memory.begin_turn("u1") == []
    assert memory.begin_turn("u1") == []
    assert memory.begin_turn("u2") == []
    assert memory.begin_turn("u3") == ["u1"]
