"""Translation's models: the contract, padding, search, the references, and what is refused."""

import itertools
from functools import partial
from pathlib import Path
from typing import Any, cast

import pytest
import torch
from datasets import Dataset, DatasetDict
from hydra import compose, initialize_config_module
from hydra.utils import instantiate
from torch import Tensor, nn

from attnbench.attention import AttentionFactory, Composed
from attnbench.attention.multi_head import MultiHead, composed_heads
from attnbench.attention.score.additive import Additive
from attnbench.attention.score.coverage import Coverage
from attnbench.attention.score.scaled_dot import ScaledDot
from attnbench.attention.selection.hard import Hard
from attnbench.attention.selection.softmax import Softmax
from attnbench.tasks.base import Model
from attnbench.tasks.estimators import Reinforce
from attnbench.tasks.estimators.places import places
from attnbench.tasks.initialization import apart
from attnbench.tasks.sequence.beam import beam_search
from attnbench.tasks.sequence.recurrent import RecurrentDecoder
from attnbench.tasks.sequence.self_attention import OtherSelfAttention, SelfAttention
from attnbench.tasks.sequence.text import Vocabulary
from attnbench.tasks.sequence.transformer import TransformerDecoder
from attnbench.tasks.sequence.transformer_layer import EncoderLayer, Norm
from attnbench.tasks.testing import check_task
from attnbench.tasks.translation import Translation
from attnbench.tasks.translation.encoder import BidirectionalGru
from attnbench.tasks.translation.gnmt import Gnmt
from attnbench.tasks.translation.luong import Luong
from attnbench.tasks.translation.model import Pair, RNNsearch, Translator
from attnbench.tasks.translation.phrases import Phrases
from attnbench.tasks.translation.transformer import Transformer
from attnbench.tasks.translation.units import Words

HIDDEN, LIMIT = 8, 5
ADDITIVE = partial(Additive, hidden_dim=3)
ATTENTIONS: dict[str, AttentionFactory] = {
    "soft": partial(Composed, score=ADDITIVE, selection=Softmax),
    "hard": partial(Composed, score=ADDITIVE, selection=Hard),
    "heads": partial(composed_heads, heads=2, score=ScaledDot, selection=Softmax),
    "coverage": partial(Composed, score=partial(Coverage, hidden_dim=3), selection=Softmax),
}
RECURRENT = {"embedding_dim": 6, "hidden_dim": HIDDEN, "dropout": 0.0, "limit": LIMIT}
DEEP = {"layers": 2, "hidden_dim": HIDDEN, "heads": 2, "dropout": 0.0, "limit": LIMIT}
MODELS: dict[str, Any] = {
    "rnnsearch": partial(RNNsearch, start="backward", readout="maxout", annotation_dim=2 * HIDDEN, **RECURRENT),
    "rnnsearch_conditional": partial(RNNsearch, conditional=True, **RECURRENT),
    "luong": partial(Luong, layers=2, **RECURRENT),
    "luong_both_ways": partial(Luong, layers=1, bidirectional=True, input_feeding=False, **RECURRENT),
    "gnmt": partial(Gnmt, layers=3, **RECURRENT),
    "gnmt_v2": partial(Gnmt, layers=2, asks="current", context_out=True, residual=False, **RECURRENT),
    "transformer": partial(Transformer, **DEEP),
    "transformer_post": partial(Transformer, norm="post", self_attention=ATTENTIONS["soft"], **DEEP),
}
EVERY = pytest.mark.parametrize("model", MODELS)
PRESETS = sorted(path.stem for path in (Path(__file__).parents[2] / "conf" / "attention").glob("*.yaml"))
BOTH = [*((model, "soft") for model in MODELS), *((model, "coverage") for model in ("luong", "gnmt", "transformer"))]


class Short(Phrases):
    """Sentences of two to four words, so that steps are few."""

    def load(self) -> DatasetDict:
        sentences = [["a", "b"], ["c", "a", "d", "b"], ["b", "d", "c"], ["d", "c"]]
        rows = {
            "source": sentences,
            "target": [[word.upper() for word in words[:3]] for words in sentences],
            "gold": [[[place, place] for place in range(2)] for _ in sentences],
        }
        return DatasetDict({split: Dataset.from_dict(rows) for split in ("train", "validation", "test")})


DATA = Short(seed=0, sizes={"train": 4, "validation": 4, "test": 4})


