"""Which API stands behind a bring-your-own-model session."""

from __future__ import annotations

from enum import StrEnum


class Profile(StrEnum):
    """The `profile` of a Voice Live connection, spelled as in its query string."""

    CHAT_COMPLETION = "byom-azure-openai-chat-completion"
    REALTIME = "byom-azure-openai-realtime"
    ANTHROPIC_MESSAGES = "byom-foundry-anthropic-messages"

    @property
    def is_cascade(self) -> bool:
        """Speech to text, the model, text to speech: the model itself reads and writes text only."""
        return self is not Profile.REALTIME
