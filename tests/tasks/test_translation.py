"""Translation: the two languages of phrases, RNNsearch, the measures."""

import pytest
import torch
from datasets import DatasetDict
from hydra.utils import instantiate

from attnbench.attention import AttentionFactory, Composed
from attnbench.attention.score.additive import Additive
from attnbench.attention.selection.softmax import Softmax
from attnbench.tasks.base import Prediction
from attnbench.tasks.testing import check_task
from attnbench.tasks.translation import Translation
from attnbench.tasks.translation.measures import corpus_measures, sentence_measures
from attnbench.tasks.translation.model import RNNsearch
from attnbench.tasks.translation.phrases import Phrases, lexicon

SIZES = {"train": 120, "validation": 20, "test": 30}


def additive() -> AttentionFactory:
    config = {"_target_": "attnbench.attention.composed.Composed", "_partial_": True}
    parts = {
        "score": {"_target_": "attnbench.attention.score.additive.Additive", "_partial_": True, "hidden_dim": 8},
        "selection": {"_target_": "attnbench.attention.selection.softmax.Softmax", "_partial_": True},
    }
    factory: AttentionFactory = instantiate({**config, **parts})
    return factory


def phrases(seed: int = 0) -> DatasetDict:
    return Phrases(seed=seed, sizes=SIZES).load()


def small_task() -> Translation:
    model = instantiate(
        {
            "_target_": "attnbench.tasks.translation.model.RNNsearch",
            "_partial_": True,
            "embedding_dim": 6,
            "hidden_dim": 8,
            "dropout": 0.0,
            "limit": 12,
        }
    )
    return Translation(Phrases(seed=0, sizes=SIZES), model, batch_size=7, seed=0, least_count=1)


def test_the_same_seed_gives_the_same_phrases_and_another_seed_others() -> None:
    assert phrases(0)["test"][:] == phrases(0)["test"][:]
    assert phrases(0)["test"][:] != phrases(1)["test"][:]


def test_no_test_sentence_stands_in_training() -> None:
    splits = Phrases(seed=0, sizes={"train": 3000, "validation": 200, "test": 300}).load()
    train = {tuple(words) for words in splits["train"]["source"]}
    repeated = sum(tuple(words) in train for words in splits["test"]["source"])
    assert repeated <= 0.02 * len(splits["test"])


def test_sentences_run_up_to_about_25_words() -> None:
    lengths = [len(words) for words in Phrases(seed=3, sizes={**SIZES, "train": 2000}).load()["train"]["source"]]
    assert min(lengths) >= 3
    assert 20 <= max(lengths) <= 36


def test_gold_links_lead_from_a_target_stem_to_its_own_source_stem() -> None:
    words = lexicon()
    stems = {lexeme.target: lexeme.source for kind in words.values() for lexeme in kind}
    checked = 0
    for row in phrases()["train"]:
        for query, position in row["gold"]:
            stem = next((s for s in stems if row["target"][query].startswith(s)), None)
            if stem is not None:
                assert row["source"][position].startswith(stems[stem])
                checked += 1
    assert checked > 500


def test_every_target_word_has_gold_and_the_tense_stands_far_from_its_verb() -> None:
    rows = phrases()["train"]
    assert all({query for query, _ in row["gold"]} == set(range(len(row["target"]))) for row in rows)
    # The particle at the clause's start and the verb at its end translate the same source word.
    shared = [row for row in rows if row["gold"][0][1] in [position for _, position in row["gold"][1:]]]
    assert len(shared) == len(rows)


def test_links_of_determiners_alone_are_possible_and_they_are_two_of_which_one_is_a_determiner() -> None:
    determiners = {"the", "a", "some"}
    for row in phrases()["train"]:
        unsure = {query for query, _ in row["possible"]}
        assert row["possible"] == [link for link in row["gold"] if link[0] in unsure]
        looked: dict[int, list[bool]] = {}
        for query, position in row["gold"]:
            looked.setdefault(query, []).append(row["source"][position] in determiners)
        for query, is_determiner in looked.items():
            assert is_determiner == ([True, False] if query in unsure else [False])


def test_adjectives_agree_with_their_noun_which_a_word_by_word_translation_cannot_know() -> None:
    forms: dict[str, set[str]] = {}
    for row in phrases()["train"]:
        for query, position in row["gold"]:
            forms.setdefault(row["source"][position], set()).add(row["target"][query])
    adjective = lexicon()["adjective"][0].source
    assert len(forms[adjective]) > 1


def test_padding_the_source_leaves_the_likelihood_as_it_is() -> None:
    task = small_task()
    model = task.model(additive()).double().eval()
    rows = task.data.splits["test"][:4]
    batch = task.collate(rows)
    wider = batch._replace(source=torch.nn.functional.pad(batch.source, (0, 5)), gold=None)
    torch.testing.assert_close(model(batch).nll, model(wider).nll)


