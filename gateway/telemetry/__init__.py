"""Metrics, logs and call traces."""
