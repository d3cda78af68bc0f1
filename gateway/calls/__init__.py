"""The shell of a call: offer, conversation, pump."""
