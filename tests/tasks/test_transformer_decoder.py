"""The Transformer's decoder against torch's own, one word at a time against all at once, and the captioner around it."""

import itertools
from functools import partial
from pathlib import Path
from typing import Any, cast

import pytest
import torch
from hydra import compose, initialize_config_module
from hydra.utils import instantiate
from torch import Tensor, nn

from attnbench.attention import AttentionFactory, Composed, Memory
from attnbench.attention.multi_head import MultiHead, composed_heads
from attnbench.attention.score.additive import Additive
from attnbench.attention.score.coverage import Coverage
from attnbench.attention.score.dot import Dot
from attnbench.attention.score.scaled_dot import ScaledDot
from attnbench.attention.selection.chunkwise import Chunkwise
from attnbench.attention.selection.hard import Hard, choosing
from attnbench.attention.selection.softmax import Softmax
from attnbench.benchmarks.flops import counted
from attnbench.tasks.base import Model
from attnbench.tasks.captioning import Captioning
from attnbench.tasks.captioning.encoder import GridEncoder
from attnbench.tasks.captioning.model import DoublyStochastic, imbalance
from attnbench.tasks.captioning.scenes import Scenes
from attnbench.tasks.captioning.transformer import TransformerCaptioner
from attnbench.tasks.estimators import Marginal, Reinforce
from attnbench.tasks.estimators.places import places
from attnbench.tasks.initialization import apart
from attnbench.tasks.sequence.search import greedy
from attnbench.tasks.sequence.text import Vocabulary
from attnbench.tasks.sequence.transformer import TransformerDecoder, sinusoids
from attnbench.tasks.sequence.transformer_layer import Norm
from attnbench.tasks.testing import check_task

WORDS, HIDDEN, MEMORY, HEADS, LAYERS, POSITIONS = 9, 8, 6, 2, 2, 5
LONGEST = 6
NORMS: list[Norm] = ["pre", "post"]
ADDITIVE = partial(Additive, hidden_dim=3)
ATTENTIONS: dict[str, AttentionFactory] = {
    "soft": partial(Composed, score=ADDITIVE, selection=Softmax),
    "hard": partial(Composed, score=ADDITIVE, selection=Hard),
    "heads": partial(composed_heads, heads=2, score=ScaledDot, selection=Softmax),
    "coverage": partial(Composed, score=partial(Coverage, hidden_dim=3), selection=Softmax),
    "chunkwise": partial(Composed, score=ADDITIVE, selection=partial(Chunkwise, width=2)),
}
PRESETS = sorted(path.stem for path in (Path(__file__).parents[2] / "conf" / "attention").glob("*.yaml"))


def decoder_of(attention: str = "soft", *, memory_dim: int = MEMORY, **options: Any) -> TransformerDecoder:
    torch.manual_seed(0)
    sizes = {"layers": LAYERS, "hidden_dim": HIDDEN, "heads": HEADS, "feed_forward_dim": 7, "dropout": 0.0}
    decoder = TransformerDecoder(WORDS, ATTENTIONS[attention], memory_dim=memory_dim, **cast(Any, {**sizes, **options}))
    for parameter in decoder.parameters():  # no bias is 0, no norm the identity
        parameter.data += 0.3 * torch.randn_like(parameter)
    return decoder.double().eval()


def seen(batch: int = 3, size: int = MEMORY) -> tuple[Tensor, Tensor]:
    """Annotations of which each example shows one less than the one before."""
    torch.manual_seed(1)
    mask = torch.arange(POSITIONS) < POSITIONS - torch.arange(batch).unsqueeze(1)
    return torch.randn(batch, POSITIONS, size, dtype=torch.float64), mask.unsqueeze(1)


def read(decoder: TransformerDecoder, batch: int = 3, size: int = MEMORY) -> tuple[Tensor, tuple[Memory, ...]]:
    annotations, mask = seen(batch, size)
    return annotations.mean(dim=1), decoder.prepare(annotations, mask)


def sentences(batch: int = 3, length: int = LONGEST) -> Tensor:
    torch.manual_seed(2)
    return torch.randint(len("<s>"), WORDS, (batch, length))


def copied(
    attention: nn.MultiheadAttention, query: nn.Linear, key: nn.Linear, value: nn.Linear, out: nn.Linear
) -> None:
    if attention.in_proj_weight is not None:
        attention.in_proj_weight.data = torch.cat([query.weight, key.weight, value.weight]).data
    else:
        for own, theirs in zip(("q", "k", "v"), (query, key, value), strict=True):
            getattr(attention, f"{own}_proj_weight").data = theirs.weight.data
    attention.in_proj_bias.data = torch.cat([query.bias, key.bias, value.bias]).data
    attention.out_proj.load_state_dict(out.state_dict())


