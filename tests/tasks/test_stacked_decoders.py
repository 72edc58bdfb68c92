"""Decoders of stacked LSTM layers: plain loops, one word at a time against all at once, rows and padding."""

import itertools
from functools import partial
from typing import Any, cast

import pytest
import torch
from torch import Tensor, nn

from attnbench.attention import AttentionFactory, Composed, Memory
from attnbench.attention.multi_head import composed_heads
from attnbench.attention.score.additive import Additive
from attnbench.attention.score.coverage import Coverage
from attnbench.attention.score.dot import Dot
from attnbench.attention.score.scaled_dot import ScaledDot
from attnbench.attention.selection.hard import Hard
from attnbench.attention.selection.monotonic import Monotonic
from attnbench.attention.selection.softmax import Softmax
from attnbench.tasks.sequence.gnmt import GnmtDecoder
from attnbench.tasks.sequence.luong import LuongDecoder
from attnbench.tasks.sequence.stacked import StackedDecoder, State
from attnbench.tasks.sequence.text import Vocabulary

WORDS, EMBEDDING, HIDDEN, MEMORY, LAYERS, POSITIONS = 9, 3, 4, 6, 3, 5
SIZES = {"layers": LAYERS, "memory_dim": MEMORY, "embedding_dim": EMBEDDING, "hidden_dim": HIDDEN, "dropout": 0.0}
KINDS: dict[str, Any] = {
    "luong": partial(LuongDecoder, input_feeding=False),
    "luong_fed": partial(LuongDecoder, input_feeding=True),
    "gnmt": GnmtDecoder,
    "gnmt_v2": partial(GnmtDecoder, asks="current", residual=False, context_out=True),
}
ATTENTIONS: dict[str, AttentionFactory] = {
    "soft": partial(Composed, score=Dot, selection=Softmax),
    "hard": partial(Composed, score=Dot, selection=Hard),
    "heads": partial(composed_heads, heads=2, score=ScaledDot, selection=Softmax),
    "coverage": partial(Composed, score=partial(Coverage, hidden_dim=3), selection=Softmax),
    "monotonic": partial(Composed, score=partial(Additive, hidden_dim=3), selection=Monotonic),
}
SOME = [
    *itertools.product(KINDS, ["soft", "coverage"]),
    ("luong_fed", "hard"),
    ("gnmt", "heads"),
    ("gnmt", "monotonic"),
]
EVERY = pytest.mark.parametrize(("kind", "attention"), SOME)


def decoder_of(kind: str, attention: str = "soft", **options: Any) -> StackedDecoder:
    torch.manual_seed(0)
    decoder: StackedDecoder = KINDS[kind](WORDS, ATTENTIONS[attention], **{**SIZES, **options})
    for parameter in decoder.parameters():
        parameter.data += 0.4 * torch.randn_like(parameter)  # so that steps differ clearly
    return decoder.double().eval()


def read(decoder: StackedDecoder, batch: int = 3) -> tuple[Tensor, Memory]:
    """A summary and a memory of which each example shows one position less than the one before."""
    torch.manual_seed(1)
    mask = torch.arange(POSITIONS) < POSITIONS - torch.arange(batch).unsqueeze(1)
    annotations = torch.randn(batch, POSITIONS, MEMORY, dtype=torch.float64)
    summary = torch.randn(batch, 2 * LAYERS * HIDDEN, dtype=torch.float64)
    return summary, decoder.prepare(annotations, mask.unsqueeze(1))


def target() -> Tensor:
    """From start to end, of 5, 3 and 2 symbols to predict."""
    s, e, p = Vocabulary.start, Vocabulary.end, Vocabulary.pad
    return torch.tensor([[s, 5, 6, 7, 4, e], [s, 8, 8, e, p, p], [s, 4, e, p, p, p]])


Step = tuple[Tensor, tuple[Tensor, Tensor]]


def lstm(weights: list[Tensor], inward: Tensor, before: tuple[Tensor, Tensor]) -> Step:
    """One step of an LSTM, gate by gate, in torch's order."""
    into, back, first, second = weights
    gates = into @ inward + back @ before[0] + first + second
    i, f, g, o = (gates[part * HIDDEN : (part + 1) * HIDDEN] for part in range(4))
    cell = torch.sigmoid(f) * before[1] + torch.sigmoid(i) * torch.tanh(g)
    return torch.sigmoid(o) * torch.tanh(cell), (torch.sigmoid(o) * torch.tanh(cell), cell)


def looked(decoder: StackedDecoder, query: Tensor, annotations: Tensor) -> tuple[Tensor, Tensor]:
    """The context and the weights of projected dot products."""
    projected = cast(Dot, cast(Composed, decoder.attention).score).query(query)
    weights = torch.softmax(torch.stack([projected @ annotation for annotation in annotations]), dim=0)
    return cast(Tensor, sum(w * annotation for w, annotation in zip(weights, annotations, strict=True))), weights


