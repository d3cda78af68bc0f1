from __future__ import annotations

from itertools import product

from gateway.session.state import TRANSITIONS, CallState, Step, advance


def test_every_state_but_the_last_can_end() -> None:
    for state in CallState:
        assert advance(state, Step.ENDED) is CallState.ENDED


def test_nothing_leads_out_of_the_end() -> None:
    assert all(advance(CallState.ENDED, step) is CallState.ENDED for step in Step)


def test_a_step_without_meaning_changes_nothing() -> None:
    for state, step in product(CallState, Step):
        if (state, step) not in TRANSITIONS:
            assert advance(state, step) is state


def test_a_lost_socket_can_come_back() -> None:
    state = advance(CallState.CONNECTING, Step.OPENED)
    assert advance(advance(state, Step.DETACHED), Step.OPENED) is CallState.BRIDGED
