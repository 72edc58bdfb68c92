"""Captioning: one example a caption, Show, Attend and Tell, and what a caption is measured by."""

from functools import partial
from pathlib import Path
from typing import Any, cast

import numpy as np
import pytest
import torch
from pytorch_lightning.utilities import move_data_to_device
from torch.nn import functional

from attnbench.attention import AttentionFactory, Composed
from attnbench.attention.score.additive import Additive
from attnbench.attention.score.dot import Dot
from attnbench.attention.selection.hard import Hard
from attnbench.attention.selection.softmax import Softmax
from attnbench.tasks.base import Prediction
from attnbench.tasks.captioning import Captioning
from attnbench.tasks.captioning.annotations import Annotations
from attnbench.tasks.captioning.encoder import STRIDE, GridEncoder, TorchvisionGrid
from attnbench.tasks.captioning.facts import Facts, said_gold
from attnbench.tasks.captioning.grammar import Kind
from attnbench.tasks.captioning.kept import Keeping
from attnbench.tasks.captioning.measures import caption_measures, corpus_measures
from attnbench.tasks.captioning.model import ShowAttendTell, imbalance
from attnbench.tasks.captioning.picture import Picture
from attnbench.tasks.captioning.scenes import GRID, Scenes
from attnbench.tasks.sequence.text import Vocabulary
from attnbench.tasks.testing import check_task
from attnbench.tasks.translation.phrases import Phrases

SOFT = partial(Composed, score=partial(Additive, hidden_dim=6), selection=Softmax)
DOT = partial(Composed, score=partial(Dot, project="never"), selection=Softmax)
HARD = partial(Composed, score=partial(Additive, hidden_dim=6), selection=Hard)
FACTS = Facts((Kind("large", "red", "ring"), Kind("small", "blue", "square")), ([0, 1], [9]), "left of")
TRUE = "a large red ring is left of a small blue square"


def task(train: int = 12) -> Captioning:
    model = partial(ShowAttendTell, embedding_dim=6, hidden_dim=8, dropout=0.0, limit=9)
    data = Scenes(seed=0, sizes={"train": train, "validation": 5, "test": 8})
    return Captioning(data, cast(Any, model), partial(GridEncoder, 8), batch_size=5, seed=0)


def prediction(said: list[str], truth: list[list[str]], about: list[str] | None = None) -> Prediction:
    words = [caption.split() for caption in said]
    return Prediction(said, truth, [], words, (), about=about or [FACTS.to_json()] * len(said))


@pytest.mark.parametrize("attention", [SOFT, HARD, DOT], ids=["soft", "hard", "dot_without_projection"])
def test_the_contract_holds(attention: AttentionFactory) -> None:
    check_task(task(), attention)


def test_each_caption_is_trained_on_once_with_its_own_image_and_gold() -> None:
    some = task()
    images = some.data.source.load()["train"]
    rows = some.data.splits["train"]
    assert len(rows) == 5 * len(images)
    seen = []
    for row in rows:
        (caption,) = row["captions"]
        owner = images[images["facts"][:].index(row["facts"])]
        assert np.array_equal(np.asarray(Picture.of(row["image"]).open()), np.asarray(owner["image"]))
        assert row["gold"] == [owner["gold"][owner["captions"].index(caption)]]
        seen.append((row["facts"], caption))
    assert len(set(seen)) == len(seen)


def test_each_test_image_is_judged_once_with_all_its_captions() -> None:
    some = task()
    model = some.model(SOFT).eval()
    predictions = [model.predict(batch) for batch in some.data.test_dataloader()]
    assert [truth for p in predictions for truth in p.truth] == some.data.splits["test"]["captions"][:]


def test_a_batch_puts_gold_at_the_word_that_is_to_be_said() -> None:
    some = task()
    batch = some.collate(some.data.splits["test"][:4])
    assert batch.gold is not None
    for words, gold, about in zip(batch.captions, batch.gold, batch.facts or [], strict=True):
        facts = Facts.from_json(about)
        for query, word in enumerate(words[0].split()):
            naming = [cells for kind, cells in zip(facts.kinds, facts.cells, strict=True) if word in kind]
            assert bool(gold[query].any()) == bool(naming)
            assert not naming or gold[query].nonzero().flatten().tolist() in naming


