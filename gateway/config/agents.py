"""Sections about who answers: `resources`, `deployments`, `agents`, `lines`."""

from __future__ import annotations

from enum import StrEnum
from typing import Annotated, Any, Literal, Self, TypeAlias

from pydantic import (
    Discriminator,
    Field,
    PrivateAttr,
    StringConstraints,
    Tag,
    ValidationInfo,
    computed_field,
    field_validator,
    model_validator,
)

from gateway.audio.pcm import PCM16_8K, PCM16_16K, PCM16_24K, AudioFormat, Codec
from gateway.capacity.ptu import LongContext, PtuBudget, TokenWeights
from gateway.capacity.ptu_table import PtuModel, PtuTable, ptu_table
from gateway.config.admission import ExpectedCalls, MonitorConfig, Share
from gateway.config.fields import PTU_TABLE, ConfigPath, Language, Name, Section, Text, VoiceLiveUrl, tag_of
from gateway.config.price import Price
from gateway.config.residency import Region, Sku, Spillover
from gateway.config.suggest import did_you_mean
from gateway.config.templates import check_greeting, check_instructions
from gateway.config.voice import (
    AzureSemanticVad,
    InterimResponse,
    OpenAiVoice,
    Transcription,
    TurnDetection,
    Voice,
)
from gateway.profile import Profile


class VoiceLiveResource(Section):
    """A Foundry resource with Voice Live."""

    name: Name
    """What deployments refer to."""
    endpoint: VoiceLiveUrl
    """https://<resource>.services.ai.azure.com; http and ws for loopback addresses only."""
    api_version: Annotated[str, StringConstraints(pattern=r"^[A-Za-z0-9.-]{1,40}$")] = "2026-07-15"
    """Version of the Voice Live API; the newest generally available one the gateway was checked with."""
    key_file: ConfigPath | None = None
    """File with the resource's key. Without it the gateway uses its Entra identity."""
    region: Region | None = None
    """Azure region of the resource, for lines with a `residency`."""
    dials_per_minute: Annotated[int, Field(ge=1, le=100_000)] = 30
    """New sessions in any minute: the resource's quota, which is 30 unless it was raised."""


class ModelFormat(StrEnum):
    """Audio of one direction of a model session."""

    PCM16_8000 = "pcm16_8000"
    PCM16_16000 = "pcm16_16000"
    PCM16_24000 = "pcm16_24000"
    G711_ULAW = "g711_ulaw"
    G711_ALAW = "g711_alaw"

    @property
    def audio(self) -> AudioFormat:
        return _AUDIO[self]


_AUDIO = {
    ModelFormat.PCM16_8000: PCM16_8K,
    ModelFormat.PCM16_16000: PCM16_16K,
    ModelFormat.PCM16_24000: PCM16_24K,
    ModelFormat.G711_ULAW: AudioFormat(Codec.ULAW, 8000),
    ModelFormat.G711_ALAW: AudioFormat(Codec.ALAW, 8000),
}

Weight: TypeAlias = Annotated[float, Field(ge=0, le=1000)]


class WeightOverrides(Section):
    """Numbers that replace or complete those of the PTU table: how many input tokens a token counts for."""

    tpm_per_ptu: Annotated[float, Field(gt=0)] | None = None
    """Input tokens per minute and unit."""
    output: Weight | None = None
    """One output token."""
    cached_input: Weight | None = None
    """One input token read from the prompt cache."""
    cache_write: Weight | None = None
    """One input token written to the prompt cache."""
    audio_input: Weight | None = None
    """One audio input token (realtime profile); unset: 1. No number is published."""
    audio_output: Weight | None = None
    """One audio output token (realtime profile); unset: like `output`."""
    long_context_above: Annotated[int, Field(gt=0)] | None = None
    """Text tokens of a prompt above which the table's weights for a long context count, where the model has such. The
    limit is not published: unset, they never do, unless your own table names it."""


