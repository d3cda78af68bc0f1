from __future__ import annotations

from hypothesis import given
from hypothesis import strategies as st

from gateway.session.watchdog import Action, Patience, Watchdog

PATIENCE = Patience(2.5, 8.0, 12.0)


def actions(watchdog: Watchdog, start: float, end: float) -> list[tuple[float, Action]]:
    found = []
    for step in range(round(start * 50), round(end * 50)):
        action = watchdog.on_tick(step / 50)
        if action is not None:
            found.append((step / 50, action))
    return found


def test_nothing_happens_while_nothing_is_owed() -> None:
    assert actions(Watchdog(PATIENCE), 0, 30) == []


def test_a_silent_model_leads_from_filler_to_apology() -> None:
    watchdog = Watchdog(PATIENCE)
    watchdog.arm(10.0)
    assert actions(watchdog, 10, 40) == [(12.5, Action.FILLER), (18.0, Action.ASK_AGAIN), (22.0, Action.GIVE_UP)]
    assert not watchdog.armed


def test_silence_counts_from_the_true_end_of_speech() -> None:
    watchdog = Watchdog(PATIENCE)
    watchdog.arm(10.0, quiet_since=9.3)
    assert actions(watchdog, 10, 13)[0] == (11.8, Action.FILLER)


def test_progress_postpones_the_apology_but_not_the_filler() -> None:
    watchdog = Watchdog(PATIENCE)
    watchdog.arm(0.0)
    found = []
    for second in range(20):
        watchdog.progress(float(second))
        found += [action for _, action in actions(watchdog, second, second + 1)]
    assert found == [Action.FILLER]


def test_another_filler_follows_when_silence_goes_on() -> None:
    watchdog = Watchdog(PATIENCE)
    watchdog.arm(0.0)
    assert actions(watchdog, 0, 3) == [(2.5, Action.FILLER)]
    watchdog.quiet_from(3.5)
    assert actions(watchdog, 3.5, 7) == [(6.0, Action.FILLER)]


def test_an_answer_disarms() -> None:
    watchdog = Watchdog(PATIENCE)
    watchdog.arm(0.0)
    watchdog.disarm()
    assert actions(watchdog, 0, 30) == []


@given(st.lists(st.floats(0, 40), max_size=20))
def test_giving_up_never_comes_before_its_time(progress: list[float]) -> None:
    watchdog = Watchdog(PATIENCE)
    watchdog.arm(0.0)
    last = 0.0
    moments = sorted(progress)
    for step in range(60 * 50):
        now = step / 50
        while moments and moments[0] <= now:
            last = moments.pop(0)
            watchdog.progress(last)
        if watchdog.on_tick(now) is Action.GIVE_UP:
            assert now - last >= PATIENCE.give_up_after_s
            return
    raise AssertionError("a model that stopped for good was never given up")
