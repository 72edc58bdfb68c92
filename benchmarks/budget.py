"""What every mechanism of a comparison is given, the same for all."""

from dataclasses import dataclass
from typing import Literal, get_args

Match = Literal["none", "parameters", "flops"]


@dataclass(frozen=True)
class Budget:
    """Epochs, examples a batch, learning rate, the width of states and embeddings, dropout, the gradient's largest norm.

    `match` says what of the model is to be as large as with the attention preset `reference`; see `matching`.
    """

    epochs: int
    batch_size: int
    learning_rate: float
    width: int
    dropout: float
    gradient_clip: float
    match: Match = "none"
    reference: str = "additive_soft"

    def __post_init__(self) -> None:
        for name in ("epochs", "batch_size", "width"):
            value = getattr(self, name)
            if not isinstance(value, int) or value < 1:
                raise ValueError(f"{name}={value}: must be a whole number, 1 or more")
        for name in ("learning_rate", "gradient_clip"):
            value = getattr(self, name)
            if not isinstance(value, int | float) or not value > 0:
                raise ValueError(f"{name}={value}: must be a number above 0")
        if not isinstance(self.dropout, int | float) or not 0 <= self.dropout < 1:
            raise ValueError(f"dropout={self.dropout}: must be a number from 0 to below 1")
        if self.match not in get_args(Match):
            raise ValueError(f"match={self.match}: must be one of {', '.join(get_args(Match))}")