def torch_s_own(decoder: TransformerDecoder, norm: Norm) -> nn.TransformerDecoder:
    """The same values in torch's own decoder, whose annotations are of its words' size."""
    sizes = {"dim_feedforward": 7, "dropout": 0.0, "batch_first": True, "norm_first": norm == "pre"}
    layer = nn.TransformerDecoderLayer(HIDDEN, HEADS, **cast(Any, sizes))
    final = nn.LayerNorm(HIDDEN) if norm == "pre" else None
    reference = nn.TransformerDecoder(layer, LAYERS, norm=final).double().eval()
    for theirs, own in zip(reference.layers, decoder.each(), strict=True):
        assert isinstance(theirs, nn.TransformerDecoderLayer)
        assert isinstance(own.attention, MultiHead)
        inner, outer = own.self_attention, own.attention
        copied(theirs.self_attn, inner.query, inner.key, inner.value, inner.output)
        copied(theirs.multihead_attn, outer.query, outer.key, outer.value, outer.output)
        theirs.linear1.load_state_dict(own.feed_forward[0].state_dict())
        theirs.linear2.load_state_dict(own.feed_forward[-1].state_dict())
        for place, kept in zip((theirs.norm1, theirs.norm2, theirs.norm3), own.norms, strict=True):
            place.load_state_dict(kept.state_dict())
    if final is not None:
        assert reference.norm is not None
        reference.norm.load_state_dict(decoder.norm.state_dict())
    return reference


