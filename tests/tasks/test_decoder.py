"""The recurrent decoder against a plain loop, and greedy search against teacher forcing."""

import itertools
from functools import partial

import pytest
import torch
from torch import Tensor, nn

from attnbench.attention import Attention, Composed, Memory
from attnbench.attention.score.dot import Dot
from attnbench.attention.selection.hard import Hard
from attnbench.attention.selection.softmax import Softmax
from attnbench.tasks.sequence.recurrent import Cell, RecurrentDecoder
from attnbench.tasks.sequence.said import Said
from attnbench.tasks.sequence.search import greedy
from attnbench.tasks.sequence.text import Vocabulary

WORDS, EMBEDDING, HIDDEN, MEMORY, START = 9, 3, 5, 4, 2
ENDING = 0.5
CELLS: list[Cell] = ["gru", "lstm"]


def decoder_of(cell: Cell, *, hard: bool = False, conditional: bool = False, ending: float = 0.0) -> RecurrentDecoder:
    """Its sentences end the sooner the larger `ending` is."""
    torch.manual_seed(0)
    attention = partial(Composed, score=Dot, selection=Hard if hard else Softmax)
    sizes = {"start_dim": START, "memory_dim": MEMORY, "embedding_dim": EMBEDDING, "hidden_dim": HIDDEN}
    form = {"cell": cell, "conditional": conditional}
    decoder = RecurrentDecoder(WORDS, attention, dropout=0.0, **form, **sizes).double().eval()
    for parameter in decoder.parameters():
        parameter.data *= 2.0  # so that steps differ clearly
    decoder.output.bias.data[Vocabulary.end] += ending
    return decoder


@pytest.fixture(params=[*CELLS, "conditional-gru", "conditional-lstm"])
def decoder(request: pytest.FixtureRequest) -> RecurrentDecoder:
    return decoder_of(request.param.removeprefix("conditional-"), conditional=request.param not in CELLS)


def read(decoder: RecurrentDecoder, batch: int = 3, positions: int = 6) -> tuple[Tensor, Memory]:
    """A summary and a memory of which each example shows one position less than the one before."""
    torch.manual_seed(1)
    annotations = torch.randn(batch, positions, MEMORY, dtype=torch.float64) * 2
    mask = torch.arange(positions) < positions - torch.arange(batch).unsqueeze(1)
    assert isinstance(decoder.attention, Attention)
    summary = torch.randn(batch, START, dtype=torch.float64)
    return summary, decoder.attention.prepare(annotations, annotations, mask.unsqueeze(1))


def target() -> Tensor:
    """From start to end, of 5, 3 and 2 symbols to predict."""
    s, e, p = Vocabulary.start, Vocabulary.end, Vocabulary.pad
    return torch.tensor([[s, 5, 6, 7, 4, e], [s, 8, 8, e, p, p], [s, 4, e, p, p, p]])


def sigmoid(x: Tensor) -> Tensor:
    return 1 / (1 + torch.exp(-x))


def next_state(unit: nn.RNNCellBase, inward: Tensor, hidden: Tensor, cell: Tensor) -> tuple[Tensor, Tensor]:
    """One GRU step (Cho et al. 2014, as torch orders its gates: r, z, n) or LSTM step (i, f, g, o)."""
    left, right = unit.weight_ih @ inward + unit.bias_ih, unit.weight_hh @ hidden + unit.bias_hh
    a, b = left.split(HIDDEN), right.split(HIDDEN)
    if isinstance(unit, nn.GRUCell):
        reset, update = sigmoid(a[0] + b[0]), sigmoid(a[1] + b[1])
        fresh = torch.tanh(a[2] + reset * b[2])
        return (1 - update) * fresh + update * hidden, cell
    into, forget, fresh, out = (x + y for x, y in zip(a, b, strict=True))
    cell = sigmoid(forget) * cell + sigmoid(into) * torch.tanh(fresh)
    return sigmoid(out) * torch.tanh(cell), cell


def plain_nll(
    decoder: RecurrentDecoder, words: list[int], summary: Tensor, annotations: Tensor
) -> tuple[Tensor, Tensor]:
    """One example's nll and weights, word by word."""
    hidden = torch.tanh(decoder.start_hidden.weight @ summary + decoder.start_hidden.bias)
    cell = torch.zeros(HIDDEN, dtype=torch.float64)
    if decoder.start_cell is not None:
        cell = torch.tanh(decoder.start_cell.weight @ summary + decoder.start_cell.bias)
    nll, rows = torch.zeros((), dtype=torch.float64), []
    assert isinstance(decoder.attention, Composed)
    assert isinstance(decoder.attention.score, Dot)
    for last, word in itertools.pairwise(words):
        embedded = decoder.embedding.weight[last]
        if decoder.first is not None:
            hidden, cell = next_state(decoder.first, embedded, hidden, cell)
        query = decoder.attention.score.query(hidden)
        weights = torch.softmax(torch.stack([query @ annotation for annotation in annotations]), dim=0)
        context = torch.stack([w * annotation for w, annotation in zip(weights, annotations, strict=True)]).sum(dim=0)
        inward = torch.cat([embedded, context]) if decoder.first is None else context
        hidden, cell = next_state(decoder.cell, inward, hidden, cell)
        deep = torch.tanh(decoder.readout.weight @ torch.cat([hidden, context, embedded]) + decoder.readout.bias)
        logits = decoder.output.weight @ deep + decoder.output.bias
        nll = nll - (logits[word] - logits.exp().sum().log())
        rows.append(weights)
    return nll, torch.stack(rows)