def started(summary: Tensor) -> list[tuple[Tensor, Tensor]]:
    """Each layer's first state and memory."""
    hidden, cell = summary[: LAYERS * HIDDEN], summary[LAYERS * HIDDEN :]
    parts = [slice(layer * HIDDEN, (layer + 1) * HIDDEN) for layer in range(LAYERS)]
    return [(hidden[part], cell[part]) for part in parts]


def plain_luong(decoder: LuongDecoder, words: list[int], summary: Tensor, annotations: Tensor) -> tuple[Tensor, Tensor]:
    """One example's scores and weights. Luong et al. 2015, eq. 5-6 and §3.3, step by step."""
    fed, states, logits, rows = torch.zeros(HIDDEN, dtype=torch.float64), started(summary), [], []
    for word in words:
        current = decoder.embedding.weight[word]
        if not isinstance(decoder.rnn, nn.LSTM):
            current = torch.cat([current, fed])
        for layer in range(LAYERS):
            if isinstance(decoder.rnn, nn.LSTM):
                weights = list(decoder.rnn.all_weights[layer])
            else:
                weights = list(decoder.rnn[layer].parameters())
            current, states[layer] = lstm(weights, current, states[layer])
        context, row = looked(decoder, current, annotations)
        fed = torch.tanh(decoder.combine.weight @ torch.cat([context, current]))
        logits.append(decoder.output.weight @ fed + decoder.output.bias)
        rows.append(row)
    return torch.stack(logits), torch.stack(rows)


def plain_gnmt(
    decoder: GnmtDecoder, words: list[int], summary: Tensor, annotations: Tensor, *, v2: bool
) -> tuple[Tensor, Tensor]:
    """One example's scores and weights. Wu et al. 2016, §3 and eq. 6; v2 asks with the present word's output."""
    states, logits, rows = started(summary), [], []
    for word in words:
        query = states[0][0]
        weights = [list(layer.parameters()) for layer in decoder.rnn]
        bottom, states[0] = lstm(weights[0], decoder.embedding.weight[word], states[0])
        context, row = looked(decoder, bottom if v2 else query, annotations)
        second, states[1] = lstm(weights[1], torch.cat([bottom, context]), states[1])
        third, states[2] = lstm(weights[2], torch.cat([second, context]), states[2])
        top = torch.cat([third, context]) if v2 else third + second
        logits.append(decoder.output.weight @ top + decoder.output.bias)
        rows.append(row)
    return torch.stack(logits), torch.stack(rows)


@pytest.mark.parametrize("kind", KINDS)
def test_forward_is_the_plain_loop(kind: str) -> None:
    decoder = decoder_of(kind)
    summary, memory = read(decoder)
    output = decoder(target(), summary, memory)
    for example, length in enumerate([5, 3, 2]):
        words, seen = target()[example, : length + 1], memory.mask[example, 0]
        given = words[:-1].tolist(), summary[example], memory.values[example, seen]
        if isinstance(decoder, LuongDecoder):
            logits, rows = plain_luong(decoder, *given)
        else:
            logits, rows = plain_gnmt(cast(GnmtDecoder, decoder), *given, v2=kind == "gnmt_v2")
        nll = torch.logsumexp(logits, dim=1) - logits.gather(1, words[1:].unsqueeze(1)).squeeze(1)
        torch.testing.assert_close(output.steps[example, :length], nll)
        found = output.alignments[0].weights[example]
        torch.testing.assert_close(found[:length, seen], rows)
        assert not found[length:].any()
        assert not found[:, ~seen].any()
    assert output.symbols.tolist() == [5, 3, 2]


@EVERY
def test_one_word_at_a_time_is_all_at_once(kind: str, attention: str) -> None:
    decoder = decoder_of(kind, attention)
    summary, memory = read(decoder)
    output = decoder(target(), summary, memory)
    state, nll = decoder.start(summary), torch.zeros(3, dtype=torch.float64)
    for position in range(5):
        asked, counted = target()[:, position + 1], target()[:, position + 1] != Vocabulary.pad
        logits, alignments, state = decoder.advance(target()[:, position], state, memory)
        log_probs = torch.log_softmax(logits, dim=-1).gather(1, asked.unsqueeze(1)).squeeze(1)
        nll = nll - log_probs.masked_fill(~counted, 0.0)
        torch.testing.assert_close(
            alignments[0].keep(counted[:, None]).weights, output.alignments[0].weights[:, [position]]
        )
    torch.testing.assert_close(nll, output.nll)


