"""What readers read texts with: words as vectors, and stacked bidirectional LSTMs that never read padding."""

import torch
from jaxtyping import Bool, Float
from torch import Tensor, nn

from attnbench.tasks.sequence.both_ways import BidirectionalLstm
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

    Dropout stands on what each layer says.
    """

    def __init__(self, size: int, hidden_dim: int, layers: int, dropout: float, *, top_alone: bool = False) -> None:
        super().__init__()
        if layers < 1:
            raise ValueError(f"layers={layers}: must be at least 1")
        self.size = 2 * hidden_dim * (1 if top_alone else layers)
        self.top_alone = top_alone
        sizes = [size, *[2 * hidden_dim] * (layers - 1)]
        self.layers = nn.ModuleList(BidirectionalLstm(size, hidden_dim) for size in sizes)
        self.dropout = nn.Dropout(dropout)

    def forward(
        self, texts: Float[Tensor, "batch length inward"], mask: Bool[Tensor, "batch length"], windows: Windows | None
    ) -> Float[Tensor, "batch length size"]:
        """Every word's states, of documents that are read in windows each from its window; those of padding say nothing."""
        if windows is not None:
            return windows.join(self(windows.split(texts), windows.mask, None))
        said = []
        for layer in self.layers:
            texts = self.dropout(layer(texts, mask))
            said.append(texts)
        return texts if self.top_alone else torch.cat(said, dim=-1)
