"""From words to their pieces and back: gold links for pieces, alignments of pieces as alignments of words."""

from collections.abc import Sequence

import torch
from jaxtyping import Float
from torch import Tensor

from attnbench.tasks.sequence.text import SPECIAL
from attnbench.tasks.translation.pieces import BLANK

Links = Sequence[Sequence[int]]


def word_numbers(pieces: Sequence[str]) -> list[int]:
    """Which word, counted from 0, each piece belongs to; a special symbol is a word of its own."""
    numbers: list[int] = []
    for place, piece in enumerate(pieces):
        begins = piece.startswith(BLANK) or piece in SPECIAL or place == 0 or pieces[place - 1] in SPECIAL
        numbers.append((numbers[-1] if numbers else -1) + begins)
    return numbers


def piece_links(links: Links, queries: Sequence[str], memory: Sequence[str]) -> list[list[int]]:
    """Links [target word, source word] as those of all their pieces with each other."""
    asking, asked = word_numbers(queries), word_numbers(memory)
    return [
        [query, position]
        for word, other in links
        for query in [place for place, number in enumerate(asking) if number == word]
        for position in [place for place, number in enumerate(asked) if number == other]
    ]


def word_weights(
    weights: Float[Tensor, "query memory"], queries: Sequence[str], memory: Sequence[str]
) -> Float[Tensor, "query_word memory_word"]:
    """Weights among words: the mean over a word's queries, the sum over a word's pieces. Clark et al. 2019, 4.1.

    `queries` and `memory` are the pieces; rows and columns behind them are padding and left out.
    """
    asking, asked = word_numbers(queries), word_numbers(memory)
    rows = belonging(asking).to(weights)
    columns = belonging(asked).to(weights)
    given = weights[: len(asking), : len(asked)]
    return (rows / rows.sum(dim=1, keepdim=True)) @ given @ columns.T


def belonging(numbers: Sequence[int]) -> Float[Tensor, "word piece"]:
    """1 where the piece is the word's."""
    words = torch.arange(max(numbers, default=-1) + 1).unsqueeze(1)
    return (words == torch.tensor(numbers, dtype=torch.long)).float()