def task_of(model: str, **options: Any) -> Translation:
    return Translation(DATA, partial(MODELS[model], **options), batch_size=3, seed=0, least_count=1)


def built(model: str, attention: str = "soft", **options: Any) -> tuple[Translator, Pair]:
    """A model in float64 whose numbers differ clearly, and a batch of sentences of several lengths."""
    task = task_of(model, **options)
    torch.manual_seed(0)
    made = cast(Translator, task.model(ATTENTIONS[attention]))
    for parameter in made.parameters():
        parameter.data += 0.2 * torch.randn_like(parameter)
    return made.double().eval(), task.collate(task.data.splits["train"][:4])


@pytest.mark.parametrize(
    ("model", "attention"),
    [*itertools.product(["rnnsearch", "luong", "gnmt", "transformer"], ATTENTIONS), ("luong_both_ways", "soft")],
)
def test_the_contract_holds(model: str, attention: str) -> None:
    check_task(task_of(model), ATTENTIONS[attention])


@EVERY
def test_padding_of_the_source_changes_nothing_not_even_a_gradient(model: str) -> None:
    made, batch = built(model)
    lengths = (batch.source != Vocabulary.pad).sum(dim=1)
    assert len(set(lengths.tolist())) > 1
    wider = batch._replace(source=nn.functional.pad(batch.source, (0, 3)), gold=None)
    gradients = []
    for one in (batch, wider):
        made.zero_grad()
        output = made(one)
        output.nll.sum().backward()
        gradients.append([output.nll, *(parameter.grad for parameter in made.parameters())])
    torch.testing.assert_close(*gradients)
    first = batch.source[[0], : int(lengths[0])], batch.target[[0]]
    torch.testing.assert_close(made(Pair(*first, None, [], [])).nll, output.nll[:1])


@EVERY
def test_every_parameter_learns(model: str) -> None:
    made, batch = built(model)
    made.train()(batch).nll.sum().backward()
    for name, parameter in made.named_parameters():
        assert parameter.grad is not None, name
        # A softmax does not see what all of a query's scores have in common.
        unseen = name.endswith((".key.bias", "score.energy.bias"))
        assert bool(parameter.grad.any()) or unseen, name


@pytest.mark.parametrize(("model", "attention"), BOTH)
def test_what_beam_search_finds_is_worth_what_teacher_forcing_says(model: str, attention: str) -> None:
    made, batch = built(model, attention)
    summary, memory = made.encode(batch.source)
    said = beam_search(made.decoder, summary, memory, beam=3, limit=LIMIT, length_penalty=0.0)
    begun = torch.full((4, 1), Vocabulary.start)
    output = made.decoder(torch.cat([begun, said.words], dim=1), summary, memory)
    scores = torch.tensor([-ranked[0].score for ranked in said.ranked], dtype=torch.float64)
    torch.testing.assert_close(output.nll, scores)
    for found, forced in zip(said.alignments, output.alignments, strict=True):
        torch.testing.assert_close(found.weights, forced.weights)


@EVERY
def test_a_sentence_is_said_alone_as_in_a_batch(model: str) -> None:
    made, batch = built(model, beam=2)
    together = made.predict(batch).said
    rows = [torch.tensor([index]) for index in range(4)]
    lengths = (batch.source != Vocabulary.pad).sum(dim=1)
    alone = [Pair(batch.source[row, : int(lengths[row])], batch.target[row], None, [[]], [[]]) for row in rows]
    assert [made.predict(one).said[0] for one in alone] == together


@pytest.mark.parametrize("preset", PRESETS)
def test_every_preset_trains_in_every_model(preset: str) -> None:
    with initialize_config_module("attnbench.conf", version_base="1.3"):
        attention = instantiate(compose("run", [f"attention={preset}", "budget.width=8"]).attention)
    for name in ("rnnsearch", "luong", "gnmt", "transformer"):
        task = task_of(name)
        model: Model = task.model(apart(attention)).train()
        estimator = Reinforce().train()
        estimator.meet(model)
        estimate = estimator(model, task.collate(task.data.splits["train"][:2]))
        estimate.loss.backward()
        assert len(estimate.output.alignments) == len(places(model)) == (2 if name == "transformer" else 1)
        assert all(bool(p.grad.isfinite().all()) for p in model.parameters() if p.grad is not None)


