"""Dropout that treats all places of an example alike."""

from jaxtyping import Float
from torch import Tensor, nn


class SharedDropout(nn.Module):
    """m ⊙ a_i with dropout's mask m, one for all places i of an example (as over time in Gal & Ghahramani 2016, §4.2).

    A mean over many places would average masks of their own away: mechanisms that look at few places would be trained with more
    noise than those that look at many.
    """

    def __init__(self, share: float) -> None:
        super().__init__()
        self.mask = nn.Dropout(share)

    def forward(self, annotations: Float[Tensor, "batch place size"]) -> Float[Tensor, "batch place size"]:
        """In evaluation, or with a share of 0, the annotations as they are."""
        if not self.training or self.mask.p == 0.0:
            return annotations
        return annotations * self.mask(annotations.new_ones(len(annotations), 1, annotations.shape[2]))
