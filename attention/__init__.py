"""The attention library: a mechanism is a score × a selection. It knows nothing of tasks."""

from attnbench.attention.core import (
    Alignment,
    Attended,
    Attention,
    AttentionFactory,
    Composed,
    Memory,
    Score,
    ScoreFactory,
    Selection,
    SelectionFactory,
)

__all__ = [
    "Alignment",
    "Attended",
    "Attention",
    "AttentionFactory",
    "Composed",
    "Memory",
    "Score",
    "ScoreFactory",
    "Selection",
    "SelectionFactory",
]