@pytest.mark.parametrize("name", ["rnnsearch", "luong", "gnmt", "transformer"])
def test_every_model_is_chosen_by_name_and_takes_its_sizes_from_the_budget(name: str) -> None:
    words = [f"task/model={name}", "task.data.sizes={train: 4, validation: 2, test: 2}", "budget.width=16"]
    with initialize_config_module("attnbench.conf", version_base="1.3"):
        task = instantiate(compose("run", words).task)
    model = task.model(ATTENTIONS["soft"])
    assert model.encode(task.collate(task.data.splits["train"][:2]).source)[1] is not None
    assert model.encoder.embedding.weight.shape[1] == 16


def test_rnnsearch_starts_from_the_mean_or_from_what_the_backward_layer_says_last() -> None:
    source = torch.tensor([[4, 5, 6, 7], [5, 4, Vocabulary.pad, Vocabulary.pad]])
    sizes = {"embedding_dim": 3, "annotation_dim": HIDDEN, "dropout": 0.0}
    mean, backward = (BidirectionalGru(9, start=start, **cast(Any, sizes)) for start in ("mean", "backward"))
    encoded = mean(source)
    for row, length in enumerate((4, 2)):
        torch.testing.assert_close(encoded.summary[row], encoded.annotations[row, :length].mean(dim=0))
    backward.load_state_dict(mean.state_dict())
    for row, length in enumerate((4, 2)):
        _, last = backward.rnn(backward.embedding(source[row, :length]))
        torch.testing.assert_close(backward(source).summary[row], last[1])


def test_maxout_takes_the_larger_of_each_two() -> None:
    options: Any = {"start_dim": 3, "memory_dim": 3, "embedding_dim": 2, "hidden_dim": 4, "dropout": 0.0}
    decoder = RecurrentDecoder(9, ATTENTIONS["soft"], cell="gru", readout="maxout", **options)
    hidden, context, embedded = torch.randn(4), torch.randn(3), torch.randn(2)
    wide = decoder.readout.weight @ torch.cat([hidden, context, embedded]) + decoder.readout.bias
    pairs = torch.stack([torch.maximum(wide[2 * j], wide[2 * j + 1]) for j in range(4)])
    torch.testing.assert_close(decoder.deep(hidden, context, embedded), pairs)


def test_luong_starts_from_the_encoder_s_last_states() -> None:
    for name in ("luong", "luong_both_ways"):
        made, batch = built(name)
        state = made.decoder.start(made.encode(batch.source)[0])
        encoder = cast(Any, made.encoder)
        length = int((batch.source[0] != Vocabulary.pad).sum())
        said, (hidden, cell) = encoder.rnn(encoder.embedding(batch.source[:1, :length]))
        torch.testing.assert_close(state.hidden[0].flatten(), hidden.flatten())
        torch.testing.assert_close(state.cell[0].flatten(), cell.flatten())
        torch.testing.assert_close(encoder(batch.source).annotations[0, :length], said[0])


def test_gnmt_s_encoder_adds_what_a_layer_is_given_from_the_third_on() -> None:
    made, batch = built("gnmt")
    encoder = cast(Any, made.encoder)
    length = int((batch.source[0] != Vocabulary.pad).sum())
    first, _ = encoder.rnn[0](encoder.embedding(batch.source[:1, :length]))
    second, _ = encoder.rnn[1](first)
    third, (hidden, _) = encoder.rnn[2](second)
    torch.testing.assert_close(encoder(batch.source).annotations[0, :length], (third + second)[0])
    torch.testing.assert_close(made.decoder.start(encoder(batch.source).summary).hidden[0, 2], hidden[0, 0])


def copied(attention: nn.MultiheadAttention, own: MultiHead | SelfAttention) -> None:
    parts = own.query, own.key, own.value
    attention.in_proj_weight.data = torch.cat([part.weight for part in parts]).data
    attention.in_proj_bias.data = torch.cat([part.bias for part in parts]).data
    attention.out_proj.load_state_dict(own.output.state_dict())


def taken(theirs: Any, own: Any) -> None:
    """The feed-forward network and the norms of a layer of torch's."""
    theirs.linear1.load_state_dict(own.feed_forward[0].state_dict())
    theirs.linear2.load_state_dict(own.feed_forward[-1].state_dict())
    for number, norm in enumerate(own.norms, start=1):
        getattr(theirs, f"norm{number}").load_state_dict(norm.state_dict())