def test_the_likelihood_is_the_sum_over_words_said_one_by_one() -> None:
    some = task()
    model = some.model(SOFT).double().eval()
    batch = some.collate(some.data.splits["test"][:3])
    assert batch.images is not None
    batch = batch._replace(images=batch.images.double())
    summary, memory = model.encode(batch)  # type: ignore[operator]
    decoder: Any = model.decoder
    for row in range(3):
        mine, state, nll = memory.select(torch.tensor([row])), decoder.start(summary[row : row + 1]), torch.zeros(())
        for word, asked in zip(batch.target[row], batch.target[row, 1:], strict=False):
            if asked == Vocabulary.pad:
                break
            logits, _, state = decoder.advance(word.unsqueeze(0), state, mine)
            nll = nll - functional.log_softmax(logits, dim=-1)[0, asked]
        torch.testing.assert_close(model(batch).nll[row], nll)


def test_the_decoder_starts_from_the_mean_annotation() -> None:
    some = task()
    model = some.model(SOFT).eval()
    batch = some.collate(some.data.splits["test"][:2])
    summary, memory = model.encode(batch)  # type: ignore[operator]
    torch.testing.assert_close(summary, memory.values.mean(dim=1))


def test_annotation_k_reads_as_far_to_each_side_of_cell_k_row_by_row() -> None:
    encoder = GridEncoder(8)
    with torch.no_grad():  # no ReLU cuts off what is read
        for parameter in encoder.parameters():
            parameter.copy_(parameter.abs() + 0.01)
    image = torch.ones(1, 3, 64, 64, requires_grad=True)
    annotations = Annotations(encoder, dim=None, standardize=False, dropout=0.0)(image, None)
    annotations[0, 4 * GRID + 3].sum().backward()
    assert image.grad is not None
    read = image.grad.abs().sum(dim=(0, 1)).nonzero()
    middle = (read.min(dim=0).values + read.max(dim=0).values) / 2
    assert middle.tolist() == [4 * STRIDE + (STRIDE - 1) / 2, 3 * STRIDE + (STRIDE - 1) / 2]


def test_equal_cells_are_told_apart_by_their_places_alone() -> None:
    encoder = GridEncoder(8)
    annotations = encoder(torch.zeros(1, 3, 64, 64))[0]
    assert len(annotations.flatten(1).T.unique(dim=0)) == GRID * GRID
    # Equal steps in place are equal steps in the annotation.
    torch.testing.assert_close(annotations[:, 2:] - annotations[:, 1:-1], annotations[:, 1:-1] - annotations[:, :-2])


def test_what_is_said_ends_within_the_limit_and_has_a_query_for_each_word() -> None:
    some = task()
    model = some.model(SOFT).eval()
    said = model.predict(some.collate(some.data.splits["test"][:8]))
    for text, queries in zip(said.said, said.queries, strict=True):
        assert len(text.split()) <= 9
        assert [word for word in queries if word != "</s>"] == text.split()
    assert said.grid == (GRID, GRID)
    assert said.alignments[0].weights.shape[-1] == GRID * GRID
    assert said.gold is not None
    assert said.gold.shape == said.alignments[0].weights.shape


def test_a_said_word_has_gold_where_it_names_an_object_that_is_there() -> None:
    said = [TRUE.replace("blue", "green").split()]
    gold = said_gold(said, [FACTS], torch.zeros(1, 12, 16))
    assert gold[0, 1:4].nonzero()[:, 1].tolist() == [0, 1] * 3  # `large red ring` is there, `small green square` is not
    assert not gold[0, 0].any()
    assert not gold[0, 4:].any()


def test_measures_of_a_reference_are_the_best_there_are() -> None:
    others = [[f"a small {colour} ring lies above a large {colour} square"] for colour in ("green", "yellow", "blue")]
    truth = [[TRUE], *others]
    right = prediction([references[0] for references in truth], truth)
    shuffled = prediction([references[0] for references in (*truth[1:], truth[0])], truth)
    best, _ = corpus_measures([right])
    worse, _ = corpus_measures([shuffled])
    assert best["bleu4"] == pytest.approx(100)
    assert best["cider"] > 2 * worse["cider"]
    assert best["bleu4"] > worse["bleu4"]


