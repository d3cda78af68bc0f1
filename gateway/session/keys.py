"""What the keys of the caller's telephone do to the conversation. `keypad` knows what they mean."""

from __future__ import annotations

from collections.abc import Callable

from gateway.session.answers import Answers
from gateway.session.downlink import Downlink
from gateway.session.effects import Effect, JudgeDigits, Note
from gateway.session.events import DigitsJudged
from gateway.session.handing_over import HandingOver
from gateway.session.keypad import Collected, Ending, Keypad
from gateway.session.settings import LineSettings, Shortcut
from gateway.session.speaker import Speaker
from gateway.session.tools import CollectDigits


class Keys:
    """Carries out shortcuts, and brings what was typed to those who may see it.

    Args:
        line: whose keys they are.
        speaker: the agent's voice.
        downlink: what is heard of it.
        answers: the agent.
        handing_over: to a person.
        say_goodbye: the caller wants to end the call.
    """

    def __init__(  # noqa: PLR0913 - what a key can reach
        self,
        line: LineSettings,
        speaker: Speaker,
        downlink: Downlink,
        answers: Answers,
        handing_over: HandingOver,
        say_goodbye: Callable[[float, list[Effect]], None],
    ) -> None:
        self._settings = line.tools
        self._speaker = speaker
        self._downlink = downlink
        self._answers = answers
        self._handing_over = handing_over
        self._say_goodbye = say_goodbye
        self._keypad = Keypad(line.tools, line.keys)
        self._judging = False

    def __repr__(self) -> str:
        return repr(self._keypad)

    @property
    def secret(self) -> bool:
        """What is typed, or said, now is for nobody's eyes and ears."""
        return self._keypad.secret

    @property
    def busy(self) -> bool:
        """Digits are being typed, or judged."""
        return self._keypad.collecting or self._judging

    def on_digit(self, digit: str, now: float, out: list[Effect]) -> None:
        """A key was pressed. One that means something stops the agent's voice, which the service can not know of."""
        was_collecting, was_secret = self._keypad.collecting, self._keypad.secret
        pressed = self._keypad.press(digit, now)
        if not was_secret:  # nor is it told how many there were, and when
            out.append(Note("key.pressed", {"use": _use(pressed, collecting=was_collecting)}))
        if pressed is None and not was_collecting:
            return
        if not self._speaker.protected:
            self._answers.caller.stop_agent(now, out)
        match pressed:
            case Collected():
                self._collected(pressed, now, out)
            case Shortcut():
                self._take_shortcut(pressed, now, out)
            case None:
                pass

    def collect(self, asked: CollectDigits, now: float, out: list[Effect]) -> None:
        """The agent asks for digits."""
        collected = self._keypad.collect(asked, now)
        if collected is not None:
            self._collected(collected, now, out)

    def cancel(self) -> None:
        """Nobody wants digits any more."""
        self._keypad.cancel()

    def on_tick(self, now: float, out: list[Effect]) -> None:
        collected = self._keypad.on_tick(now, agent_speaks=not self._downlink.idle(now))
        if collected is not None:
            self._collected(collected, now, out)

    def on_judged(self, event: DigitsJudged, now: float, out: list[Effect]) -> None:
        """The line's service has looked at the digits."""
        if not self._judging:
            return
        self._judging = False
        if event.result is None:
            told = "The caller has typed the digits, but they could not be checked."
        else:
            told = f"The caller has typed the digits. The check says: {event.result}"
        self._speaker.tell(told, out)
        self._answers.let_answer(now, out)

    def _take_shortcut(self, shortcut: Shortcut, now: float, out: list[Effect]) -> None:
        match shortcut.do:
            case "transfer":
                self._handing_over.hand_over(shortcut.to, "The caller pressed the key for it.", now, out)
            case "tell_agent":
                self._speaker.tell(shortcut.text, out)
                self._answers.let_answer(now, out)
            case "repeat":
                self._speaker.tell("The caller wants to hear your last answer once more. Say it again.", out)
                self._answers.let_answer(now, out)
            case _:
                self._say_goodbye(now, out)

    def _collected(self, collected: Collected, now: float, out: list[Effect]) -> None:
        """Let those see it who may, and tell the model what it may know."""
        out.append(Note("digits.collected", {"ending": collected.ending.value}))
        if self._settings.digits_judged and collected.ending is not Ending.NONE:
            self._judging = True
            self._answers.wait_for_agent(now)
            out.append(JudgeDigits(collected.asked.purpose, collected.digits))
            return
        told = _TOLD[collected.ending]
        if collected.digits:
            shown = collected.digits if self._settings.digits_to_agent else f"{len(collected.digits)} digits"
            told = f"{told}: {shown}"
        self._speaker.tell(f"{told}.", out)
        self._answers.let_answer(now, out)


_TOLD = {
    Ending.COMPLETE: "The caller has typed what you asked for",
    Ending.PAUSE: "The caller stopped typing before all digits were there",
    Ending.NONE: "The caller typed nothing",
}


def _use(pressed: Shortcut | Collected | None, *, collecting: bool) -> str:
    """What a key press was, for the log: never which key."""
    if isinstance(pressed, Shortcut):
        return pressed.do
    return "collected" if collecting else "early"
