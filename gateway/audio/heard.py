"""What the caller has heard, by our own account: nothing acknowledges playing.

The far end is taken for a first-in-first-out buffer that plays in real time: a frame that is sent at `t` begins to play
at `t` or when the frame before it ends, whichever is later, and reaches the ear `far_end_delay_s` after that. Of every
item the ledger knows what was received from the model, sent, played (its playout deadline has passed) and heard.

All counts are samples at the phone leg's rate, padding excluded. Always heard <= played <= sent <= received. Times of
calls and queries must not decrease. An item the ledger does not know has zero of everything.
"""

from __future__ import annotations

import math
from collections import deque
from dataclasses import dataclass, field

from gateway.audio.pcm import FRAMES_PER_SECOND

MAX_ITEMS = 64
"""Items remembered. The oldest with nothing queued goes first; no more than this may have audio queued."""
_ROUNDING_SAMPLES = 1e-3
"""A sample that ends exactly now has been played, whatever the float says; monotonic clocks are good to 1e-9 s."""
_MS_PER_S = 1000


@dataclass(slots=True)
class _Run:
    """Samples of one item that play without a gap."""

    unbroken_since: float
    """when the unbroken sound of the far end began in which the run lies; whole samples are counted from there"""
    begin: int
    end: int

    @property
    def samples(self) -> int:
        return self.end - self.begin

    def played(self, now: float, rate_hz: int) -> int:
        passed = int((now - self.unbroken_since) * rate_hz + _ROUNDING_SAMPLES) - self.begin
        return min(max(passed, 0), self.samples)

    def starts_at(self, rate_hz: int) -> float:
        return self.unbroken_since + self.begin / rate_hz

    def ends_at(self, rate_hz: int) -> float:
        return self.unbroken_since + self.end / rate_hz


@dataclass(slots=True)
class _Account:
    """The account of one item."""

    received: int = 0
    sent: int = 0
    dropped: int = 0
    open: bool = True
    """it may get more audio"""
    first_sent_at: float | None = None
    first_played_at: float | None = None
    heard_before: int = 0
    """samples of runs that are long over"""
    runs: deque[_Run] = field(default_factory=deque)
    """the later runs, oldest first"""

    @property
    def queued(self) -> int:
        return self.received - self.sent - self.dropped

    def played(self, now: float, rate_hz: int) -> int:
        return self.heard_before + sum(run.played(now, rate_hz) for run in self.runs)

    def playable(self) -> int:
        """What will have been played when all that was sent is over; less than `sent` after a stop."""
        return self.heard_before + sum(run.samples for run in self.runs)


@dataclass(frozen=True, slots=True)
class CutItem:
    """What was taken back of an item, in samples."""

    item: str
    unsent: int
    unplayed: int
    """sent, and thrown away by the far end before it was played"""


