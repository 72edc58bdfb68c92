"""Attention mechanisms compared fairly: additive and dot, soft and hard, across captioning, translation and reading."""

__version__ = "0.1.0"
