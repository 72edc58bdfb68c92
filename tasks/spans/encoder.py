"""What readers read texts with: words as vectors, and stacked bidirectional LSTMs that never read padding."""

from collections.abc import Callable

import torch
from jaxtyping import Bool, Float, Int
from torch import Tensor, nn

from attnbench.tasks.sequence.text import Vocabulary
from attnbench.tasks.spans.batch import Texts
from attnbench.tasks.spans.lexicon import FORMS, Lexicon
from attnbench.tasks.spans.windows import Windows

SLOTS = 4096  # that words are dealt to, each to be hidden or not in all of an example


class WordVectors(nn.Module):
    """E(w) = [word; prefix; suffix; shape], dropout on all. Words outside the vocabulary have the vector of their bucket.

    In training a share `word_dropout` of an example's different words is read as if outside, in document and question alike:
    that teaches the buckets, and to do without the word.
    """

    def __init__(
        self, lexicon: Lexicon, *, embedding_dim: int, form_dim: int, dropout: float, word_dropout: float
    ) -> None:
        super().__init__()
        if not 0 <= word_dropout < 1:
            raise ValueError(f"word_dropout={word_dropout}: must be from 0 to below 1")
        if form_dim < 0:
            raise ValueError(f"form_dim={form_dim}: must be at least 0, which is none")
        self.size = embedding_dim + 3 * form_dim
        self.words = nn.Embedding(lexicon.size, embedding_dim, padding_idx=Vocabulary.pad)
        self.forms = nn.Embedding(3 * FORMS, form_dim) if form_dim else None
        self.dropout = nn.Dropout(dropout)
        self.word_dropout = word_dropout

    def hidden(self, batch: int, device: torch.device) -> Bool[Tensor, "batch slot"]:
        """Which words each example does without."""
        if not (self.training and self.word_dropout):
            return torch.zeros(batch, SLOTS, dtype=torch.bool, device=device)
        return torch.rand(batch, SLOTS, device=device) < self.word_dropout

    def forward(self, texts: Texts, hidden: Bool[Tensor, "batch slot"]) -> Float[Tensor, "batch length size"]:
        """The words' vectors."""
        gone = hidden.gather(1, texts.numbers % SLOTS)
        parts = [self.words(torch.where(gone, texts.buckets, texts.numbers))]
        if self.forms is not None:
            parts.append(self.forms(texts.forms).flatten(2))
        return self.dropout(torch.cat(parts, dim=-1))


class StackedLstm(nn.Module):
    """Layers of LSTMs that read both ways: [h¹; ...; hⁿ], of size 2 · hidden_dim · layers; or the top layer's states alone.

    Dropout stands on what each layer says. Both directions read forwards in one fused call, the backward one texts that were
    turned round, so padding stands behind all that counts and packing, which is slow on a CPU, is not needed.
    """

    def __init__(self, size: int, hidden_dim: int, layers: int, dropout: float, *, top_alone: bool = False) -> None:
        super().__init__()
        if layers < 1:
            raise ValueError(f"layers={layers}: must be at least 1")
        self.size = 2 * hidden_dim * (1 if top_alone else layers)
        self.top_alone = top_alone
        sizes = [size, *[2 * hidden_dim] * (layers - 1)]
        self.onward = nn.ModuleList([nn.LSTM(size, hidden_dim, batch_first=True) for size in sizes])
        self.back = nn.ModuleList([nn.LSTM(size, hidden_dim, batch_first=True) for size in sizes])
        self.dropout = nn.Dropout(dropout)

    def forward(
        self, texts: Float[Tensor, "batch length inward"], mask: Bool[Tensor, "batch length"], windows: Windows | None
    ) -> Float[Tensor, "batch length size"]:
        """Every word's states, of documents that are read in windows each from its window; those of padding say nothing."""
        if windows is not None:
            return windows.join(self(windows.split(texts), windows.mask, None))
        turned = turning(mask)
        layers = []
        for onward, backward in zip(self.onward, self.back, strict=True):
            states = [onward(texts)[0], turned(backward(turned(texts))[0])]
            texts = self.dropout(torch.cat(states, dim=-1))
            layers.append(texts)
        return texts if self.top_alone else torch.cat(layers, dim=-1)


def turning(mask: Bool[Tensor, "batch length"]) -> Callable[[Tensor], Tensor]:
    """What turns padded texts round, word by word, and leaves padding where it is."""
    places = torch.arange(mask.shape[1], device=mask.device)
    order: Int[Tensor, "batch length"] = torch.where(mask, mask.sum(dim=1, keepdim=True) - 1 - places, places)
    rows = torch.arange(len(mask), device=mask.device).unsqueeze(1)
    return lambda texts: texts[rows, order]
