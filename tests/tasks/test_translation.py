"""Translation: the two languages of phrases, parallel files, RNNsearch, the measures."""

import gzip
from pathlib import Path

import pytest
import torch
from datasets import Dataset, DatasetDict
from hydra.utils import instantiate

from attnbench.attention import AttentionFactory, Composed
from attnbench.attention.score.additive import Additive
from attnbench.attention.selection.softmax import Softmax
from attnbench.tasks.base import Prediction
from attnbench.tasks.source import DataError
from attnbench.tasks.testing import check_task
from attnbench.tasks.translation import Translation
from attnbench.tasks.translation.measures import corpus_measures, sentence_measures
from attnbench.tasks.translation.model import RNNsearch
from attnbench.tasks.translation.parallel import HubPairs, Multi30k, ParallelFiles, read_lines
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


def small_task(data: Phrases | ParallelFiles | None = None) -> Translation:
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
    return Translation(data or Phrases(seed=0, sizes=SIZES), model, batch_size=7, seed=0, least_count=1)


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


def test_per_sentence_measures_keep_the_order_of_the_examples() -> None:
    line = "a b c d e f"
    each = sentence_measures(said((line, line), ("x", line), (line, line)))
    assert each["exact_match"] == [100.0, 0.0, 100.0]
    assert each["bleu"][1] < each["bleu"][0]


def write_pairs(folder: Path, source: str = "a b\nc d\n", target: str = "x y\nz w\n") -> ParallelFiles:
    for split in ("train", "validation", "test"):
        (folder / f"{split}.en").write_text(source)
        (folder / f"{split}.de.gz").write_bytes(gzip.compress(target.encode()))
    files = {split: (f"{split}.en", f"{split}.de.gz") for split in ("train", "validation", "test")}
    return ParallelFiles(data_dir=str(folder), files=files, tokenize=False)


def test_parallel_files_pair_up_by_line(tmp_path: Path) -> None:
    train = write_pairs(tmp_path).load()["train"]
    assert train["source"][:] == [["a", "b"], ["c", "d"]]
    assert train["target"][:] == [["x", "y"], ["z", "w"]]


def test_parallel_files_give_a_working_task(tmp_path: Path) -> None:
    task = small_task(write_pairs(tmp_path))
    output = task.model(additive())(task.collate(task.data.splits["train"][:]))
    assert output.gold is None
    assert output.symbols.tolist() == [3, 3]


@pytest.mark.parametrize(
    ("source", "target", "message"),
    [
        ("a\nb\n", "x\n", "has 2 lines and .* 1; they must pair up"),
        ("a\n\n", "x\ny\n", "line 2 is empty"),
        ("a\nb", "x\ny\n", "last line does not end"),
        ("", "", "holds no sentence"),
    ],
)
def test_files_that_do_not_pair_up_are_named(tmp_path: Path, source: str, target: str, message: str) -> None:
    with pytest.raises(DataError, match=message):
        write_pairs(tmp_path, source, target).load()


def test_a_truncated_file_is_named(tmp_path: Path) -> None:
    path = tmp_path / "cut.gz"
    path.write_bytes(gzip.compress(b"a line of text\n" * 100)[:-20])
    with pytest.raises(DataError, match=r"cut\.gz: cannot be read, cut short or damaged"):
        read_lines(path)


def test_bytes_that_are_no_utf8_are_named_with_their_line(tmp_path: Path) -> None:
    path = tmp_path / "latin1.txt"
    path.write_bytes("gut\nschön\n".encode("latin-1"))
    with pytest.raises(DataError, match="line 2 is not UTF-8"):
        read_lines(path)


def test_the_checksum_follows_the_bytes(tmp_path: Path) -> None:
    before = write_pairs(tmp_path).checksum()
    assert before == write_pairs(tmp_path).checksum()
    assert before != write_pairs(tmp_path, target="x y\nz v\n").checksum()


def test_a_hub_data_set_is_read_by_name_here_a_local_copy(tmp_path: Path) -> None:
    for split in ("train", "validation", "test"):
        Dataset.from_dict({"en": ["A dog, running."], "de": ["Ein Hund rennt."]}).to_json(tmp_path / f"{split}.jsonl")
    splits = HubPairs(path=str(tmp_path), revision="main", source="en", target="de").load()
    assert splits["train"]["source"][0] == ["a", "dog", ",", "running", "."]
    with pytest.raises(DataError, match="has no column fr; it has"):
        HubPairs(path=str(tmp_path), revision="main", source="en", target="fr").load()


def test_a_hub_data_set_that_cannot_be_had_is_one_line() -> None:
    with pytest.raises(DataError, match="hub data set nobody/nothing") as caught:
        HubPairs(path="nobody/nothing", revision="main", source="en", target="de", offline=True).load()
    assert "\n" not in str(caught.value)


def test_multi30k_reads_its_authors_tokenised_text(data_dir: str) -> None:
    splits = Multi30k(data_dir=data_dir, source="en", target="de", test="test_2016_flickr").load()
    assert {name: len(rows) for name, rows in splits.items()} == {"train": 29000, "validation": 1014, "test": 1000}
    assert splits["train"][0]["source"][:3] == ["two", "young", ","]


def test_the_composed_attention_is_the_one_that_the_model_was_given() -> None:
    attention = small_task().model(additive()).decoder.attention
    assert isinstance(attention, Composed)
    assert isinstance(attention.score, Additive)
    assert isinstance(attention.selection, Softmax)