def plain_positions(length: int) -> Tensor:
    """Vaswani et al. 2017, §3.5, number by number."""
    rows = [[10000 ** (-2 * (number // 2) / HIDDEN) * place for number in range(HIDDEN)] for place in range(length)]
    angles = torch.tensor(rows, dtype=torch.float64)
    odd = torch.arange(HIDDEN) % 2 == 1
    return torch.where(odd, angles.cos(), angles.sin())


@pytest.mark.parametrize("norm", NORMS)
def test_it_is_torch_s_own_decoder_where_the_attention_is_multi_head(norm: Norm) -> None:
    decoder = decoder_of("heads", memory_dim=HIDDEN, norm=norm)
    annotations, mask = seen(size=HIDDEN)
    words = sentences()
    top, alignments, _ = decoder.read(words, *begun(decoder, HIDDEN))
    embedded = decoder.embedding.weight[words] * HIDDEN**0.5 + plain_positions(LONGEST)
    causal = nn.Transformer.generate_square_subsequent_mask(LONGEST, dtype=torch.float64)
    found = torch_s_own(decoder, norm)(
        embedded, annotations, tgt_mask=causal, memory_key_padding_mask=~mask.squeeze(1), tgt_is_causal=True
    )
    torch.testing.assert_close(decoder.output(top), found @ decoder.embedding.weight.T + decoder.output.bias)
    assert len(alignments) == LAYERS


def begun(decoder: TransformerDecoder, size: int = MEMORY) -> tuple[Any, tuple[Memory, ...]]:
    summary, memory = read(decoder, size=size)
    return decoder.start(summary), memory


@pytest.mark.parametrize("size", [1, 7, 8])
def test_positions_are_sines_and_cosines_whatever_comes_first(size: int) -> None:
    like = torch.zeros(1, size, dtype=torch.float64)
    whole = sinusoids(0, 9, like)
    assert whole.shape == (9, size)
    torch.testing.assert_close(sinusoids(4, 3, like), whole[4:7])


@pytest.mark.parametrize("norm", NORMS)
@pytest.mark.parametrize("attention", ATTENTIONS)
def test_one_word_at_a_time_is_all_at_once(attention: str, norm: Norm) -> None:
    decoder = decoder_of(attention, norm=norm)
    words = sentences()
    state, memory = begun(decoder)
    top, alignments, after = decoder.read(words, state, memory)
    logits = decoder.output(top)
    for step, word in enumerate(words.unbind(dim=1)):
        found = decoder.advance(word, state, memory)
        torch.testing.assert_close(found.logits, logits[:, step], atol=1e-5, rtol=1e-5)
        for place, whole in zip(found.alignments, alignments, strict=True):
            torch.testing.assert_close(place.weights[:, 0], whole.weights[:, step], atol=1e-5, rtol=1e-5)
        state = found.state
    torch.testing.assert_close(state, after)


@pytest.mark.parametrize("attention", ATTENTIONS)
def test_rows_of_one_example_are_that_example_several_times_over(attention: str) -> None:
    decoder, times = decoder_of(attention), 2
    memory = begun(decoder)[1]
    rows = torch.arange(3).repeat_interleave(times)
    copies = tuple(place.select(rows) for place in memory)
    shared, apart_state = decoder.shared(memory, times), decoder.start(torch.zeros(6, MEMORY, dtype=torch.float64))
    first = second = apart_state
    for word in sentences(batch=6).unbind(dim=1):  # other words in each row
        one, other = decoder.advance(word, first, shared), decoder.advance(word, second, copies)
        torch.testing.assert_close(one.logits, other.logits)
        torch.testing.assert_close(list(one.alignments), list(other.alignments))
        first, second = one.state, other.state


@pytest.mark.parametrize("attention", ATTENTIONS)
def test_selected_rows_go_on_as_they_would_have(attention: str) -> None:
    decoder, order = decoder_of(attention), torch.tensor([2, 0, 0])
    words = sentences(length=3)
    state, memory = begun(decoder)
    for word in words[:, :2].unbind(dim=1):
        state = decoder.advance(word, state, memory).state
    plain = decoder.advance(words[:, 2], state, memory)
    moved = tuple(place.select(order) for place in memory)
    found = decoder.advance(words[order, 2], state.select(order), moved)
    torch.testing.assert_close(found.logits, plain.logits[order])
    torch.testing.assert_close(found.state, plain.state.select(order))


@pytest.mark.parametrize("attention", ATTENTIONS)
def test_no_word_sees_what_comes_after(attention: str) -> None:
    decoder = decoder_of(attention)
    words = sentences()
    other = words.clone()
    other[:, 3:] = (other[:, 3:] + 1) % WORDS
    before, after = (decoder.read(those, *begun(decoder))[0] for those in (words, other))
    torch.testing.assert_close(before[:, :3], after[:, :3])
    assert bool((before[:, 3:] != after[:, 3:]).any(dim=-1).all())


def test_every_layer_looks_for_itself_and_greedy_search_says_where() -> None:
    decoder = decoder_of("heads")
    said = greedy(decoder, *read(decoder), limit=LONGEST)
    first, second = said.alignments
    assert not torch.equal(first.weights, second.weights)
    forced = torch.cat([torch.full((3, 1), Vocabulary.start), said.words], dim=1)
    for found, expected in zip(said.alignments, decoder(forced, *read(decoder)).alignments, strict=True):
        torch.testing.assert_close(found.weights, expected.weights)


def test_a_context_of_another_size_is_mapped_and_one_of_the_same_is_not() -> None:
    assert all(layer.map is None for layer in decoder_of(memory_dim=HIDDEN).each())
    assert all(layer.map is not None for layer in decoder_of(memory_dim=MEMORY).each())


def test_tied_words_have_one_vector_and_untied_ones_two() -> None:
    tied, untied = decoder_of(tied=True), decoder_of(tied=False)
    assert tied.output.weight is tied.embedding.weight
    more = sum(p.numel() for p in untied.parameters()) - sum(p.numel() for p in tied.parameters())
    assert more == WORDS * HIDDEN


def test_dropout_is_off_in_evaluation_alone() -> None:
    decoder = decoder_of(dropout=0.5)
    words, (state, memory) = sentences(), begun(decoder)
    for training in (False, True):
        decoder.train(training)
        first, second = (decoder.read(words, state, memory)[0] for _ in range(2))
        assert torch.equal(first, second) is not training


@pytest.mark.parametrize(
    ("options", "message"),
    [
        ({"layers": 0}, "layers=0: must be at least 1"),
        ({"heads": 0}, "heads=0: must be at least 1"),
        ({"feed_forward_dim": 0}, "feed_forward_dim=0: must be at least 1"),
        ({"heads": 3}, "hidden_dim=8: must be a multiple of heads=3"),
        ({"hidden_dim": 0}, "hidden_dim=0: must be a multiple of heads=2"),
        ({"norm": "none"}, "norm=none: must be one of pre, post"),
    ],
)
def test_impossible_sizes_are_refused(unchecked_types: None, options: dict[str, Any], message: str) -> None:
    with pytest.raises(ValueError, match=message):
        decoder_of(**options)


def task(**options: Any) -> Captioning:
    sizes = {"layers": LAYERS, "hidden_dim": HIDDEN, "heads": HEADS, "dropout": 0.0, "limit": 9, **options}
    data = Scenes(seed=0, sizes={"train": 6, "validation": 5, "test": 4})
    model = partial(TransformerCaptioner, **sizes)
    return Captioning(data, cast(Any, model), partial(GridEncoder, HIDDEN), batch_size=5, seed=0)


@pytest.mark.parametrize("attention", ["soft", "hard", "heads", "coverage"])
def test_the_contract_holds(attention: str) -> None:
    options = {"norm": "post", "tied": False, "annotation_dim": 4, "beam": 2} if attention == "heads" else {}
    check_task(task(**options), ATTENTIONS[attention])


@pytest.mark.parametrize("preset", PRESETS)
def test_every_preset_trains_in_every_layer(preset: str) -> None:
    sizes = "task.data.sizes={train: 4, validation: 2, test: 2}"
    words = ["task=captioning", "task/model=transformer_captioner", sizes, "budget.width=16", f"attention={preset}"]
    with initialize_config_module("attnbench.conf", version_base="1.3"):
        config = compose("run", words)
    built = instantiate(config.task)
    model = built.model(apart(instantiate(config.attention)))
    output = Reinforce().train()
    output.meet(model)
    estimate = output(model.train(), built.collate(built.data.splits["train"][:4]))
    estimate.loss.backward()
    assert len(estimate.output.alignments) == len(places(model)) == 2
    assert all(bool(p.grad.isfinite().all()) for p in model.parameters() if p.grad is not None)


def test_dot_without_a_projection_needs_annotations_of_the_decoder_s_size() -> None:
    dot = partial(Composed, score=partial(Dot, project="never"), selection=Softmax)
    with pytest.raises(ValueError, match="never"):
        task(annotation_dim=4).model(dot)
    assert task(annotation_dim=HIDDEN).model(dot)


def test_a_draw_is_made_in_every_layer_and_reinforce_has_a_baseline_for_each() -> None:
    some = task()
    model = some.model(ATTENTIONS["hard"]).train()
    batch = some.collate(some.data.splits["train"][:5])
    estimator = Reinforce(expected_first=0.0, baseline="learned").train()
    estimator.meet(model)
    estimate = estimator(model, batch)
    estimate.loss.backward()
    assert len(estimator.chosen()) == LAYERS
    for alignment, place in zip(estimate.output.alignments, places(model), strict=True):
        assert alignment.log_prob is not None
        assert bool((alignment.log_prob < 0).any())
        score = cast(Composed, place).score
        assert all(p.grad is not None and bool(p.grad.any()) for p in score.parameters())


def test_the_marginal_is_the_sum_over_the_choices_of_all_layers() -> None:
    decoder = decoder_of("hard").train()
    annotations, _ = seen(batch=1)
    memory = decoder.prepare(annotations[:, :2], torch.ones(1, 1, 2, dtype=torch.bool))
    target = torch.tensor([[Vocabulary.start, 5, Vocabulary.end]])

    class Alone(Model):
        def __init__(self) -> None:
            super().__init__()
            self.decoder = decoder

        def forward(self, batch: object) -> Any:
            return self.decoder(target, annotations.mean(dim=1), memory)

        def predict(self, batch: object) -> Any:
            raise NotImplementedError

    model = Alone()
    joint = torch.zeros((), dtype=torch.float64)
    for choice in itertools.product(range(2), repeat=2 * LAYERS):
        with choosing(model, iter(choice)):
            output = model(None)
        log_prior = sum(place.log_prob.sum() for place in output.alignments)
        joint = joint + (log_prior - output.nll.double()).exp().squeeze()
    estimate = Marginal()(model, None)
    assert estimate.output.nll.item() == pytest.approx(-joint.log().item(), rel=1e-5)


def test_the_penalty_is_the_mean_over_layers() -> None:
    some = task(doubly_stochastic=0.5, doubly_stochastic_total="steps_over_places")
    model = some.model(ATTENTIONS["soft"]).eval()
    output = model(some.collate(some.data.splits["test"][:3]))
    each = [imbalance(place.weights, output.symbols, "steps_over_places") for place in output.alignments]
    assert not torch.equal(*each)
    torch.testing.assert_close(output.penalty, 0.5 * (each[0] + each[1]) / 2)
    assert DoublyStochastic(weight=0.0, total="one")(output).tolist() == [0.0] * 3


def test_flops_count_the_self_attention_s_products() -> None:
    some = task()
    batch = some.collate(some.data.splits["test"][:3])
    model = some.model(ATTENTIONS["soft"])
    queries = batch.target.shape[1] - 1
    with_products = counted(model, batch)
    for layer in cast(TransformerDecoder, model.decoder).each():
        layer.self_attention.forward = lambda words, before: (words, before)  # type: ignore[method-assign]
    projections = LAYERS * queries * 4 * 2 * HIDDEN * HIDDEN
    assert with_products - counted(model, batch) == projections + LAYERS * 2 * 2 * queries * queries * HIDDEN
