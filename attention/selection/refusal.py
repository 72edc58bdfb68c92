"""What several selections refuse, each in one line."""

from attnbench.attention.core import Score
from attnbench.attention.score.none import NoScore


def check_temperature(temperature: float) -> None:
    """Raises ValueError unless scores can be divided by it."""
    if not 0 < temperature < float("inf"):
        raise ValueError(f"temperature={temperature}: must be a number above 0")


def refuse_no_score(selection: str, score: Score) -> None:
    """Raises ValueError if the score is `none`: all positions tie, and which one wins would follow from their order alone."""
    if isinstance(score, NoScore):
        raise ValueError(
            f"selection={selection} chooses by scores and cannot go with score NoScore, which gives all positions the same; "
            "use attention=uniform, or another attention/score"
        )