def test_forward_is_the_plain_loop(decoder: RecurrentDecoder) -> None:
    summary, memory = read(decoder)
    output = decoder(target(), summary, memory)
    for example, length in enumerate([5, 3, 2]):
        words = target()[example, : length + 1].tolist()
        seen = memory.mask[example, 0]
        nll, weights = plain_nll(decoder, words, summary[example], memory.values[example, seen])
        assert output.nll[example].item() == pytest.approx(nll.item(), rel=1e-5)  # the loss is computed in float32
        found = output.alignments[0].weights[example]
        torch.testing.assert_close(found[:length, seen], weights)
        assert not found[length:].any()
        assert not found[:, ~seen].any()
    assert output.symbols.tolist() == [5, 3, 2]


def test_padding_of_targets_changes_nothing(decoder: RecurrentDecoder) -> None:
    summary, memory = read(decoder)
    output = decoder(target(), summary, memory)
    longer = decoder(torch.nn.functional.pad(target(), (0, 3), value=Vocabulary.pad), summary, memory)
    torch.testing.assert_close(longer.nll, output.nll)
    assert torch.equal(longer.symbols, output.symbols)
    assert not longer.alignments[0].weights[:, 5:].any()


def test_padding_of_memory_changes_nothing(decoder: RecurrentDecoder) -> None:
    summary, memory = read(decoder)
    assert isinstance(decoder.attention, Attention)
    output = decoder(target(), summary, memory)
    for example in range(3):
        shown = memory.values[[example]][:, memory.mask[example, 0]]
        alone = decoder.attention.prepare(shown, shown, torch.ones(1, 1, shown.shape[1], dtype=torch.bool))
        cropped = decoder(target()[[example]], summary[[example]], alone)
        torch.testing.assert_close(cropped.nll[0], output.nll[example])


def search(decoder: RecurrentDecoder, limit: int = 12) -> Said:
    summary, memory = read(decoder, batch=6, positions=7)
    return greedy(decoder, summary, memory, limit=limit)


def lengths(said: Said) -> list[int]:
    return [row.index(Vocabulary.end) + 1 if Vocabulary.end in row else len(row) for row in said.words.tolist()]


@pytest.mark.parametrize("hard", [False, True], ids=["soft", "hard"])
@pytest.mark.parametrize("cell", CELLS)
def test_greedy_says_what_teacher_forcing_finds_likeliest(cell: Cell, hard: bool) -> None:
    decoder = decoder_of(cell, hard=hard, ending=ENDING)
    said = search(decoder)
    assert len(set(lengths(said))) > 1, "sentences of several lengths, so that ended ones stand beside unended"
    summary, memory = read(decoder, batch=6, positions=7)
    forced = torch.cat([torch.full((6, 1), Vocabulary.start), said.words], dim=1)
    output = decoder(forced, summary, memory)
    torch.testing.assert_close(said.alignments[0].weights, output.alignments[0].weights)
    for position in range(said.words.shape[1]):
        for word in set(range(WORDS)) - {Vocabulary.pad, Vocabulary.start}:
            other = forced[:, : position + 2].clone()
            other[:, -1] = word
            chosen = decoder(forced[:, : position + 2], summary, memory).nll
            going = torch.tensor([position < length for length in lengths(said)])
            assert bool((chosen <= decoder(other, summary, memory).nll + 1e-6)[going].all())


def test_ended_sentences_stay_padded() -> None:
    said = search(decoder_of("gru", ending=ENDING))
    for row, weights, length in zip(said.words.tolist(), said.alignments[0].weights, lengths(said), strict=True):
        assert row[length:] == [Vocabulary.pad] * (len(row) - length)
        assert not weights[length:].any()
        assert bool(weights[:length].any(dim=-1).all())
        assert Vocabulary.start not in row
        assert Vocabulary.pad not in row[:length]


def test_search_stops_at_the_limit() -> None:
    assert search(decoder_of("gru", ending=-100.0), limit=4).words.shape == (6, 4)


def test_search_stops_when_all_sentences_have_ended() -> None:
    assert search(decoder_of("gru", ending=100.0)).words.tolist() == [[Vocabulary.end]] * 6


def test_search_passes_no_gradient() -> None:
    assert not search(decoder_of("gru")).alignments[0].weights.requires_grad
