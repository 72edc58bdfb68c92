"""Measures as functions of summed counts: they are sacrebleu's, and swapping or drawing examples again does what it should."""

import itertools
import json
from dataclasses import replace

import numpy as np
import pytest
from pycocoevalcap.bleu.bleu import Bleu
from sacrebleu.metrics import BLEU, CHRF, TER
from sacrebleu.significance import PairedTest

from attnbench.benchmarks.record import RecordError
from attnbench.benchmarks.samples import from_texts, sample
from attnbench.benchmarks.statistics.bootstrap import times
from attnbench.benchmarks.statistics.corpus import Sample, mean_of, ratio
from attnbench.benchmarks.statistics.randomisation import mean_difference, randomisation

WORDS = ["The", "a", "dog", "cat", "man", "runs", "sits", ",", ".", "big", "red", "house", "'s", "on"]
COCO = "pycocoevalcap|reflen:closest|smooth:none|tok:none|version:1.2"


def texts(seed: int, number: int = 40, *, same: float = 0.6) -> tuple[list[str], list[list[str]]]:
    """Sentences, each with a reference from which some words are taken over."""
    rng = np.random.default_rng(seed)
    truth = [rng.choice(WORDS, rng.integers(4, 12)).tolist() for _ in range(number)]
    of_model = np.random.default_rng(seed + 100)
    said = [[w if of_model.random() < same else str(of_model.choice(WORDS)) for w in words] for words in truth]
    said = [words[: len(words) - int(of_model.integers(0, 2))] for words in said]
    return [" ".join(words) for words in said], [[" ".join(words)] for words in truth]


METRICS = {
    "bleu": BLEU(tokenize="none", force=True),
    "bleu_13a": BLEU(lowercase=True, tokenize="13a", force=True),
    "bleu_none": BLEU(tokenize="none", smooth_method="none", force=True),
    "chrf": CHRF(),
    "chrf_words": CHRF(word_order=2),
    "ter": TER(),
}


@pytest.mark.parametrize("name", METRICS)
@pytest.mark.parametrize("seed", [0, 1])
def test_drawn_again_the_measure_is_sacrebleus_of_the_drawn_corpus(name, seed):
    said, truth = texts(seed)
    METRICS[name].corpus_score(said, [[refs[0] for refs in truth]])
    found = from_texts(str(METRICS[name].get_signature()), "some", said, truth)
    for drawn in ([*range(40)], np.random.default_rng(9).integers(40, size=40).tolist(), [3], [5, 5]):
        again = METRICS[name].corpus_score([said[i] for i in drawn], [[truth[i][0] for i in drawn]])
        value = found.score(found.counts[drawn].sum(axis=0, keepdims=True))[0]
        assert value == pytest.approx(again.score, abs=1e-9)


@pytest.mark.parametrize("order", [1, 2, 3, 4])
def test_drawn_again_bleu_of_captions_is_the_coco_evaluations(order):
    said, truth = texts(2)
    truth = [[*refs, f"{refs[0]} big red"] for refs in truth]
    found = from_texts(COCO, f"bleu{order}", said, truth)
    lowered = ([text.lower() for text in said], [[text.lower() for text in refs] for refs in truth])
    for drawn in ([*range(40)], np.random.default_rng(9).integers(40, size=40).tolist(), [3]):
        hypotheses = {n: [lowered[0][i]] for n, i in enumerate(drawn)}
        references = {n: lowered[1][i] for n, i in enumerate(drawn)}
        expected = 100 * Bleu(4).compute_score(references, hypotheses, verbose=0)[0][order - 1]
        value = found.score(found.counts[drawn].sum(axis=0, keepdims=True))[0]
        assert value == pytest.approx(expected, abs=1e-6)


def test_signatures_of_what_is_not_known_name_no_metric():
    said, truth = texts(0)
    odd = [
        "",
        "somebody's",
        "nrefs:1|case:mixed|eff:yes|tok:none|smooth:exp",
        "nrefs:1|case:mixed|eff:no|tok:none|smooth:floor[0.10]",
        "nrefs:1|case:mixed|eff:no|tok:flores200|smooth:exp",
    ]
    assert [from_texts(signature, "bleu", said, truth) for signature in odd] == [None] * 5


def test_pseudo_values_of_a_mean_are_its_values():
    assert mean_of([1.0, 5.0, 3.0]).pseudo_values() == pytest.approx([1.0, 5.0, 3.0])
    assert mean_of([1.0, 5.0, None, 3.0]).value == 3.0


def test_the_variance_of_pseudo_values_is_that_of_corpora_drawn_again():
    said, truth = texts(3, 400)
    found = from_texts(str(signature("bleu")), "bleu", said, truth)
    drawn = times(400, np.random.default_rng(5), 4000)
    bootstrap = found.score(drawn @ found.counts).std()
    assert found.pseudo_values().std(ddof=1) / 20 == pytest.approx(bootstrap, rel=0.08)


def signature(name: str) -> str:
    METRICS[name].corpus_score(["a"], [["a"]])
    return str(METRICS[name].get_signature())


