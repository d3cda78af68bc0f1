from __future__ import annotations

from gateway.session.recovery import RETRY_AFTER_S, SLOWEST_RETRY_S, THROTTLED_S, Recovery, Remedy


def test_a_content_filter_is_an_answer_and_never_ends_a_call() -> None:
    recovery = Recovery()
    assert [recovery.failed("content_filter", "", 0.0) for _ in range(5)] == [Remedy.NEUTRAL] * 5
    assert recovery.failed("", "content_filter", 0.0) is Remedy.NEUTRAL


def test_failures_in_a_row_end_the_call() -> None:
    recovery = Recovery()
    remedies = [recovery.failed("", "server_error", 0.0) for _ in range(3)]
    assert remedies == [Remedy.RETRY, Remedy.ASK_AGAIN, Remedy.GIVE_UP]


def test_a_good_answer_wipes_the_slate() -> None:
    recovery = Recovery()
    recovery.failed("", "server_error", 0.0)
    recovery.failed("", "server_error", 0.0)
    recovery.answered()
    assert recovery.failed("", "server_error", 0.0) is Remedy.RETRY


def test_a_throttled_deployment_is_asked_again_at_growing_distances() -> None:
    recovery, now, waits = Recovery(), 100.0, []
    while recovery.failed("", "rate_limit_exceeded", now) is Remedy.RETRY:
        waits.append(recovery.retry_after_s)
        now += recovery.retry_after_s
    assert waits[:4] == [0.5, 1.0, 2.0, 2.0]
    assert THROTTLED_S - SLOWEST_RETRY_S <= now - 100.0 <= THROTTLED_S
    assert recovery.rate_limited


def test_throttling_that_is_over_is_forgotten() -> None:
    recovery = Recovery()
    recovery.failed("", "too_many_requests", 0.0)
    recovery.failed("", "too_many_requests", 0.5)
    recovery.answered()
    assert not recovery.rate_limited
    assert recovery.failed("", "too_many_requests", 60.0) is Remedy.RETRY
    assert recovery.retry_after_s == RETRY_AFTER_S
    recovery.failed("", "server_error", 61.0)
    assert not recovery.rate_limited


def test_harmless_errors_are_counted_over_time() -> None:
    recovery = Recovery()
    assert not any(recovery.error("odd", at) for at in (0, 3, 6, 9.0, 12, 15, 18))
    assert recovery.error("odd", 18.5) is True


def test_some_errors_are_fatal_at_once() -> None:
    assert Recovery().error("byom_authentication_error", 0.0)