def test_a_caption_may_agree_with_any_of_its_references() -> None:
    truth = [["we see nothing at all here", "nothing", TRUE]]
    assert corpus_measures([prediction([TRUE], truth)])[0]["bleu4"] == pytest.approx(100)


def test_images_may_have_different_numbers_of_references() -> None:
    third = ["there is nothing", "a ring", "a square below it"]
    uneven, even = [[TRUE], ["a small green triangle"] * 2, third], [[TRUE] * 3, ["a small green triangle"] * 3, third]
    said = [TRUE, "a small triangle", "a ring below it"]
    assert corpus_measures([prediction(said, uneven)]) == corpus_measures([prediction(said, even)])


def test_case_is_no_mistake() -> None:
    assert corpus_measures([prediction([TRUE.upper()], [[TRUE]])])[0]["bleu4"] == pytest.approx(100)


def test_fact_accuracy_is_the_share_of_true_captions_and_the_mean_of_the_single_ones() -> None:
    said = [
        TRUE,
        TRUE.replace("red", "green"),
        "there is a large red ring with a small blue square on its right",
        "a ring",
    ]
    some = prediction(said, [[TRUE]] * 4)
    assert caption_measures([some])["fact_accuracy"] == [100.0, 0.0, 100.0, 0.0]
    assert corpus_measures([some])[0]["fact_accuracy"] == 50.0


def test_measures_are_the_same_however_the_captions_are_batched() -> None:
    said, truth = [TRUE, "a ring", "a small square"], [[TRUE], ["a ring lies"], ["a small blue square"]]
    whole = prediction(said, truth)
    parts = [prediction([text], [references]) for text, references in zip(said, truth, strict=True)]
    assert corpus_measures([whole]) == corpus_measures(parts)
    assert caption_measures([whole]) == caption_measures(parts)


def test_the_mean_of_the_single_ciders_is_the_corpus_cider() -> None:
    some = prediction([TRUE, "a ring is here"], [[TRUE, "a red ring"], ["a small ring is here"]])
    assert np.mean(caption_measures([some])["cider"]) == pytest.approx(corpus_measures([some])[0]["cider"])


def test_data_without_facts_is_measured_by_its_references_alone() -> None:
    some = prediction([TRUE], [[TRUE]])._replace(about=())
    whole, each = corpus_measures([some])[0], caption_measures([some])
    assert "fact_accuracy" not in {*whole, *each}
    assert {"bleu4", "rouge_l", "cider"} <= set(each) < set(whole)


def test_signatures_say_how_bleu_was_computed() -> None:
    some = task()
    some.measure([prediction([TRUE], [[TRUE]])])
    assert "tok:none" in some.signatures()["bleu4"]


def test_data_of_another_task_is_refused(unchecked_types: None) -> None:
    with pytest.raises(
        ValueError, match="task/data=phrases: task captioning reads images with captions, such as scenes"
    ):
        Captioning(
            Phrases(seed=0, sizes={"train": 1, "validation": 1, "test": 1}),
            cast(Any, None),
            cast(Any, None),
            batch_size=1,
            seed=0,
        )


@pytest.mark.parametrize(
    ("options", "message"),
    [
        ({"limit": 0}, "limit=0: must be at least 1"),
        ({"annotation_dim": 0}, "annotation_dim=0: must be at least 1, or null"),
        ({"global_image": True}, "global_image=true: .* give annotation_dim"),
        ({"cell_dropout": 1.0}, "cell_dropout=1.0: must be a share from 0 to below 1"),
        ({"doubly_stochastic": -1.0}, "doubly_stochastic=-1.0: must be a weight of at least 0"),
        ({"doubly_stochastic_total": "two"}, "doubly_stochastic_total=two: must be one of one, steps_over_places"),
    ],
)
def test_impossible_options_are_refused(unchecked_types: None, options: dict[str, Any], message: str) -> None:
    fitting = {"embedding_dim": 4, "hidden_dim": 8, "limit": 5, "dropout": 0.0}
    with pytest.raises(ValueError, match=message):
        ShowAttendTell(Vocabulary([["a"]]), GridEncoder(8), SOFT, **cast(Any, {**fitting, **options}))