class PtuCapacity(Section):
    """Provisioned throughput."""

    ptu_units: Annotated[int, Field(gt=0)]
    """Units bought for this deployment."""
    ptu_model: str | None = None
    """Row of the PTU table. Models outside of it need `weights` with tpm_per_ptu and output."""
    weights: WeightOverrides = WeightOverrides()
    """Replace or complete the table's numbers."""
    target: Share = 0.8
    """Share of the units that calls are admitted to; the rest is kept for the calls in progress, whose prompts grow."""
    expected: ExpectedCalls = ExpectedCalls()
    """What a call takes, until the gateway has seen some."""
    monitor: MonitorConfig | None = None
    """Ask Azure Monitor how full the units are."""
    _row: PtuModel | None = PrivateAttr(None)

    @computed_field  # type: ignore[prop-decorator]  # mypy knows no decorator over a property; pydantic asks for it
    @property
    def row(self) -> PtuModel | None:
        """Of the PTU table, own rows included; a part of what the configuration means."""
        return self._row

    @field_validator("ptu_model")
    @classmethod
    def _in_the_table(cls, value: str | None, info: ValidationInfo) -> str | None:
        table = _table(info)
        if value is not None and table is not None and value not in table.models:
            hint = did_you_mean(value, table.models) or "others need weights.tpm_per_ptu and output, or ptu_table_file"
            raise ValueError(f"is not in the PTU table of {table.date}; {hint}")
        return value

    @model_validator(mode="after")
    def _complete(self, info: ValidationInfo) -> Self:
        table = _table(info)
        if table is None:
            return self
        row = self._row = None if self.ptu_model is None else table.models[self.ptu_model]
        if row is None and self.weights.tpm_per_ptu is None:
            raise ValueError("needs ptu_model, or weights.tpm_per_ptu and weights.output")
        if (row is None or row.output is None) and self.weights.output is None:
            raise ValueError("needs weights.output: no ratio is published for this model")
        if self.weights.long_context_above is not None and (row is None or row.long_context is None):
            raise ValueError(
                "weights.long_context_above is for models of the table that have weights for a long context"
            )
        return self

    @property
    def _long_context(self) -> LongContext | None:
        row = self._row
        above = self.weights.long_context_above or (None if row is None else row.long_context_above)
        return LongContext(above, **row.long_context) if above and row is not None and row.long_context else None

    def budget(self) -> PtuBudget:
        """The table's numbers with the overrides applied."""
        overrides = self.weights.model_dump(exclude_none=True)
        numbers: dict[str, Any] = {}
        if (row := self._row) is not None:
            numbers = {
                "tpm_per_ptu": row.tpm_per_ptu,
                "output": row.output,
                "cached_input": row.cached_input,
                "cache_write": row.cache_write,
            }
        overrides.pop("long_context_above", None)
        numbers |= overrides | {"long_context": self._long_context}
        tpm_per_ptu = numbers.pop("tpm_per_ptu")
        return PtuBudget(units=self.ptu_units, tpm_per_ptu=tpm_per_ptu, weights=TokenWeights(**numbers))


def _table(info: ValidationInfo) -> PtuTable | None:
    """With the operator's rows; None where they can not be used."""
    table: PtuTable | None = (info.context or {}).get(PTU_TABLE, ptu_table())
    return table


def _capacity_tag(value: Any) -> str:
    return tag_of(value, text="pay_as_you_go", other="ptu")


Capacity: TypeAlias = Annotated[
    Annotated[Literal["pay_as_you_go"], Tag("pay_as_you_go")] | Annotated[PtuCapacity, Tag("ptu")],
    Discriminator(_capacity_tag),
]


def _spillover_tag(value: Any) -> str | None:
    return None if value is None else tag_of(value, text="nothing", other="deployment")