def exact(first: Sample, second: Sample) -> float:
    """The share of all swaps whose difference is as large."""
    observed = abs(first.value - second.value)
    found = []
    for swaps in itertools.product([False, True], repeat=len(first.counts)):
        swap = np.array(swaps)[:, None]
        one, other = (np.where(swap, a.counts, b.counts) for a, b in ((second, first), (first, second)))
        found.append(abs(first._replace(counts=one).value - first._replace(counts=other).value))
    return float(np.mean(np.array(found) >= observed - 1e-9))


def test_randomisation_meets_exact_enumeration():
    rng = np.random.default_rng(11)
    means = [mean_of(rng.normal(shift, 1, 9).tolist()) for shift in (0.0, 0.7)]
    ratios = [Sample(rng.integers(1, 20, (9, 2)).astype(float), ratio) for _ in range(2)]
    said, truth = texts(4, 9)
    worse = [" ".join(text.split()[::-1]) if index % 2 else text for index, text in enumerate(said)]
    bleus = [from_texts(signature("bleu"), "bleu", each, truth) for each in (said, worse)]
    for first, second in (means, ratios, bleus):
        found = randomisation({"a": [first], "b": [second]})["a", "b"]
        assert found == pytest.approx(exact(first, second), abs=0.015)


def test_randomisation_of_one_seed_agrees_with_sacrebleus_paired_test():
    said, truth = texts(6, 60)
    worse = texts(6, 60, same=0.5)[0]
    found = [from_texts(signature("bleu"), "bleu", each, truth) for each in (said, worse)]
    p = randomisation({"a": found[:1], "b": found[1:]})["a", "b"]
    systems = [("a", said), ("b", worse)]
    references = [[refs[0] for refs in truth]]
    test = PairedTest(systems, {"BLEU": METRICS["bleu"]}, references, test_type="ar", n_samples=2000, n_jobs=1)
    assert p == pytest.approx(test()[1]["BLEU"][1].p_value, abs=0.04)


def test_randomisation_swaps_all_seeds_together_and_is_the_same_again():
    rng = np.random.default_rng(12)
    seeds = {
        name: [mean_of(rng.normal(shift, 1, 30).tolist()) for _ in range(3)]
        for name, shift in (("a", 0), ("b", 0.3), ("c", 0))
    }
    found = randomisation(seeds)
    assert found == randomisation(seeds)
    assert set(found) == {("a", "b"), ("a", "c"), ("b", "c")}
    assert mean_difference(seeds["a"], seeds["b"]) == pytest.approx(
        np.mean([one.value for one in seeds["a"]]) - np.mean([one.value for one in seeds["b"]])
    )
    columns = np.mean(
        [one.counts[:, 0] - two.counts[:, 0] for one, two in zip(seeds["a"], seeds["b"], strict=True)], axis=0
    )
    assert found["a", "b"] == pytest.approx(
        randomisation({"x": [mean_of(columns.tolist())], "y": [mean_of([0.0] * 30)]})["x", "y"], abs=0.015
    )


def kept(folder, made, each=None, said=(), truth=(), **changes):
    """A run with such examples beside it."""
    record = made.record(**changes)
    place = made.keep(folder, record)
    written = {"said": list(said), "truth": list(truth), "each": each or {}, "attention_each": {}}
    (place / "examples.json").write_text(json.dumps(written), "utf-8")
    return place, record


def test_a_measure_that_is_the_mean_of_its_examples_is_found(made, tmp_path):
    place, record = kept(tmp_path, made, {"bleu": [10.0, 30.0]}, truth=[["a"], ["b"]], value=20.0)
    assert sample(place, record, "bleu").pseudo_values() == pytest.approx([10.0, 30.0])


def test_a_corpus_measure_is_found_by_its_signature_and_believed_where_it_gives_the_records_value(made, tmp_path):
    said, truth = texts(0)
    value = METRICS["bleu"].corpus_score(said, [[refs[0] for refs in truth]]).score
    signed = {"bleu": str(METRICS["bleu"].get_signature())}
    place, record = kept(tmp_path, made, {"bleu": [1.0] * 40}, said, truth, value=value, signatures=signed)
    assert sample(place, record, "bleu").value == pytest.approx(value)
    other = replace(record, measures={"bleu": value + 0.1})
    assert sample(place, other, "bleu") is None


def test_a_measure_of_neither_kind_and_a_run_without_examples_have_none(made, tmp_path):
    place, record = kept(tmp_path, made, {"bleu": [10.0, 30.0]}, truth=[["a"], ["b"]], value=21.0)
    assert sample(place, record, "bleu") is None
    assert sample(tmp_path / "nowhere", record, "bleu") is None


def test_other_examples_are_told_apart_by_their_truth(made, tmp_path):
    found = [
        sample(*kept(tmp_path / truth, made, {"bleu": [10.0, 30.0]}, truth=[["a"], [truth]], value=20.0), "bleu")
        for truth in ("b", "c")
    ]
    assert found[0].examples != found[1].examples


def test_a_damaged_example_file_is_named(made, tmp_path):
    place, record = kept(tmp_path, made, {})
    for damaged in ("{", "[]", '{"said": [], "truth": {}, "each": {}}'):
        (place / "examples.json").write_text(damaged, "utf-8")
        with pytest.raises(RecordError, match=r"examples\.json: damaged"):
            sample(place, record, "bleu")