def test_an_encoder_of_no_size_is_refused() -> None:
    with pytest.raises(ValueError, match="must be a multiple of 4"):
        GridEncoder(10)


@pytest.mark.parametrize(("total", "due"), [("one", 1.0), ("steps_over_places", 2 / 4)])
def test_the_doubly_stochastic_penalty_is_the_paper_s_sum_over_places(total: Any, due: float) -> None:
    weights = torch.tensor([[[0.7, 0.1, 0.1, 0.1], [0.1, 0.2, 0.3, 0.4], [0.0] * 4]])  # two steps, and one of padding
    by_hand = sum((due - looked) ** 2 for looked in (0.8, 0.3, 0.4, 0.5))
    found = imbalance(weights, torch.tensor([2]), total)
    torch.testing.assert_close(found, torch.tensor([by_hand]))


def test_padding_behind_a_caption_changes_neither_its_loss_nor_its_penalty() -> None:
    some = task()
    some.build = partial(some.build, doubly_stochastic=0.5, doubly_stochastic_total="steps_over_places", gate=True)
    model = some.model(SOFT).eval()
    batch = some.collate(some.data.splits["test"][:3])
    longer = torch.nn.functional.pad(batch.target, (0, 4), value=Vocabulary.pad)
    short, long = model(batch), model(batch._replace(target=longer, gold=None))
    assert short.penalty is not None
    assert bool((short.penalty > 0).all())
    torch.testing.assert_close(short.penalty, long.penalty)
    torch.testing.assert_close(short.nll, long.nll)


def test_a_closed_gate_shows_the_decoder_nothing() -> None:
    some = task()
    some.build = partial(some.build, gate=True)
    model = some.model(SOFT).eval()
    gate = model.decoder.gate
    torch.nn.init.zeros_(gate.weight)
    batch = some.collate(some.data.splits["test"][:2])
    assert batch.images is not None
    summary, memory = model.encode(batch)
    hidden = model.decoder.start(summary).hidden
    torch.nn.init.constant_(gate.bias, 50.0)
    opened, _, _ = model.decoder.look(hidden, memory, None)
    torch.nn.init.constant_(gate.bias, 0.0)
    half, _, _ = model.decoder.look(hidden, memory, None)
    torch.testing.assert_close(half, opened / 2)  # one scalar for all of the context
    torch.nn.init.constant_(gate.bias, -50.0)
    closed, _, _ = model.decoder.look(hidden, memory, None)
    assert bool((closed.abs() < 1e-9).all())


def test_standardized_annotations_have_mean_0_and_variance_1_before_they_are_mapped() -> None:
    annotations = Annotations(GridEncoder(8), dim=None, standardize=True, dropout=0.0)(
        None, torch.randn(2, 5, 8) * 9 + 4
    )
    torch.testing.assert_close(annotations.mean(dim=-1), torch.zeros(2, 5), atol=1e-5, rtol=0)
    torch.testing.assert_close(annotations.var(dim=-1, unbiased=False), torch.ones(2, 5), atol=1e-3, rtol=0)


def test_all_places_share_a_mask_of_dropout() -> None:
    torch.manual_seed(0)
    gone = Annotations(GridEncoder(64), dim=None, standardize=False, dropout=0.5)(None, torch.ones(3, 6, 64)) == 0.0
    assert torch.equal(gone, gone[:, :1].expand(-1, 6, -1))
    assert 0.3 < gone.float().mean().item() < 0.7


def test_an_annotation_that_knows_the_whole_image_is_mapped_together_with_the_mean() -> None:
    annotations = Annotations(GridEncoder(4), dim=2, standardize=False, dropout=0.0, global_image=True)
    assert annotations.map is not None
    assert annotations.whole is not None
    with torch.no_grad():
        annotations.map.weight.copy_(torch.tensor([[1.0, 0.0, 0.0, 0.0], [0.0, 1.0, 0.0, 0.0]]))
        annotations.map.bias.zero_()
        annotations.whole.weight.copy_(torch.tensor([[0.0, 0.0, 10.0, 0.0], [0.0, 0.0, -10.0, 0.0]]))
    grid = torch.tensor([[[1.0, 2.0, 3.0, 0.0], [5.0, 90.0, 5.0, 0.0]]])  # the third number's mean is 4
    torch.testing.assert_close(annotations(None, grid), torch.tensor([[[41.0, 0.0], [45.0, 50.0]]]))