class Deployment(Section):
    """A model of yours, and the Voice Live resource that talks to it."""

    name: Name
    """What agents refer to; the `deployment` label of metrics."""
    resource: Name
    """Which of `resources`."""
    profile: Profile
    """byom-azure-openai-chat-completion, byom-azure-openai-realtime or byom-foundry-anthropic-messages."""
    model: Text
    """Name of the deployment in Azure (not of the model)."""
    foundry_resource_override: Annotated[str, StringConstraints(pattern=r"^[A-Za-z0-9-]{2,64}$")] | None = None
    """Name, without domain, of the resource that holds the deployment, if it is another one."""
    input_format: ModelFormat = ModelFormat.PCM16_16000
    """Audio to the model. The same rate as `acs.audio_format` needs no resampling and adds no delay."""
    output_format: ModelFormat = ModelFormat.PCM16_16000
    """Audio from the model, as above."""
    sku: Sku | None = None
    """Type of the deployment in Azure, for lines with a `residency`."""
    region: Region | None = None
    """Azure region of the resource that holds the deployment, for lines with a `residency`."""
    spillover: (
        Annotated[
            Annotated[Literal["none"], Tag("nothing")] | Annotated[Spillover, Tag("deployment")],
            Discriminator(_spillover_tag),
        ]
        | None
    ) = None
    """Where Azure sends what a provisioned deployment refuses: `none`, or {sku: ..., region: ...}; for lines with a
    `residency`."""
    capacity: Capacity = "pay_as_you_go"
    """`pay_as_you_go`, or provisioned units: {ptu_units: 50, ptu_model: gpt-4.1}."""
    price: Price | None = None
    """What it costs by your contract, for cost metrics and `gateway capacity`; none: there are no such metrics."""

    @model_validator(mode="after")
    def _price_fits(self) -> Self:
        price, provisioned = self.price, isinstance(self.capacity, PtuCapacity)
        if price is not None and provisioned != (price.unit_hour is not None):
            wanted = "unit_hour: it is provisioned" if provisioned else "input and output: it is paid by tokens"
            raise ValueError(f"price needs {wanted}")
        if price is not None and not provisioned and not self.profile.is_cascade:
            missing = [name for name in ("audio_input", "audio_output") if getattr(price, name) is None]
            if missing:
                raise ValueError(f"price needs {' and '.join(missing)}: a realtime model is paid for audio tokens")
        return self

    @property
    def budget(self) -> PtuBudget | None:
        """None for pay-as-you-go."""
        return self.capacity.budget() if isinstance(self.capacity, PtuCapacity) else None


def _answer_limit_tag(value: Any) -> str:
    return tag_of(value, text="no_limit", other="token_limit")


AnswerLimit: TypeAlias = Annotated[
    Annotated[Literal["inf"], Tag("no_limit")] | Annotated[int, Field(ge=1, le=4096), Tag("token_limit")],
    Discriminator(_answer_limit_tag),
]
_SPOKEN_MINUTE_OF_TEXT = 400
"""Tokens. Speech has about 150 words a minute, and a word 1.4 tokens in English and more than 2 in languages that the
tokenizer knows less well: 70 s of speech need 250 to 400."""
_SPOKEN_MINUTE_OF_AUDIO = 1600
"""Tokens. A realtime model writes one for every 50 ms of its speech, and the words beside it: 65 s."""


