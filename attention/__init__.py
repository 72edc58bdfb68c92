"""The attention library: a mechanism is a score × a selection. It knows nothing of tasks."""

from attnbench.attention.composed import Composed
from attnbench.attention.core import (
    Alignment,
    Attended,
    Attention,
    AttentionFactory,
    Memory,
    Past,
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
    "Past",
    "Score",
    "ScoreFactory",
    "Selection",
    "SelectionFactory",
]
