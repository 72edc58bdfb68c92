"""What every mechanism of a comparison is given, the same for all."""

from dataclasses import dataclass
from typing import Literal, get_args

from attnbench.tasks.schedule import Schedule, Shape

Match = Literal["none", "parameters", "flops"]


@dataclass(frozen=True)
class Budget:
    """Epochs, examples a batch, learning rate, the width of states and embeddings, dropout, the gradient's largest norm.

    `schedule` and `warmup` say how the learning rate goes (`tasks.schedule`). `patience` ends training after so many epochs
    without a better primary measure on validation examples; None goes through all epochs. With `averaging`, what is validated,
    kept and tested is a moving average of the weights, m ← averaging · m + (1 - averaging) · w after each step.
    `label_smoothing` is the share of each symbol's likelihood that is asked of all words alike (Szegedy et al. 2016, §7).
    `match` says what of the model is to be as large as with the attention preset `reference`; see `matching`.
    """

    epochs: int
    batch_size: int
    learning_rate: float
    width: int
    dropout: float
    gradient_clip: float
    schedule: Shape = "constant"
    warmup: float = 0.0
    patience: int | None = None
    averaging: float | None = None
    label_smoothing: float = 0.0
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
        if not isinstance(self.label_smoothing, int | float) or not 0 <= self.label_smoothing < 1:
            raise ValueError(f"label_smoothing={self.label_smoothing}: must be a number from 0 to below 1")
        Schedule(self.schedule, self.warmup)  # refuses what it cannot be
        if self.patience is not None and (type(self.patience) is not int or self.patience < 1):
            raise ValueError(f"patience={self.patience}: must be a whole number of epochs, 1 or more, or null")
        if self.averaging is not None and (not isinstance(self.averaging, int | float) or not 0 < self.averaging < 1):
            raise ValueError(f"averaging={self.averaging}: must be a number between 0 and 1, such as 0.999, or null")
        if self.match not in get_args(Match):
            raise ValueError(f"match={self.match}: must be one of {', '.join(get_args(Match))}")
