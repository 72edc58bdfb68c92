"""Mechanisms alone, over growing sizes: what they cost in time and memory."""
