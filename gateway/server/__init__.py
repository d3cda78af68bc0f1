"""Inbound HTTP: events, callbacks, media sockets, probes."""
