"""How an agent sounds, listens and bridges a wait: the nested objects of a Voice Live session.

The service replaces a nested object as a whole: what is left out falls back to the service's default, not to what
was set before. So every object here is complete, and `session_object()` always writes all of it.
"""

from __future__ import annotations

from typing import Annotated, Any, Literal, TypeAlias

from pydantic import BeforeValidator, Field

from gateway.config.fields import FetchedUrl, Language, Section, Text

Threshold: TypeAlias = Annotated[float, Field(ge=0, le=1)]
TurnMilliseconds: TypeAlias = Annotated[int, Field(ge=0, le=5000)]

_FIXED = {"create_response": True, "auto_truncate": False}
"""Not settings: the gateway relies on the service to answer turns, and truncates by what the caller heard. The
service's own truncation assumes that audio is played the moment it arrives. `interrupt_response` follows from the
agent's `interruptions`."""


class _SessionObject(Section):
    def session_object(self) -> dict[str, Any]:
        """The complete object of a session.update."""
        return self.model_dump(mode="json", exclude_none=True)


def _without_empty(fields: dict[str, Any], *names: str) -> dict[str, Any]:
    """Empty lists and mappings mean that nothing was set, and are not sent."""
    return {name: value for name, value in fields.items() if value or name not in names}


class OpenAiVoice(_SessionObject):
    """A voice of the realtime model itself; realtime profile only."""

    type: Literal["openai"]
    """Kind of voice."""
    name: Text
    """alloy, ash, ballad, coral, echo, sage, shimmer, verse, marin or cedar."""


class _AzureVoice(_SessionObject):
    name: Text
    """Name of the voice, such as en-US-AvaNeural or en-US-Ava:DragonHDLatestNeural."""
    temperature: Threshold | None = None
    """Liveliness of HD voices; others have none. Unset: the voice's own."""
    rate: Text | None = None
    """Speaking rate as in SSML, such as "1.1" or "+10%"; unset: the voice's own."""
    pitch: Text | None = None
    """Pitch as in SSML, such as "+5%"."""
    volume: Text | None = None
    """Volume as in SSML, such as "+10%"."""
    style: Text | None = None
    """Speaking style, where the voice has styles."""
    locale: Language | None = None
    """Forces a locale; text in another script is then not spoken."""
    prefer_locales: tuple[Language, ...] = ()
    """Accents to prefer, such as en-GB and es-ES; other languages are still spoken. Empty: the voice's own."""
    custom_lexicon_url: FetchedUrl | None = None
    """Pronunciations of names and terms: a lexicon file that the service fetches, https and without a query."""
    custom_text_normalization_url: FetchedUrl | None = None
    """How numbers, dates and abbreviations are read out: as above."""

    def session_object(self) -> dict[str, Any]:
        return _without_empty(super().session_object(), "prefer_locales")


class AzureStandardVoice(_AzureVoice):
    """A neural or HD voice of Azure Speech."""

    type: Literal["azure-standard"]
    """Kind of voice."""


class AzureCustomVoice(_AzureVoice):
    """A custom voice deployed in the resource."""

    type: Literal["azure-custom"]
    """Kind of voice."""
    endpoint_id: Text
    """Its deployment."""


class AzurePersonalVoice(_AzureVoice):
    """A personal voice."""

    type: Literal["azure-personal"]
    """Kind of voice."""
    model: Text
    """DragonLatestNeural, DragonHDOmniLatestNeural, PhoenixLatestNeural, ..."""


Voice: TypeAlias = Annotated[
    OpenAiVoice | AzureStandardVoice | AzureCustomVoice | AzurePersonalVoice, Field(discriminator="type")
]


class EndOfUtterance(_SessionObject):
    """A model that judges from the words whether the caller has finished."""

    model: Literal["semantic_detection_v1", "semantic_detection_v1_en", "semantic_detection_v1_multilingual"] = (
        "semantic_detection_v1"
    )
    """The detection model; `_multilingual` for callers who speak other languages than English."""
    threshold_level: Literal["low", "medium", "high", "default"] = "default"
    """How sure it must be; the service's default is medium."""
    timeout_ms: TurnMilliseconds = 1000
    """How long it may wait for more words."""


class _VoiceActivity(_SessionObject):
    threshold: Threshold = 0.5
    """How sure the detector must be that this is speech; raise it on noisy lines."""
    silence_duration_ms: TurnMilliseconds = 500
    """Silence that ends a turn: every millisecond is waiting time of the caller, too few cut callers off."""
    end_of_utterance_detection: EndOfUtterance | None = None

    def session_object(self) -> dict[str, Any]:
        return super().session_object() | _FIXED


