"""What a response is asked for: by the end of a turn, or by response.create."""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import Any

from gateway.simulator.voice_live.record import Json
from gateway.simulator.voice_live.settings import function_names, output_format

_FIELDS = frozenset(
    {
        "modalities",
        "instructions",
        "voice",
        "output_audio_format",
        "tools",
        "tool_choice",
        "temperature",
        "max_output_tokens",
        "max_response_output_tokens",
        "reasoning_effort",
        "interim_response",
        "metadata",
        "conversation",
        "pre_generated_assistant_message",
        "invoke_input",
        "commit",
        "cancel_previous",
        "append_input_items",
        "input_items",
    }
)


class BadRequest(Exception):  # noqa: N818 - named for what happened; it becomes an `error` event and nothing else
    """A response.create that is not taken."""

    def __init__(self, code: str, message: str, param: str | None = None) -> None:
        super().__init__(message)
        self.code = code
        self.param = param


@dataclass(frozen=True, slots=True)
class ResponseRequest:
    event_id: object = None
    """of the response.create; None where a turn's end asks"""
    from_turn: bool = False
    additional_instructions: str | None = None
    params: Json = field(default_factory=dict)
    """the `response` of the event, as sent"""

    def check(self, *, refuses_pre_generated: bool) -> None:
        """Look for fields the service does not take.

        Raises:
            BadRequest: the first one.
        """
        for name in self.params:
            if name not in _FIELDS:
                raise BadRequest("unknown_parameter", f"Unknown parameter: 'response.{name}'.", f"response.{name}")
        message = self.params.get("pre_generated_assistant_message")
        if message is not None and (refuses_pre_generated or self.pre_generated is None):
            name = "response.pre_generated_assistant_message"
            reason = "is not supported for this model" if refuses_pre_generated else "needs an assistant's text"
            raise BadRequest("invalid_value", f"'{name}' {reason}.", name)
        if self.output_audio_format is not None:
            try:
                output_format(self.output_audio_format)
            except KeyError:
                name = "response.output_audio_format"
                raise BadRequest("invalid_value", "Unknown output audio format.", name) from None

    @property
    def pre_generated(self) -> str | None:
        """The text to speak without asking the model."""
        message = self.params.get("pre_generated_assistant_message")
        content = message.get("content") if isinstance(message, dict) else None
        if not isinstance(content, list):
            return None
        text = " ".join(str(part.get("text", "")) for part in content if isinstance(part, dict)).strip()
        return text or None

    @property
    def instructions(self) -> str | None:
        given = [self.params.get("instructions"), self.additional_instructions]
        return "\n".join(text for text in given if isinstance(text, str)) or None

    @property
    def modalities(self) -> list[str] | None:
        value = self.params.get("modalities")
        return sorted(map(str, value)) if isinstance(value, list) and value else None

    @property
    def output_audio_format(self) -> str | None:
        value = self.params.get("output_audio_format")
        return str(value) if value is not None else None

    @property
    def max_output_tokens(self) -> int | None:
        value = self.params.get("max_output_tokens", self.params.get("max_response_output_tokens"))
        return value if isinstance(value, int) else None

    @property
    def metadata(self) -> Any:
        return self.params.get("metadata")

    def tool_names(self, of_session: frozenset[str]) -> frozenset[str]:
        """The functions this response may call: its own tools and tool_choice, or else the session's."""
        if self.params.get("tool_choice") == "none":
            return frozenset()
        tools = self.params.get("tools")
        return function_names(tools) if isinstance(tools, list) else of_session

    @property
    def cancels_previous(self) -> bool:
        """Only where it is said: the documented default of true contradicts the error that real clients see."""
        return self.params.get("cancel_previous") is True

    @property
    def out_of_band(self) -> bool:
        return self.params.get("conversation") == "none"
