"""Sentences the gateway can say without a model."""