def test_an_example_is_worth_the_same_alone_and_in_a_batch() -> None:
    task = small_task()
    model = task.model(additive()).double().eval()
    together = model(task.collate(task.data.splits["test"][:5])).nll
    alone = torch.cat([model(task.collate(task.data.splits["test"][i : i + 1])).nll for i in range(5)])
    torch.testing.assert_close(together, alone)


def test_a_prediction_ends_within_the_limit_and_has_a_query_for_each_word() -> None:
    task = small_task()
    model = task.model(additive()).eval()
    prediction = model.predict(task.collate(task.data.splits["test"][:6]))
    for said, queries in zip(prediction.said, prediction.queries, strict=True):
        assert len(said.split()) <= 12
        assert [word for word in queries if word != "</s>"] == said.split()


def test_vocabularies_come_from_training_alone_and_rare_words_are_unknown() -> None:
    task = small_task()
    source, _ = task.vocabularies
    train = {word for words in task.data.splits["train"]["source"] for word in words}
    assert set(source.words[4:]) == train
    assert source.encode(["no-such-word"]) == [source.unknown]


def test_the_task_keeps_its_contract() -> None:
    check_task(small_task(), additive())


def test_a_limit_that_lets_nothing_be_said_is_refused() -> None:
    task = small_task()
    with pytest.raises(ValueError, match="limit=0: must be at least 1"):
        RNNsearch(*task.vocabularies, additive(), embedding_dim=4, hidden_dim=8, dropout=0.0, limit=0)


def test_an_odd_state_size_is_refused() -> None:
    task = small_task()
    with pytest.raises(ValueError, match="hidden_dim=7"):
        RNNsearch(*task.vocabularies, additive(), embedding_dim=4, hidden_dim=7, dropout=0.0, limit=5)


def said(*pairs: tuple[str, str]) -> list[Prediction]:
    return [Prediction([a], [[b]], [], [a.split()], [[]]) for a, b in pairs]


def test_a_perfect_translation_scores_100_and_a_wrong_one_less() -> None:
    line = "a b c d e f"
    measures, signatures = corpus_measures(said((line, line), (line, line)))
    assert measures["bleu"] == pytest.approx(100)
    assert measures["exact_match"] == 100
    worse, _ = corpus_measures(said((line, line), ("a b x d e f", line)))
    assert worse["bleu"] < 100
    assert worse["exact_match"] == 50
    assert "tok:none" in signatures["bleu"]


def test_raw_text_is_scored_by_sacrebleus_own_tokenization_as_its_signature_says() -> None:
    told = said(("The dog runs away, today.", "the dog runs away , today ."))
    raw, signatures = corpus_measures(told, raw=True)
    assert raw["bleu_lowercased_tokenized"] == pytest.approx(100)
    assert raw["bleu"] < 100, "case counts"
    assert raw["ter"] > 0
    assert "tok:13a" in signatures["bleu"]
    assert "case:mixed" in signatures["bleu"]
    assert "case:lc" in signatures["bleu_lowercased_tokenized"]
    assert set(signatures) == {"bleu", "bleu_lowercased_tokenized", "chrf", "ter"}
    tokenised, _ = corpus_measures(told)
    assert set(tokenised) == {"bleu", "chrf", "exact_match"}
    assert tokenised["bleu"] < raw["bleu_lowercased_tokenized"], (
        "without tokenization `today.` is no word of the reference"
    )


@pytest.mark.parametrize("raw", [True, False])
def test_a_corpus_and_its_sentences_have_the_same_figures(raw: bool) -> None:
    told = said(("a b c d e", "a b c d e"), ("x y", "a  b"))
    assert set(corpus_measures(told, raw=raw)[0]) == set(sentence_measures(told, raw=raw))
    assert sentence_measures(told, raw=raw)["exact_match"] == [100.0, 0.0]


def test_white_space_decides_no_exact_match() -> None:
    assert corpus_measures(said(("a b", "a\u00a0 b ")), raw=True)[0]["exact_match"] == 100


def test_per_sentence_measures_keep_the_order_of_the_examples() -> None:
    line = "a b c d e f"
    each = sentence_measures(said((line, line), ("x", line), (line, line)))
    assert each["exact_match"] == [100.0, 0.0, 100.0]
    assert each["bleu"][1] < each["bleu"][0]


def test_the_composed_attention_is_the_one_that_the_model_was_given() -> None:
    attention = small_task().model(additive()).decoder.attention
    assert isinstance(attention, Composed)
    assert isinstance(attention.score, Additive)
    assert isinstance(attention.selection, Softmax)