def test_training_leaves_out_a_share_of_each_image_s_cells_drawn_anew_and_evaluation_none() -> None:
    torch.manual_seed(0)
    annotations = Annotations(GridEncoder(4), dim=None, standardize=False, dropout=0.0, cell_dropout=0.25)
    grids = torch.arange(2 * 8 * 4.0).view(2, 8, 4)  # every number stands once
    passes = [annotations(None, grids) for _ in range(60)]
    for seen in passes:
        assert seen.shape == (2, 6, 4)
        for image, of in zip(seen, grids, strict=True):
            kept = [int((of == cell).all(dim=1).nonzero().item()) for cell in image]  # whole cells, of the image itself
            assert kept == sorted(set(kept))
    assert {float(number) for seen in passes for number in seen.flatten()} == set(range(64))
    assert torch.equal(annotations.eval()(None, grids), grids)


def test_cells_that_are_left_out_take_their_gold_with_them() -> None:
    some = task()
    batch = next(iter(some.data.test_dataloader()))
    model = ShowAttendTell(
        some.vocabulary, GridEncoder(8), SOFT, embedding_dim=4, hidden_dim=8, limit=5, dropout=0.0, cell_dropout=0.5
    )
    thinned = model(batch)
    assert thinned.gold is None
    assert thinned.alignments[0].weights.shape[2] == GRID * GRID / 2
    assert model.eval()(batch).gold is batch.gold


def test_a_conditional_decoder_looks_with_the_last_word_known() -> None:
    """The first word decides where it looks for the next one; in the paper's decoder it does not."""
    torch.manual_seed(0)
    some, found = task(), {}
    batch = next(iter(some.data.test_dataloader()))
    for conditional in (False, True):
        model = ShowAttendTell(
            some.vocabulary,
            GridEncoder(8),
            SOFT,
            embedding_dim=4,
            hidden_dim=8,
            limit=5,
            dropout=0.0,
            conditional=conditional,
        ).eval()
        other = batch.target.clone()
        other[:, 1] = other[:, 2]
        one, two = (model(batch._replace(target=words)).alignments[0].weights for words in (batch.target, other))
        found[conditional] = (one - two).abs().amax(dim=(0, 2))[:3] > 0
    assert found[False].tolist() == [False, False, True]
    assert found[True].tolist() == [False, True, True]


def test_kept_grids_train_the_same_model_as_grids_computed_for_every_batch(tmp_path: Path) -> None:
    frozen = partial(TorchvisionGrid, "squeezenet1_1", "random", 64)
    model = partial(
        ShowAttendTell, embedding_dim=6, hidden_dim=8, dropout=0.0, limit=9, annotation_dim=8, standardize=True
    )
    losses = {}
    for kept in (None, Keeping(cache_dir=str(tmp_path), dtype="float16")):
        torch.manual_seed(0)
        data = Scenes(seed=0, sizes={"train": 3, "validation": 2, "test": 2})
        some = Captioning(data, cast(Any, model), frozen, batch_size=5, seed=0, grids=kept)
        torch.manual_seed(0)
        network = some.model(SOFT)
        torch.manual_seed(0)  # the encoder that looks at images has the model's random weights
        some.encoder.load_state_dict(network.annotations.encoder.state_dict())
        batch = some.collate(some.data.splits["train"][[0, 7, 14]])
        assert (batch.images is None) == (kept is not None)
        output = network(batch)
        output.nll.sum().backward()
        losses[kept is None] = output.nll.detach()
        assert all(p.grad is None for p in network.annotations.encoder.parameters())
    torch.testing.assert_close(losses[True], losses[False], rtol=1e-3, atol=1e-3)


def test_bringing_a_batch_to_its_device_leaves_encoded_images_alone() -> None:
    class Touched(bytes):
        def __iter__(self) -> Any:
            raise AssertionError("the bytes of an image are gone through one by one")

    some = task()
    batch = some.collate(some.data.splits["test"][:2])
    encoded = [Picture(Touched(picture.content()), None) for picture in batch.pictures]
    moved = move_data_to_device(batch._replace(pictures=encoded), torch.device("cpu"))
    assert moved.pictures == encoded
