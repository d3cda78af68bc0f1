from __future__ import annotations

from gateway.session.recovery import Recovery, Remedy


def test_a_content_filter_is_an_answer_and_never_ends_a_call() -> None:
    recovery = Recovery()
    assert [recovery.failed("content_filter", "") for _ in range(5)] == [Remedy.NEUTRAL] * 5
    assert recovery.failed("", "content_filter") is Remedy.NEUTRAL


def test_failures_in_a_row_end_the_call() -> None:
    recovery = Recovery()
    remedies = [recovery.failed("", "server_error") for _ in range(3)]
    assert remedies == [Remedy.RETRY, Remedy.ASK_AGAIN, Remedy.GIVE_UP]


def test_a_good_answer_wipes_the_slate() -> None:
    recovery = Recovery()
    recovery.failed("", "server_error")
    recovery.failed("", "server_error")
    recovery.answered()
    assert recovery.failed("", "server_error") is Remedy.RETRY


def test_throttling_is_remembered_as_the_cause() -> None:
    recovery = Recovery()
    recovery.failed("", "rate_limit_exceeded")
    assert recovery.rate_limited


def test_harmless_errors_are_counted_over_time() -> None:
    recovery = Recovery()
    assert not any(recovery.error("odd", at) for at in (0, 3, 6, 9.0, 12, 15, 18))
    assert recovery.error("odd", 18.5) is True


def test_some_errors_are_fatal_at_once() -> None:
    assert Recovery().error("byom_authentication_error", 0.0)
