"""Reads what a call's parts counted into the flat counts that become metrics."""

from __future__ import annotations

from gateway.session.session import CallSession
from gateway.telemetry.counts import CallCounts

MS = 1000


def read_counts(session: CallSession, counts: CallCounts) -> None:
    """Bring `counts` up to date with the session."""
    _read_uplink(session, counts)
    _read_downlink(session, counts)


def _read_uplink(session: CallSession, counts: CallCounts) -> None:
    uplink = session.uplink
    if uplink is None:
        return
    ms = MS / uplink.phone_format.rate_hz
    stats = uplink.jitter.stats
    counts.uplink_ms = uplink.samples_out * ms
    counts.filled_gap_ms = stats.filled_gap * ms
    counts.filled_silent_ms = stats.silent * ms
    counts.filled_stall_ms = stats.filled_stall * ms
    counts.uplink_late_ms = stats.late * ms
    counts.uplink_duplicate_ms = stats.duplicate * ms
    counts.uplink_backlog_ms = stats.backlog * ms
    counts.uplink_bad_ms = sum(session.bad_frames.values()) * 20
    counts.reordered_frames = stats.reordered_frames
    counts.timeline_resets = stats.epochs + stats.resyncs
    counts.distrusted_stamps = stats.distrusted
    counts.self_audio_ms = uplink.self_audio.suspected_s * MS


def _read_downlink(session: CallSession, counts: CallCounts) -> None:
    playout, rate_hz = session.downlink.playout, session.downlink.rate_hz
    if playout is None or rate_hz is None:
        return
    ms = MS / rate_hz
    stats = playout.stats
    counts.downlink_ms = stats.samples_sent * ms
    counts.downlink_barge_in_ms = (stats.samples_stopped + stats.samples_unplayed) * ms
    counts.downlink_cancelled_ms = stats.samples_late * ms
    counts.underruns = stats.underruns