@pytest.mark.parametrize("norm", ["pre", "post"])
def test_it_is_torch_s_own_transformer_where_the_attention_is_multi_head(norm: Norm) -> None:
    made, batch = built("transformer", "heads", norm=norm)
    options: Any = {"dropout": 0.0, "batch_first": True, "norm_first": norm == "pre"}
    reference = nn.Transformer(HIDDEN, 2, 2, 2, 4 * HIDDEN, **options).double().eval()
    encoder, decoder = cast(Any, made.encoder), cast(TransformerDecoder, made.decoder)
    for theirs, own in zip(cast(Any, reference.encoder.layers), encoder.layers, strict=True):
        copied(theirs.self_attn, own.self_attention)
        taken(theirs, own)
    for theirs, layer in zip(cast(Any, reference.decoder.layers), decoder.each(), strict=True):
        copied(theirs.self_attn, cast(SelfAttention, layer.self_attention))
        copied(theirs.multihead_attn, cast(MultiHead, layer.attention))
        taken(theirs, layer)
    for side, ours in ((reference.encoder, encoder), (reference.decoder, decoder)):
        cast(Any, side).norm = ours.norm  # torch has one in either form; ours is none with post
    inward, outward = decoder_inputs(made, batch)
    padding = batch.source == Vocabulary.pad
    causal = nn.Transformer.generate_square_subsequent_mask(outward.shape[1], dtype=torch.float64)
    found = reference(inward, outward, tgt_mask=causal, src_key_padding_mask=padding, memory_key_padding_mask=padding)
    top, _, _ = decoder.read(
        batch.target[:, :-1], decoder.start(made.encode(batch.source)[0]), made.encode(batch.source)[1]
    )
    torch.testing.assert_close(top, found)


