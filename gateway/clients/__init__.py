"""Outbound connections: Call Automation, Voice Live, credentials."""
