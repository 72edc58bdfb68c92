"""Selections: how scores become weights. One file each."""
