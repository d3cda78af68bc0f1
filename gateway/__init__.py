"""A telephony gateway between Azure Communication Services and Azure Voice Live BYOM."""

__version__ = "0.1.0"
