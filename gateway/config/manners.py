"""How a line behaves towards a caller: what is said at the beginning, into silence, in an emergency, at the end."""

from __future__ import annotations

from typing import Annotated, Any, Self, TypeAlias

from pydantic import Discriminator, Field, StringConstraints, Tag, model_validator

from gateway.config.fields import ConfigPath, HttpUrl, Language, Section, Text, tag_of
from gateway.config.handover import ToolName

LineText: TypeAlias = Annotated[Text, StringConstraints(max_length=500)]


def _sentence_tag(value: Any) -> str:
    return tag_of(value, text="one_text", other="by_language")


Sentence: TypeAlias = Annotated[
    Annotated[LineText, Tag("one_text")] | Annotated[dict[Language, LineText], Field(min_length=1), Tag("by_language")],
    Discriminator(_sentence_tag),
]
"""One text for all callers, or one a language, the agent's own among them."""


class Disclosure(Section):
    """Telling callers that they speak with a machine, before anything else. It is never interrupted."""

    enabled: bool = True
    """Switched off only where the law, and decency, allow it; `gateway check` says so."""
    text: Sentence | None = None
    """A sentence of yours in the agent's voice; none: the gateway's own recording, "You are speaking with an automated
    assistant."."""


class Silence(Section):
    """What happens when the caller says nothing."""

    after_s: Annotated[float, Field(ge=3, le=120)] = 10.0
    """Silence after the agent's last word until it asks whether the caller is still there."""
    prompts: Annotated[int, Field(ge=0, le=5)] = 2
    """How often it asks before it says goodbye."""
    goodbye: Sentence | None = None
    """What is said then; none: a recording of the gateway."""


class Emergency(Section):
    """When a caller is in danger, one sentence is said at once, whatever the model would say.

    Recognised in the words of the caller by fixed phrases, and by the model, which has a tool for it.
    """

    sentence: Sentence
    """Such as "If this is an emergency, hang up now and dial 112."."""
    phrases: tuple[LineText, ...] = ()
    """Further phrases to recognise, beside those of the gateway."""
    transfer_to: ToolName | None = None
    """Destination the caller is handed over to after the sentence."""


class ModerationHook(Section):
    """A service of yours that judges what is said."""

    url: HttpUrl
    """Receives a POST of JSON for what either side has said: `call_id`, `line`, `side` (caller or agent), `text`. Its
    answer `{"stop": true}` stops the agent's voice."""
    secret_file: ConfigPath | None = None
    """File with a secret that is sent as a bearer token."""
    timeout_s: Annotated[float, Field(gt=0, le=5)] = 1.0
    """A hook that takes longer has no say about that sentence, and is counted."""


class Moderation(Section):
    """Words that are not to be heard on this line: the agent's voice stops and a neutral sentence is said."""

    builtin_words: bool = False
    """Use the gateway's own short list of slurs for the line's languages."""
    words: Annotated[tuple[LineText, ...], Field(max_length=1000)] = ()
    """Words and phrases of yours, whatever their case."""
    of_caller: bool = False
    """Judge the caller's words, too: the agent does not answer them."""
    hook: ModerationHook | None = None
    """Ask a service of yours."""
    python: Annotated[str, StringConstraints(pattern=r"^[A-Za-z_][\w.]*:[A-Za-z_]\w*$")] | None = None
    """Ask a Python function of yours, "package.module:function": called with the side ("caller" or "agent") and the
    text, in a thread; True stops."""

    @model_validator(mode="after")
    def _does_something(self) -> Self:
        if not (self.builtin_words or self.words or self.hook or self.python):
            raise ValueError("judges by nothing: set builtin_words, words, hook or python")
        return self
