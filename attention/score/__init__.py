"""Scores: how well each memory position fits a query. One file each."""
