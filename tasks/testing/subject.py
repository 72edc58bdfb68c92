"""What a law is tried on: attentions built from a factory, and inputs for them."""

from collections.abc import Callable, Iterator
from dataclasses import dataclass
from typing import NamedTuple

import torch
from jaxtyping import Bool, Float
from torch import Tensor

from attnbench.attention import Alignment, Attended, Attention, AttentionFactory

EXACT = 1e-9  # what float64 results that are equal but for the order of their sums may differ by


class Inputs(NamedTuple):
    """All that an attention reads, in float64; the mask lets every query look everywhere until it is replaced."""

    query: Float[Tensor, "batch query query_dim"]
    keys: Float[Tensor, "batch memory key"]
    values: Float[Tensor, "batch memory value"]
    mask: Bool[Tensor, "batch #query memory"]


@dataclass(frozen=True)
class Subject:
    """A mechanism under test: its factory, and the sizes that it is built with."""

    factory: AttentionFactory
    query_dim: int = 4
    key_dim: int = 6
    value_dim: int = 3

    def build(self, *, training: bool = False, seed: int = 0) -> Attention:
        """An attention in float64; the same seed gives the same initial values."""
        with seeded(seed):
            return self.factory(self.query_dim, self.key_dim).double().train(training)

    @property
    def reads_past(self) -> bool:
        """Whether answers depend on the queries before."""
        return attend(self.build(), self.inputs()).past is not None

    def inputs(self, *, batch: int = 2, queries: int = 3, memory: int = 5) -> Inputs:
        """Standard normal inputs, the same at every call with the same sizes."""
        with seeded(1):
            return Inputs(
                torch.randn(batch, queries, self.query_dim, dtype=torch.float64),
                torch.randn(batch, memory, self.key_dim, dtype=torch.float64),
                torch.randn(batch, memory, self.value_dim, dtype=torch.float64),
                torch.ones(batch, 1, memory, dtype=torch.bool),
            )


Law = Callable[[Subject], None]


class seeded:  # noqa: N801 - a context manager is named like a function
    """Sets torch's random state inside a block, and puts back the one that was there."""

    def __init__(self, seed: int) -> None:
        self.seed = seed

    def __enter__(self) -> None:
        self.before = torch.get_rng_state()
        torch.manual_seed(self.seed)

    def __exit__(self, *error: object) -> None:
        torch.set_rng_state(self.before)


def attend(attention: Attention, inputs: Inputs) -> Attended:
    """Prepares the memory and answers the queries."""
    attended: Attended = attention(inputs.query, attention.prepare(inputs.keys, inputs.values, inputs.mask))
    return attended


def results(attended: Attended) -> dict[str, Tensor]:
    """All tensors that an attention returned, by name."""
    alignment: Alignment = attended.alignment
    named = {"context": attended.context, **alignment._asdict()}
    return {name: value for name, value in named.items() if value is not None}


def require(holds: bool, message: str) -> None:
    """Raises AssertionError with the message unless it holds (also under python -O)."""
    if not holds:
        raise AssertionError(message)


def require_equal(actual: Attended, expected: Attended, message: str, *, tolerance: float = EXACT) -> None:
    """Raises AssertionError, naming what differs and by how much, unless both hold the same results."""
    got, wanted = results(actual), results(expected)
    require(got.keys() == wanted.keys(), f"{message}: one returns {sorted(got)}, the other {sorted(wanted)}")
    for name, value in got.items():
        require_near(value, wanted[name], f"{message}: {name}", tolerance=tolerance)


def require_near(actual: Tensor, expected: Tensor, message: str, *, tolerance: float = EXACT) -> None:
    """Raises AssertionError, saying by how much, unless all entries agree within the tolerance."""
    require(actual.shape == expected.shape, f"{message} has shape {tuple(actual.shape)}, not {tuple(expected.shape)}")
    difference = (actual.double() - expected.double()).abs().max().item()
    require(difference <= tolerance, f"{message} differs by {difference:.3g} (at most {tolerance:.3g})")


def modes() -> Iterator[bool]:
    """Evaluation, then training."""
    yield from (False, True)