def decoder_inputs(made: Translator, batch: Pair) -> tuple[Tensor, Tensor]:
    """Words and their places, as both sides are given them."""
    vectors = cast(Any, made.encoder).embedding.weight, cast(TransformerDecoder, made.decoder).embedding.weight
    sides = []
    for weight, words in zip(vectors, (batch.source, batch.target[:, :-1]), strict=True):
        number = torch.arange(HIDDEN, dtype=torch.float64)
        angles = torch.arange(words.shape[1]).unsqueeze(1) / 10000 ** (2 * (number // 2) / HIDDEN)
        sides.append(weight[words] * HIDDEN**0.5 + torch.where(number % 2 == 1, angles.cos(), angles.sin()))
    return sides[0], sides[1]


def test_self_attention_is_pluggable_and_the_library_s_heads_are_the_paper_s() -> None:
    own, batch = built("transformer", "heads")
    other, _ = built("transformer", "heads", self_attention=ATTENTIONS["heads"])
    values = own.state_dict()
    renamed = {
        name: values[name.replace("self_attention.attention.", "self_attention.")] for name in other.state_dict()
    }
    other.load_state_dict(renamed)
    torch.testing.assert_close(other(batch).nll, own(batch).nll)
    assert len(places(other)) == 2, "places are where the source is looked at"


def test_other_self_attention_sees_no_word_that_comes_after() -> None:
    torch.manual_seed(0)
    attention = OtherSelfAttention(HIDDEN, ATTENTIONS["soft"]).double()
    words = torch.randn(2, 5, HIDDEN, dtype=torch.float64)
    whole, kept = attention(words, attention.nothing(2, words))
    for length in range(1, 5):
        torch.testing.assert_close(attention(words[:, :length], attention.nothing(2, words))[0], whole[:, :length])
    before = attention(words[:, :4], attention.nothing(2, words))[1]
    last, after = attention(words[:, 4:], before)
    torch.testing.assert_close(last, whole[:, 4:])
    torch.testing.assert_close(after, kept)
    layer = EncoderLayer(hidden_dim=HIDDEN, heads=2, feed_forward_dim=9, dropout=0.0, norm="pre").double()
    mask = torch.ones(2, 1, 5, dtype=torch.bool)
    changed = torch.cat([words[:, :4], -words[:, 4:]], dim=1)
    assert bool((layer(changed, mask) != layer(words, mask)).any(dim=-1).all()), "an encoder's words see all others"


def test_shared_embeddings_are_one_for_both_languages_and_coming_out() -> None:
    words = Vocabulary([["a", "b", "c"]])
    model = MODELS["transformer"](words, words, ATTENTIONS["soft"], shared_embeddings=True)
    assert model.encoder.embedding.weight is model.decoder.embedding.weight is model.decoder.output.weight
    apart_sizes = sum(p.numel() for p in MODELS["transformer"](words, words, ATTENTIONS["soft"]).parameters())
    assert apart_sizes - sum(p.numel() for p in model.parameters()) == len(words) * HIDDEN


def test_tied_words_are_one_in_a_recurrent_decoder_and_learn_going_in_and_coming_out() -> None:
    (tied, batch), (separate, _) = (
        built("rnnsearch", tied=tied, embedding_dim=HIDDEN, readout="tanh") for tied in (True, False)
    )
    separate.load_state_dict(tied.state_dict())
    decoder, apart = cast(Any, tied).decoder, cast(Any, separate).decoder
    apart.embedding.weight.data *= HIDDEN**0.5  # as long as they are going in
    for model in (tied, separate):
        model(batch).nll.sum().backward()
    assert decoder.embedding.weight is decoder.output.weight
    expected = HIDDEN**0.5 * apart.embedding.weight.grad + apart.output.weight.grad
    torch.testing.assert_close(decoder.embedding.weight.grad, expected)


@pytest.mark.parametrize("conditional", [False, True])
def test_only_a_conditional_decoder_looks_with_the_last_word_known(conditional: bool) -> None:
    made, batch = built("rnnsearch", conditional=conditional)
    other = batch.target.clone()
    other[:, 0] = other[:, 1]  # another last word when the first look is taken
    first, second = (
        made.decoder(words, *made.encode(batch.source)).alignments[0].weights[:, 0] for words in (batch.target, other)
    )
    assert bool((first != second).any(dim=-1).all()) is conditional


@pytest.mark.parametrize("norm", ["pre", "post"])
def test_shared_embeddings_learn_from_the_source_from_the_target_and_from_what_is_said(norm: Norm) -> None:
    def of_one_vocabulary(**options: Any) -> tuple[Translator, Pair]:
        model = partial(MODELS["transformer"], norm=norm, **options)
        task = Translation(DATA, model, batch_size=3, seed=0, least_count=1, units=Words(joint=True))
        torch.manual_seed(0)
        return cast(Translator, task.model(ATTENTIONS["soft"])).double(), task.collate(task.data.splits["train"][:4])

    shared, batch = of_one_vocabulary(shared_embeddings=True)
    separate, _ = of_one_vocabulary(tied=False)
    separate.load_state_dict(shared.state_dict())
    for model in (shared, separate):
        model(batch).nll.sum().backward()
    parts: Any = separate.encoder.embedding, separate.decoder.embedding, separate.decoder.output
    gradients = [part.weight.grad for part in parts]
    assert all(bool(gradient.any()) for gradient in gradients)
    torch.testing.assert_close(cast(Any, shared).encoder.embedding.weight.grad, sum(gradients))


@pytest.mark.parametrize(
    ("model", "options", "message"),
    [
        ("rnnsearch", {"start": "last"}, "start=last: must be one of mean, backward"),
        ("rnnsearch", {"readout": "relu"}, "readout=relu: must be one of tanh, maxout"),
        ("rnnsearch", {"hidden_dim": 7, "annotation_dim": None}, "hidden_dim=7: must be even"),
        ("rnnsearch", {"annotation_dim": 7}, "annotation_dim=7: must be even"),
        ("luong", {"layers": 0}, "layers=0: must be at least 1"),
        ("luong_both_ways", {"hidden_dim": 7}, "hidden_dim=7: must be even"),
        ("gnmt", {"layers": 1}, "layers=1: must be at least 2"),
        ("gnmt", {"asks": "next"}, "asks=next: must be one of previous, current"),
        ("rnnsearch", {"tied": True}, "tied=true: takes embedding_dim=6 and hidden_dim=8 to be the same"),
        ("transformer", {"heads": 3}, "hidden_dim=8: must be a multiple of heads=3"),
        ("transformer", {"norm": "none"}, "norm=none: must be one of pre, post"),
        ("transformer", {"shared_embeddings": True}, "shared_embeddings=true: .* give task.units.joint=true"),
        ("transformer", {"self_attention": ATTENTIONS["coverage"]}, "self_attention: reads the past"),
        ("transformer", {"self_attention": ATTENTIONS["hard"]}, "self_attention: draws where to look"),
        ("luong", {"beam": 0}, "beam=0: must be at least 1"),
    ],
)
def test_what_cannot_be_is_refused(unchecked_types: None, model: str, options: dict[str, Any], message: str) -> None:
    with pytest.raises(ValueError, match=message):
        task_of(model, **options).model(ATTENTIONS["soft"])