class Agent(Section):
    """Who talks to the caller."""

    name: Name
    """What lines refer to."""
    instructions_file: ConfigPath | None = None
    """File with the instructions, instead of `instructions`."""
    instructions: str = ""
    """What the model is told about its task. Must not be empty: the service would put a talkative persona of its own
    in its place. May hold variables of the call, such as `{{time}}`."""
    voice: Voice
    """The voice; `type` openai, azure-standard, azure-custom or azure-personal."""
    language: Language = "en-US"
    """Language the caller is expected to speak."""
    other_languages: Annotated[tuple[Language, ...], Field(max_length=9)] = ()
    """Languages the caller may speak instead; which one it is, is found out by listening. Costs some delay, and short
    answers are taken for the wrong language now and then: name only those that callers do speak. Turn detection has
    languages of its own."""
    greeting: Text | None = None
    """First sentence of the call, prepared while the phone rings; null: the agent waits for the caller. May hold
    variables of the call."""
    accessible: bool = False
    """For callers who need more time: unless set otherwise, the agent waits twice as long before it takes a turn for
    finished, an Azure voice speaks at 0.85 of its rate, and an interruption without words is answered after twice the
    time. The instructions ask for slow speech, short sentences and patience with repeating."""
    turn_detection: TurnDetection = AzureSemanticVad()
    """How the end of the caller's turn is found; `type` azure_semantic_vad, server_vad or semantic_vad."""
    interruptions: Literal["resume", "cut"] = "resume"
    """What a caller's voice does to an answer. `resume`: it stops at once, and goes on when the sound was a cough or an
    "uh-huh". `cut`: it stops for good, and the service cancels it."""
    noise_reduction: Literal["azure_deep_noise_suppression", "near_field", "far_field"] | None = (
        "azure_deep_noise_suppression"
    )
    """On by default because phones are used in streets and cars; near_field and far_field: realtime profile only."""
    echo_cancellation: bool = True
    """The service's echo cancellation: speakerphones bring the agent's voice back, and it would interrupt itself."""
    transcription: Transcription = Transcription()
    """Speech to text of the caller."""
    temperature: Annotated[float, Field(ge=0, le=1.2)] | None = None
    """Temperature of the model; unset: the service's (0.8). The documents disagree about the range, 0.6 to 1.2 or 0 to
    1: this is both."""
    max_response_output_tokens: AnswerLimit | None = None
    """Longest answer, in tokens, or inf. Unset: about a minute of speech, 400 with a cascade and 1600 with the realtime
    profile: nobody listens longer, and provisioned throughput reserves this much for every answer. With a
    `reasoning_effort` other than none, unset means inf, for thinking counts as output. A model that thinks without
    being asked to needs one of the two fields, or it may be cut off before the first word."""
    reasoning_effort: Literal["none", "minimal", "low", "medium", "high", "xhigh"] | None = None
    """How long a reasoning model thinks before it speaks, which the caller hears as silence; what there is to choose
    from depends on the model. Unset: the model's own."""
    interim_response: InterimResponse | None = None
    """A sentence that bridges a long wait, made by the service; `type` static_interim_response or llm_interim_response,
    cascades only. Null: only the gateway's own after `call.filler_after_ms`."""
    history_turns: Annotated[int, Field(ge=2, le=1000)] | None = None
    """So many turns of the caller stay in the model's memory of the call, with the answers to them; older ones are
    deleted. Unset: all. Every answer is paid for with the whole history."""
    word_timestamps: bool = True
    """Ask for the place of every word in the audio, so that an interrupted sentence is cut at the right word.
    Azure voices only; left out for others."""
    deployments: tuple[Name, ...] = Field(min_length=1)
    """Deployments to try, best first."""

    @field_validator("instructions")
    @classmethod
    def _instructions(cls, value: str, info: ValidationInfo) -> str:
        if "instructions_file" not in info.data:
            return value  # the path itself is wrong, which has been said already
        path = info.data["instructions_file"]
        if path is not None:
            if value:
                raise ValueError("stand in instructions_file already; keep one of the two")
            try:
                value = path.read_text(encoding="utf-8")
            except (OSError, UnicodeDecodeError) as error:
                reason = error.strerror if isinstance(error, OSError) else "is not UTF-8"
                raise ValueError(f"can not be read from {path}: {reason}") from None
        if not value.strip():
            raise ValueError("must not be empty: the service would put a persona of its own in their place")
        check_instructions(value)
        return value.strip()

    @field_validator("other_languages")
    @classmethod
    def _other(cls, value: tuple[str, ...], info: ValidationInfo) -> tuple[str, ...]:
        languages = [str(info.data.get("language", "")).lower(), *(language.lower() for language in value)]
        if len(set(languages)) < len(languages):
            raise ValueError("names a language twice, or the one that stands in `language`")
        return value

    @field_validator("greeting")
    @classmethod
    def _greeting(cls, value: str | None, info: ValidationInfo) -> str | None:
        if value is not None:
            check_greeting(value, str(info.data.get("language", "")))
        return value

    @property
    def languages(self) -> tuple[str, ...]:
        """All that the caller may speak, the most likely one first."""
        return self.language, *self.other_languages

    def answer_limit(self, profile: Profile) -> int | Literal["inf"] | None:
        """Longest answer in tokens of the profile's kind; None leaves it to the service, which has no limit."""
        if self.max_response_output_tokens is not None:
            return self.max_response_output_tokens
        if self.reasoning_effort not in (None, "none"):
            return None
        return _SPOKEN_MINUTE_OF_TEXT if profile.is_cascade else _SPOKEN_MINUTE_OF_AUDIO

    @property
    def wants_word_timestamps(self) -> bool:
        return self.word_timestamps and not isinstance(self.voice, OpenAiVoice)
