"""The offline twin: a phone network and a Voice Live service."""