class AzureSemanticVad(_VoiceActivity):
    """Azure's semantic turn detection: works with every model and tells words from noise."""

    type: Literal["azure_semantic_vad", "azure_semantic_vad_en", "azure_semantic_vad_multilingual"] = (
        "azure_semantic_vad"
    )
    """`_multilingual` for other languages than English."""
    prefix_padding_ms: TurnMilliseconds = 420
    """Audio from before the detected start that still belongs to the turn."""
    speech_duration_ms: TurnMilliseconds = 80
    """Speech that starts a turn, and so interrupts the agent."""
    remove_filler_words: bool = False
    """Do not take "um" and "uh-huh" for an interruption."""
    languages: tuple[Language, ...] = ()
    """Languages to expect, for `_multilingual`: en, es, fr, it, de, ja, pt, zh, ko, hi. Empty: all."""
    end_of_utterance_detection: EndOfUtterance | None = EndOfUtterance()
    """Judge from the words, too, whether the caller has finished; null: silence alone decides."""

    def session_object(self) -> dict[str, Any]:
        return _without_empty(super().session_object(), "languages")


class ServerVad(_VoiceActivity):
    """Turn detection by sound level alone."""

    type: Literal["server_vad"]
    """Kind of turn detection."""
    prefix_padding_ms: TurnMilliseconds = 400
    """Audio from before the detected start that still belongs to the turn."""
    speech_duration_ms: TurnMilliseconds = 200
    """Speech that starts a turn, and so interrupts the agent."""
    end_of_utterance_detection: EndOfUtterance | None = None
    """Judge from the words, too, whether the caller has finished; null: silence alone decides."""


class SemanticVad(_SessionObject):
    """The realtime model's own semantic turn detection; realtime profile only."""

    type: Literal["semantic_vad"]
    """Kind of turn detection."""
    eagerness: Literal["auto", "low", "medium", "high"] = "auto"
    """How soon it takes a turn for finished; auto is medium."""

    def session_object(self) -> dict[str, Any]:
        return super().session_object() | _FIXED


def _azure_unless_named(value: Any) -> Any:
    return {"type": "azure_semantic_vad", **value} if isinstance(value, dict) else value


TurnDetection: TypeAlias = Annotated[
    AzureSemanticVad | ServerVad | SemanticVad, Field(discriminator="type"), BeforeValidator(_azure_unless_named)
]


class Transcription(_SessionObject):
    """Speech to text of the caller: the model's input in a cascade, for the record in a realtime session."""

    model: Text = "azure-speech"
    """azure-speech or mai-transcribe with every profile; whisper-1, gpt-4o-transcribe and the like with the realtime
    profile only."""
    phrase_list: Annotated[tuple[Text, ...], Field(max_length=499)] = ()
    """Names and terms to expect; azure-speech and mai-transcribe only."""
    custom_speech: dict[Language, Text] = Field(default_factory=dict)
    """Your own speech models: locale to model id; azure-speech and mai-transcribe only."""
    prompt: Text | None = None
    """Hint for the transcribing model; whisper-1, gpt-4o-transcribe and the like only."""

    @property
    def is_azure(self) -> bool:
        """One of the service's own transcribers, which every profile has; the others are OpenAI's."""
        return self.model.startswith(_AZURE_TRANSCRIBERS)

    def session_object(self) -> dict[str, Any]:
        """The object without `language`, which is the agent's."""
        return _without_empty(super().session_object(), "phrase_list", "custom_speech")


_AZURE_TRANSCRIBERS = ("azure-speech", "mai-transcribe")
"""Beginnings of their names."""


class _InterimResponse(_SessionObject):
    triggers: Annotated[tuple[Literal["latency", "tool"], ...], Field(min_length=1)] = ("latency",)
    """When it is said: `latency`: the model has not answered for latency_threshold_ms; `tool`: it uses a tool."""
    latency_threshold_ms: Annotated[int, Field(ge=100, le=10_000)] = 2000
    """How long the answer may take before; below `call.filler_after_ms`, or the gateway's own sentence comes first."""


class StaticInterimResponse(_InterimResponse):
    """One of your sentences bridges the wait, picked at random."""

    type: Literal["static_interim_response"]
    """Kind of interim response."""
    texts: Annotated[tuple[Text, ...], Field(min_length=1)]
    """Sentences to choose from."""


class LlmInterimResponse(_InterimResponse):
    """A small model of the service, not your deployment, makes up a sentence that bridges the wait."""

    type: Literal["llm_interim_response"]
    """Kind of interim response."""
    model: Text = "gpt-4.1-mini"
    """That model."""
    instructions: Text | None = None
    """What it is told; unset: the service's own words. No variables."""
    max_completion_tokens: Annotated[int, Field(ge=1, le=4096)] = 50
    """Longest sentence, in tokens."""


InterimResponse: TypeAlias = Annotated[StaticInterimResponse | LlmInterimResponse, Field(discriminator="type")]