class HeardLedger:
    """The account of one phone stream. `Playout` writes it, everybody may read it."""

    def __init__(self, rate_hz: int, far_end_delay_s: float = 0.15) -> None:
        self._rate_hz = rate_hz
        self._delay_s = far_end_delay_s
        self._accounts: dict[str, _Account] = {}
        # The far end plays unbroken sound from one moment on, for a number of samples.
        self._unbroken_since = -math.inf
        self._unbroken_samples = 0
        self._sound_until = -math.inf
        self._network_holds = False
        """something was sent since the far end was last known to be empty"""

    def __repr__(self) -> str:
        return f"<HeardLedger {len(self._accounts)} items>"

    # --- reading: an item -----------------------------------------------------------------------------------------

    def received(self, item: str) -> int:
        account = self._accounts.get(item)
        return 0 if account is None else account.received

    def sent(self, item: str) -> int:
        account = self._accounts.get(item)
        return 0 if account is None else account.sent

    def played(self, item: str, now: float) -> int:
        account = self._accounts.get(item)
        return 0 if account is None else account.played(now, self._rate_hz)

    def heard(self, item: str, now: float) -> int:
        return self.played(item, now - self._delay_s)

    def received_ms(self, item: str) -> int:
        return self._ms(self.received(item))

    def sent_ms(self, item: str) -> int:
        return self._ms(self.sent(item))

    def played_ms(self, item: str, now: float) -> int:
        return self._ms(self.played(item, now))

    def heard_ms(self, item: str, now: float) -> int:
        return self._ms(self.heard(item, now))

    def truncate_at_ms(self, item: str, now: float) -> int:
        """Where to truncate the item in the model's memory: what was played less a frame, in ms rounded down.

        The service refuses a truncation behind the item's audio and keeps what it then believes was said, so the
        account errs on the early side. What was played was received.
        """
        return self._ms(max(0, self.played(item, now) - self._rate_hz // FRAMES_PER_SECOND))

    def first_sent_at(self, item: str) -> float | None:
        account = self._accounts.get(item)
        return None if account is None else account.first_sent_at

    def first_heard_at(self, item: str) -> float | None:
        """When the item's first sample reaches the ear; None when none was sent, or it was stopped before."""
        account = self._accounts.get(item)
        if account is None or account.first_played_at is None:
            return None
        return account.first_played_at + self._delay_s

    def last_played_at(self, item: str) -> float | None:
        """When the last sample sent so far is over at the far end; None as for `first_heard_at`."""
        account = self._accounts.get(item)
        if account is None or not account.runs:
            return None
        return account.runs[-1].ends_at(self._rate_hz)

    def fully_played(self, item: str, now: float) -> bool:
        """Nothing of the item is left to be played, and nothing more comes; so of an item that is not known."""
        account = self._accounts.get(item)
        if account is None:
            return True
        return not account.open and not account.queued and account.played(now, self._rate_hz) == account.playable()

    # --- reading: the stream --------------------------------------------------------------------------------------

    def lead_s(self, now: float) -> float:
        """How far ahead of real time the sent audio reaches, silence included; negative: for how long it is over."""
        return self._unbroken_since + self._unbroken_samples / self._rate_hz - now

    def playing(self, now: float) -> str | None:
        """The item the far end plays at this moment."""
        for item, account in reversed(self._accounts.items()):
            for run in account.runs:
                if run.starts_at(self._rate_hz) <= now < run.ends_at(self._rate_hz):
                    return item
        return None

    def sound_until(self) -> float:
        """When the far end has played all items' audio sent so far; minus infinity before the first."""
        return self._sound_until

    def last_word_at(self) -> float:
        """When all items' audio sent so far has been heard; minus infinity before the first."""
        return self._sound_until + self._delay_s

    def network_may_hold(self, now: float) -> bool:
        """The network may still hold audio of ours: what is not played, and for the far-end delay what should be."""
        return self._network_holds and now < self._sound_until + self._delay_s

    def accepts(self, item: str) -> bool:
        """The item is new, or neither finished, dropped nor stopped."""
        account = self._accounts.get(item)
        return account is None or account.open

    # --- writing --------------------------------------------------------------------------------------------------

    def receive(self, item: str, samples: int) -> None:
        """More audio of an item is queued."""
        account = self._accounts.get(item)
        if account is None:
            self._make_room()
            account = self._accounts[item] = _Account()
        account.received += samples

    def send(self, item: str | None, samples: int, frame_samples: int, now: float) -> None:
        """A frame is sent now: `samples` of an item, the rest of it silence."""
        since, begin = self._unbroken_since, self._unbroken_samples
        if since + begin / self._rate_hz <= now:
            since, begin = self._unbroken_since, self._unbroken_samples = now, 0
        self._unbroken_samples = begin + frame_samples
        if item is None:
            return
        account, end = self._accounts[item], begin + samples
        account.sent += samples
        run = account.runs[-1] if account.runs else None
        if run is not None and run.end == begin and run.unbroken_since == since:
            run.end = end
        else:
            self._begin_run(account, _Run(since, begin, end), now)
        self._sound_until = since + end / self._rate_hz
        self._network_holds = True

    def finish(self, item: str) -> None:
        """The item gets no more audio."""
        account = self._accounts.get(item)
        if account is not None:
            account.open = False

    def drop(self, item: str) -> None:
        """What is queued of the item is thrown away, and no more is taken; what was sent plays on."""
        account = self._accounts.get(item)
        if account is not None:
            account.dropped += account.queued
            account.open = False

    def stop(self, now: float) -> list[CutItem]:
        """The far end throws away what it has not played, and all that is queued goes, too.

        Returns:
            Every item that was not over: queued, unplayed, or still growing. None of them takes audio any more.
        """
        unplayed = self.restart(now)
        cut = []
        for item, account in self._accounts.items():
            if account.open or account.queued or item in unplayed:
                cut.append(CutItem(item, account.queued, unplayed.get(item, 0)))
                self.drop(item)
        return cut

    def restart(self, now: float) -> dict[str, int]:
        """The far end has lost what it had not played, as with a stream that was opened anew.

        Returns:
            The unplayed samples by item; these count as unplayed for good.
        """
        unplayed: dict[str, int] = {}
        for item, account in self._accounts.items():
            lost = account.playable() - account.played(now, self._rate_hz)
            if lost:
                unplayed[item] = lost
                self._cut_runs(account, now)
        if self.lead_s(now) > 0.0:
            self._unbroken_since, self._unbroken_samples = now, 0
        self._sound_until = min(self._sound_until, now)
        self._network_holds = False
        return unplayed

    def unsend(self, item: str, samples: int, now: float) -> None:
        """The last samples sent of an item are queued again, because they will be sent once more.

        Those among them that were played count as not played: whoever hears them again hears them in their place.
        Only after `restart`, which has taken the unplayed ones out of the account.
        """
        account = self._accounts[item]
        account.sent -= samples
        over = account.playable() - account.sent
        while over > 0 and account.runs:
            run = account.runs[-1]
            taken = min(over, run.samples)
            run.end -= taken
            over -= taken
            if not run.samples:
                account.runs.pop()
        account.heard_before -= max(0, over)
        self._sound_until = min(self._sound_until, now)

    def forget(self, item: str) -> None:
        """Nobody asks about the item any more; audio appended later would be a new item's.

        One with audio queued is kept, because that will still be sent.
        """
        account = self._accounts.get(item)
        if account is not None and not account.queued:
            del self._accounts[item]

    def _begin_run(self, account: _Account, run: _Run, now: float) -> None:
        """The next samples of an item begin to play where the far end's sound ends."""
        runs = account.runs
        # Nobody asks about a time before now, and `heard` looks back by the delay.
        while len(runs) > 1 and runs[0].ends_at(self._rate_hz) <= now - self._delay_s:
            account.heard_before += runs.popleft().samples
        runs.append(run)
        if account.first_sent_at is None:
            account.first_sent_at = now
        if account.first_played_at is None:
            account.first_played_at = run.starts_at(self._rate_hz)

    def _cut_runs(self, account: _Account, now: float) -> None:
        for run in account.runs:
            run.end = run.begin + run.played(now, self._rate_hz)
        while account.runs and not account.runs[-1].samples:
            account.runs.pop()
        if not account.runs:
            account.first_played_at = None

    def _make_room(self) -> None:
        if len(self._accounts) < MAX_ITEMS:
            return
        for item, account in self._accounts.items():
            if not account.queued:
                del self._accounts[item]
                return

    def _ms(self, samples: int) -> int:
        return samples * _MS_PER_S // self._rate_hz
