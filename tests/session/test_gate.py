from __future__ import annotations

from hypothesis import given
from hypothesis import strategies as st

from gateway.session.effects import CreateResponse
from gateway.session.gate import BUSY_CODE, MAX_WAITING, GateState, ResponseGate


def test_an_idle_gate_lets_a_request_through() -> None:
    gate = ResponseGate()
    request = CreateResponse("a")
    assert gate.ask(request) is request
    assert gate.state is GateState.REQUESTED


def test_a_second_request_waits_for_the_end_of_the_first() -> None:
    gate = ResponseGate()
    gate.ask(CreateResponse("a"))
    assert gate.ask(CreateResponse("b")) is None
    gate.created("r1")
    assert gate.done("r1") == CreateResponse("b")


def test_a_response_of_the_service_itself_closes_the_gate() -> None:
    gate = ResponseGate()
    assert gate.created("r1") is None
    assert gate.ask(CreateResponse("a")) is None
    assert gate.done("r1") == CreateResponse("a")


def test_the_end_of_an_earlier_response_does_not_open_the_gate() -> None:
    gate = ResponseGate()
    gate.created("r1")
    gate.created("r2")
    assert gate.done("r1") is None
    assert gate.state is GateState.ACTIVE


def test_a_refused_request_opens_the_gate_for_the_next() -> None:
    gate = ResponseGate()
    gate.ask(CreateResponse("a"))
    gate.ask(CreateResponse("b"))
    assert gate.refused("a", "invalid_request") == (True, CreateResponse("b"))


def test_a_request_refused_because_another_response_runs_is_sent_again_after_it() -> None:
    gate = ResponseGate()
    gate.ask(CreateResponse("a"))
    assert gate.refused("a", BUSY_CODE) == (False, None)
    gate.created("theirs")
    assert gate.done("theirs") == CreateResponse("a")


def test_an_error_about_something_else_changes_nothing() -> None:
    gate = ResponseGate()
    gate.ask(CreateResponse("a"))
    assert gate.refused("", "whatever") == (False, None)
    assert gate.refused("truncate-1", "whatever") == (False, None)
    assert gate.state is GateState.REQUESTED


def test_what_waited_for_an_interrupted_turn_is_forgotten() -> None:
    gate = ResponseGate()
    gate.created("r1")
    gate.ask(CreateResponse("a"))
    gate.forget_waiting()
    assert gate.done("r1") is None
    assert gate.idle


def test_a_sentence_of_ours_is_about_no_turn_and_stays() -> None:
    gate = ResponseGate()
    gate.created("r1")
    gate.ask(CreateResponse("about the turn"))
    gate.ask(CreateResponse("sentence", say="Dial 112."))
    gate.forget_waiting()
    assert gate.done("r1") == CreateResponse("sentence", say="Dial 112.")


def test_what_nobody_wants_any_more_is_not_asked_for() -> None:
    gate = ResponseGate()
    gate.created("r1")
    gate.ask(CreateResponse("a"))
    gate.ask(CreateResponse("b"))
    gate.withdraw("a")
    assert gate.done("r1") == CreateResponse("b")


def test_a_request_withdrawn_after_it_was_sent_is_known_when_its_response_begins() -> None:
    gate = ResponseGate()
    gate.ask(CreateResponse("a"))
    gate.withdraw("a")
    assert gate.take_withdrawn(gate.created("r1"))
    gate.done("r1")
    gate.ask(CreateResponse("b"))
    assert not gate.take_withdrawn(gate.created("r2"))


def test_a_withdrawn_request_that_was_too_early_is_not_sent_again() -> None:
    gate = ResponseGate()
    gate.ask(CreateResponse("a"))
    gate.withdraw("a")
    assert gate.refused("a", BUSY_CODE) == (False, None)
    assert not gate.take_withdrawn(gate.created("theirs"))
    assert gate.done("theirs") is None
    assert gate.idle


def test_nothing_is_asked_of_a_model_that_is_gone() -> None:
    gate = ResponseGate()
    gate.created("r1")
    gate.ask(CreateResponse("a"))
    gate.close()
    assert gate.idle
    assert gate.response_id is None
    assert gate.ask(CreateResponse("b")) is None
    assert gate.idle


@given(st.lists(st.sampled_from(["ask", "created", "done", "refused", "busy", "stale"]), max_size=60))
def test_never_two_requests_without_an_end_between_them(steps: list[str]) -> None:
    gate, number, response, open_requests = ResponseGate(), 0, 0, 0
    sent: list[str] = []
    for step in steps:
        following: CreateResponse | None = None
        if step == "ask":
            number += 1
            following = gate.ask(CreateResponse(f"e{number}"))
        elif step == "created":
            response += 1
            gate.created(f"r{response}")
            open_requests = 0
        elif step == "done":
            following = gate.done(f"r{response}")
        elif step == "stale":
            following = gate.done("r-old")
        elif sent:
            _, following = gate.refused(sent[-1], BUSY_CODE if step == "busy" else "invalid")
            open_requests = 0 if gate.state is not GateState.REQUESTED or following is not None else open_requests
        if following is not None:
            open_requests += 1
            sent.append(following.event_id)
            assert gate.state is GateState.REQUESTED
        assert open_requests <= 1
        assert len(gate._waiting) <= MAX_WAITING
