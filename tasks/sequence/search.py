"""The one search: from a decoder's next-word scores to what it says."""

from typing import NamedTuple

import torch
from jaxtyping import Float, Int
from torch import Tensor

from attnbench.attention import Alignment, Memory
from attnbench.tasks.sequence.decoder import RecurrentDecoder
from attnbench.tasks.sequence.text import Vocabulary


class Said(NamedTuple):
    """What was said, end symbol included, padded; the alignment has a query for each word of it."""

    words: Int[Tensor, "batch length"]
    alignment: Alignment


@torch.no_grad()
def greedy(decoder: RecurrentDecoder, summary: Float[Tensor, "batch start"], memory: Memory, *, limit: int) -> Said:
    """The likeliest word at each step, until every sentence has ended or holds `limit` symbols."""
    state = decoder.start(summary)
    word = torch.full((summary.shape[0],), Vocabulary.start, device=summary.device)
    ended = torch.zeros_like(word, dtype=torch.bool)
    words: list[Tensor] = []
    alignments: list[Alignment] = []
    while len(words) < limit and not bool(ended.all()):
        embedded = decoder.embedding(word)
        context, alignment, state = decoder.step(embedded, state, memory)
        logits = decoder.logits(state.hidden, context, embedded)
        logits[:, [Vocabulary.pad, Vocabulary.start]] = -torch.inf
        word = logits.argmax(dim=-1).masked_fill(ended, Vocabulary.pad)
        words.append(word)
        alignments.append(alignment.keep(~ended.unsqueeze(1)))
        ended = ended | (word == Vocabulary.end)
    return Said(torch.stack(words, dim=1), Alignment.join(alignments))
