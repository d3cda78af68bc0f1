from __future__ import annotations

from gateway.session.greeting import ASKED_EVENT_ID, PREPARED_EVENT_ID, Greeting, Way


def test_the_greeting_is_first_handed_over_as_a_prepared_message() -> None:
    request = Greeting("Hello.").prepare()
    assert request is not None
    assert request.say == "Hello."
    assert request.instructions is None


def test_a_service_that_refuses_is_asked_to_say_it() -> None:
    greeting = Greeting("Hello.")
    greeting.prepare()
    request = greeting.refused(PREPARED_EVENT_ID)
    assert request is not None
    assert request.say is None
    assert "Hello." in (request.instructions or "")
    assert greeting.way is Way.RESPONSE


def test_two_refusals_end_the_attempt() -> None:
    greeting = Greeting("Hello.")
    greeting.prepare()
    greeting.refused(PREPARED_EVENT_ID)
    assert greeting.refused(ASKED_EVENT_ID) is None
    assert greeting.way is Way.NONE


def test_errors_about_other_things_are_not_refusals() -> None:
    greeting = Greeting("Hello.")
    greeting.prepare()
    assert greeting.refused("truncate-1") is None
    assert greeting.way is Way.PRE_GENERATED


def test_an_agent_may_have_no_greeting() -> None:
    assert Greeting(None).prepare() is None
