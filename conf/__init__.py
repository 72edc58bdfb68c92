"""The configuration: what `attnbench list` lists. Data, no code."""