@EVERY
def test_padding_changes_nothing_and_rows_stand_alone(kind: str, attention: str) -> None:
    decoder = decoder_of(kind, attention)
    summary, memory = read(decoder)
    output = decoder(target(), summary, memory)
    longer = decoder(nn.functional.pad(target(), (0, 3), value=Vocabulary.pad), summary, memory)
    torch.testing.assert_close(longer.nll, output.nll)
    assert not longer.alignments[0].weights[:, 5:].any()
    torch.manual_seed(1)
    annotations = torch.randn(3, POSITIONS, MEMORY, dtype=torch.float64)  # those of `read`
    for example, length in enumerate([5, 3, 2]):
        shown = annotations[[example]][:, memory.mask[example, 0]]
        alone = decoder.prepare(shown, torch.ones(1, 1, shown.shape[1], dtype=torch.bool))
        cropped = decoder(target()[[example], : length + 1], summary[[example]], alone)
        torch.testing.assert_close(cropped.nll[0], output.nll[example])


@EVERY
def test_selected_and_shared_rows_go_on_as_they_would_have(kind: str, attention: str) -> None:
    decoder, order = decoder_of(kind, attention), torch.tensor([1, 1, 0, 2, 2, 2])
    summary, memory = read(decoder)
    words = torch.randint(4, WORDS, (2, 6), generator=torch.Generator().manual_seed(2))
    rows = torch.arange(3).repeat_interleave(2)
    shared, copies = decoder.shared(memory, 2), memory.select(rows)
    first = second = decoder.start(summary[rows])
    within = torch.tensor([1, 1, 2, 3, 5, 4])  # each example's rows among themselves
    for word in words:
        one, other = decoder.advance(word, first, shared), decoder.advance(word, second, copies)
        torch.testing.assert_close(one.logits, other.logits)
        torch.testing.assert_close(one.alignments[0], other.alignments[0])
        first, second = one.state.select(within), other.state.select(within)
    moved = decoder.advance(words[0], second.select(order), copies.select(order))
    for row, origin in enumerate(order.tolist()):
        alone = torch.tensor([origin])
        single = decoder.advance(words[0][[row]], second.select(alone), copies.select(alone))
        torch.testing.assert_close(single.logits[0], moved.logits[row])


@pytest.mark.parametrize("kind", KINDS)
def test_every_parameter_learns_in_every_state(kind: str) -> None:
    decoder = decoder_of(kind).train()
    summary, memory = read(decoder)
    summary.requires_grad_()
    decoder(target(), summary, memory).nll.sum().backward()
    for name, parameter in decoder.named_parameters():
        assert parameter.grad is not None, name
        assert bool(parameter.grad.any()), name
    assert summary.grad is not None
    assert bool((summary.grad != 0).all())


def test_what_is_fed_matters() -> None:
    decoder = decoder_of("luong_fed")
    summary, memory = read(decoder)
    state: State = decoder.start(summary)
    assert not state.fed.any()
    word = torch.tensor([4, 5, 6])
    after = decoder.advance(word, state, memory).state
    fed, unfed = (decoder.advance(word, one, memory).logits for one in (after, after._replace(fed=state.fed)))
    assert bool((fed != unfed).any(dim=-1).all())
    first, second = (decoder(target(), summary, memory).nll for decoder in (decoder, decoder_of("luong")))
    assert not torch.allclose(first, second)


def calls(decoder: StackedDecoder, length: int) -> dict[str, int]:
    """How often the layers and the attention are called for so many words."""
    counts = {"layers": 0, "attention": 0}

    def count(name: str) -> Any:
        return lambda *_: counts.update({name: counts[name] + 1})

    for module in decoder.modules():
        if isinstance(module, nn.LSTM | nn.LSTMCell):
            module.register_forward_hook(count("layers"))
    decoder.attention.register_forward_hook(count("attention"))
    decoder(torch.full((3, length + 1), 5), *read(decoder))
    return counts


@pytest.mark.parametrize("attention", ["soft", "coverage"])
def test_layers_read_all_words_in_one_call_where_nothing_is_fed(attention: str) -> None:
    assert calls(decoder_of("luong", attention), 7) == {"layers": 1, "attention": 1}
    assert calls(decoder_of("gnmt", attention), 7) == {"layers": LAYERS, "attention": 1}
    assert calls(decoder_of("luong_fed", attention), 7) == {"layers": 7 * (LAYERS - 1), "attention": 7}


@pytest.mark.parametrize("kind", KINDS)
def test_dropout_is_off_in_evaluation_alone(kind: str) -> None:
    decoder = decoder_of(kind, dropout=0.5)
    given = read(decoder)
    for training in (False, True):
        decoder.train(training)
        first, second = (decoder(target(), *given).nll for _ in range(2))
        assert torch.equal(first, second) is not training


@pytest.mark.parametrize(
    ("options", "message"),
    [
        ({"layers": 1}, "layers=1: must be at least 2"),
        ({"asks": "next"}, "asks=next: must be one of previous, current"),
    ],
)
def test_impossible_forms_of_gnmt_are_refused(unchecked_types: None, options: dict[str, Any], message: str) -> None:
    with pytest.raises(ValueError, match=message):
        decoder_of("gnmt", **options)
