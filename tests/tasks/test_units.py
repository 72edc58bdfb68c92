"""What sentences are written in: pieces give a line back, come from training alone, and go with the checkpoint."""

import copy
import gzip
import json
from pathlib import Path

import pytest
import torch
from hydra.utils import instantiate

from attnbench.attention import AttentionFactory
from attnbench.tasks.sequence.text import END, SPECIAL, Vocabulary
from attnbench.tasks.testing import check_task
from attnbench.tasks.translation import Translation
from attnbench.tasks.translation.parallel import Multi30k, ParallelFiles
from attnbench.tasks.translation.phrases import Phrases
from attnbench.tasks.translation.pieces import BYTES, FIXED, Pieces, normalized
from attnbench.tasks.translation.units import BytePairs, Units, Words, kept, recalled
from attnbench.tasks.translation.word_alignment import piece_links, word_numbers, word_weights

GERMAN = ["Ein Hund, der läuft.", "Zwei Hunde laufen; ein Kind läuft.", "Ein Kind sieht Hunde."] * 3
ENGLISH = ["A dog that runs.", "Two dogs run; a child runs.", "A child sees dogs."] * 3
ODD = [
    "Ein Hund, der läuft.",
    "</s> <pad> <unk> <s> <0x41>",
    "▁▁ schon da ▁",
    "日本 🐕‍🦺 Ωmega",
    "don't  stop\u00a0now\t! ",
    "...!!! (Ein) „Hund“ – so",
    "",
    "e\u0301 or é",
    "##a @@ b@@",
]


def learnt(*, size: int = 400, least_count: int = 1, lowercase: bool = False) -> Pieces:
    return Pieces.learnt(GERMAN, size=size, least_count=least_count, lowercase=lowercase)


def additive() -> AttentionFactory:
    config = {"_target_": "attnbench.attention.composed.Composed", "_partial_": True}
    parts = {
        "score": {"_target_": "attnbench.attention.score.additive.Additive", "_partial_": True, "hidden_dim": 8},
        "selection": {"_target_": "attnbench.attention.selection.softmax.Softmax", "_partial_": True},
    }
    factory: AttentionFactory = instantiate({**config, **parts})
    return factory


def written(folder: Path) -> ParallelFiles:
    for split in ("train", "validation", "test"):
        (folder / f"{split}.en").write_text("\n".join(ENGLISH) + "\n", "utf-8")
        (folder / f"{split}.de").write_text("\n".join(GERMAN) + "\n", "utf-8")
    files = {split: (f"{split}.en", f"{split}.de") for split in ("train", "validation", "test")}
    return ParallelFiles(data_dir=str(folder), files=files, text="raw")


def task_of(data: ParallelFiles | Multi30k | Phrases, units: Units) -> Translation:
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
    return Translation(data, model, batch_size=4, seed=0, least_count=1, units=units)


@pytest.mark.parametrize("line", ODD, ids=repr)
@pytest.mark.parametrize("lowercase", [False, True])
def test_a_line_comes_back_as_it_was_but_for_what_normalisation_changes(line: str, lowercase: bool) -> None:
    pieces = learnt(lowercase=lowercase)
    numbers = pieces.encode(pieces.split(line), end=True)
    assert pieces.text(pieces.decode(numbers)) == normalized(line, lowercase=lowercase)


def test_normalisation_changes_white_space_the_form_of_letters_and_the_mark_of_a_blank_alone() -> None:
    assert normalized(" a\u00a0\tb  c ") == "a b c"
    assert normalized("e\u0301") == "é"
    assert normalized("▁ÄB") == "_ÄB"
    assert normalized("ÄB", lowercase=True) == "äb"


def test_no_text_reads_as_a_special_symbol_or_a_byte() -> None:
    reserved = [*SPECIAL, "<0x41>"]
    lines = [f"{letter}{symbol} {symbol}{letter}" for letter in "abcdefgh" for symbol in reserved]
    greedy = Pieces.learnt(lines * 20, size=900, least_count=1, lowercase=False)
    for line in [*lines, *ODD, *(f"z{symbol}z" for symbol in reserved)]:
        assert not set(reserved) & set(greedy.split(line))
        assert greedy.unknown not in greedy.encode(greedy.split(line))


def test_rare_characters_are_written_in_bytes_and_frequent_ones_are_pieces() -> None:
    pieces = Pieces.learnt(["aa bb q"], size=400, least_count=2, lowercase=False)
    assert pieces.split("q")[-1] == "<0x71>"
    assert "a" in pieces.words
    assert "q" not in pieces.words


def test_pieces_have_the_interface_of_a_vocabulary() -> None:
    pieces = learnt(size=320)
    assert isinstance(pieces, Vocabulary)
    assert pieces.words[:4] == list(SPECIAL)
    assert tuple(pieces.words[: len(FIXED)]) == (*SPECIAL, *BYTES)
    assert len(pieces) == len(pieces.words) == len(set(pieces.words)) <= 320
    assert pieces.encode(["nowhere"], start=True, end=True) == [pieces.start, pieces.unknown, pieces.end]
    assert pieces.decode([pieces.numbers["E"], pieces.end, pieces.numbers["i"]]) == ["E"]


def test_a_word_is_split_alike_wherever_it_stands() -> None:
    pieces = learnt()
    line = "Zwei Hunde, Ein Hund; läuft."
    assert pieces.split(line) == pieces.splitter.encode(line).tokens
    assert pieces.split(line)[0].startswith("▁")


def test_the_same_lines_give_the_same_pieces_and_other_lines_others() -> None:
    assert learnt().plain() == learnt().plain()
    assert learnt().plain() != Pieces.learnt(ENGLISH, size=400, least_count=1, lowercase=False).plain()


@pytest.mark.parametrize(
    "units", [Words(), Words(joint=True), BytePairs(size=400, joint=True), BytePairs(size=330, joint=False)]
)
def test_vocabularies_are_made_again_from_json(units: Units) -> None:
    before = units.vocabularies(ENGLISH, GERMAN, least_count=1)
    after = recalled(json.loads(json.dumps(kept(before))))
    assert (after[0] is after[1]) == (before[0] is before[1])
    for old, new, lines in zip(before, after, (ENGLISH, GERMAN), strict=True):
        assert type(new) is type(old)
        for line in lines:
            assert new.encode(new.split(line)) == old.encode(old.split(line))
            assert new.text(new.split(line)) == line


def test_joint_is_one_vocabulary_and_separate_are_two_of_that_size() -> None:
    source, target = BytePairs(size=400, joint=True).vocabularies(ENGLISH, GERMAN, least_count=1)
    assert source is target
    assert "▁Hund" in source.split("Ein Hund")
    assert "▁dog" in source.split("a dog")
    source, target = BytePairs(size=400, joint=False).vocabularies(ENGLISH, GERMAN, least_count=1)
    assert "▁Hund" not in source.words
    assert "▁Hund" in target.words


def test_joint_words_are_one_vocabulary_in_which_both_languages_count() -> None:
    source, target = Words(joint=True).vocabularies(["a hut", "a hat"], ["Hut hut", "a"], least_count=2)
    assert source is target
    assert source.words == [*SPECIAL, "a", "hut"]
    assert source.encode(["a", "hat"]) == [4, source.unknown]


def test_sizes_that_cannot_be_are_refused() -> None:
    with pytest.raises(ValueError, match="size=260: must be more than 260"):
        BytePairs(size=260, joint=True)
    with pytest.raises(ValueError, match=r"size=262: must be at least \d+, the special symbols, the bytes and the \d+"):
        learnt(size=262)


def test_raw_text_in_words_is_refused(tmp_path: Path) -> None:
    with pytest.raises(ValueError, match=r"task/units=words: parallel_files is raw text; give task/units=bpe"):
        task_of(written(tmp_path), Words())


def test_pieces_come_from_the_training_split_alone(tmp_path: Path) -> None:
    data = written(tmp_path)
    (tmp_path / "test.de").write_text("Zyxzyx.\n" * len(GERMAN))
    source, target = task_of(data, BytePairs(size=400, joint=True)).vocabularies
    assert source is target
    assert not any("Zy" in piece for piece in target.words)


def test_what_is_said_of_raw_text_is_raw_text_and_its_labels_are_pieces(tmp_path: Path) -> None:
    task = task_of(written(tmp_path), BytePairs(size=400, joint=True))
    model = task.model(additive()).eval()
    batch = task.collate(task.data.splits["test"][:3])
    assert list(batch.truth) == GERMAN[:3]
    assert batch.source_words[0][:2] == ["▁A", "▁dog"]
    prediction = model.predict(batch)
    assert [truth for (truth,) in prediction.truth] == GERMAN[:3]
    for said, queries in zip(prediction.said, prediction.queries, strict=True):
        assert said == task.vocabularies[1].text([piece for piece in queries if piece != END])
    perfect = prediction._replace(said=[task.vocabularies[1].text(words) for words in batch.target_words])
    assert task.measure([perfect])["bleu"] == pytest.approx(100)
    assert task.measure([perfect])["ter"] == 0
    assert "tok:13a" in task.signatures()["bleu"]


@pytest.mark.parametrize("units", [BytePairs(size=400, joint=True), BytePairs(size=330, joint=False)])
def test_the_task_keeps_its_contract_in_pieces_of_raw_text(tmp_path: Path, units: Units) -> None:
    check_task(task_of(written(tmp_path), units), additive())


def test_the_task_keeps_its_contract_in_pieces_of_words_that_have_gold() -> None:
    check_task(
        task_of(Phrases(seed=0, sizes={"train": 60, "validation": 12, "test": 4}), BytePairs(size=400, joint=True)),
        additive(),
    )


@pytest.mark.parametrize(
    "units", [Words(), Words(joint=True), BytePairs(size=400, joint=True), BytePairs(size=400, joint=False)]
)
def test_a_checkpoint_rebuilds_the_model_without_data(tmp_path: Path, units: Units) -> None:
    data = Phrases(seed=0, sizes={"train": 60, "validation": 12, "test": 4})
    task = task_of(data, units)
    model = task.model(additive()).eval()
    torch.save(model.state_dict(), tmp_path / "values.pt")
    values = torch.load(tmp_path / "values.pt", weights_only=True)
    batch = task.collate(task.data.splits["test"][:])

    class Gone(Phrases):
        def load(self) -> None:  # type: ignore[override]
            raise AssertionError("data was read")

    again = task_of(Gone(seed=0, sizes=data.sizes), units)
    again.recall(values["_extra_state"])
    rebuilt = again.model(additive()).eval()
    rebuilt.load_state_dict(values)
    torch.testing.assert_close(rebuilt(batch).nll, model(batch).nll)
    assert rebuilt.predict(batch).said == model.predict(batch).said
    assert rebuilt.kept == model.kept


def test_a_model_in_pieces_can_be_copied(tmp_path: Path) -> None:
    task = task_of(written(tmp_path), BytePairs(size=400, joint=True))
    model = task.model(additive()).eval()
    batch = task.collate(task.data.splits["test"][:3])
    assert copy.deepcopy(model).predict(batch).said == model.predict(batch).said


@pytest.mark.parametrize("units", [Words(), BytePairs(size=300, joint=True)])
def test_training_batches_keep_the_bound_on_padded_target_symbols(units: Units) -> None:
    data = Phrases(seed=0, sizes={"train": 90, "validation": 12, "test": 4})
    task = Translation(
        data, task_of(data, units).build, batch_size=4, seed=0, least_count=1, units=units, batch_tokens=200
    )
    batches = list(task.data.train_dataloader())
    predicted = [batch.target[:, 1:] for batch in batches]
    assert sum(map(len, predicted)) == 90
    assert all(target.numel() <= 200 or len(target) == 1 for target in predicted)
    assert len({len(target) for target in predicted}) > 1
    assert [len(batch.target) for batch in task.data.val_dataloader()] == [4, 4, 4]


PIECES = ["▁Ein", "▁Hun", "d", "e", ",", "▁lauf", "en", END]


def test_pieces_are_counted_into_words() -> None:
    assert word_numbers(PIECES) == [0, 1, 1, 1, 1, 2, 2, 3]
    assert word_numbers(["d", "▁x"]) == [0, 1]
    assert word_numbers(["▁x", "<unk>", "y"]) == [0, 1, 2]
    assert word_numbers([]) == []


def test_words_align_by_the_mean_of_their_queries_and_the_sum_of_their_pieces() -> None:
    weights = torch.rand(10, 6).softmax(dim=-1)
    weights[:, 4:] = 0
    memory = ["▁A", "▁d", "og", "s"]
    weights = weights / weights.sum(dim=1, keepdim=True)
    found = word_weights(weights, PIECES, memory)
    assert found.shape == (4, 2)
    torch.testing.assert_close(found.sum(dim=1), torch.ones(4))
    torch.testing.assert_close(found[1, 1], weights[1:5, 1:4].sum(dim=1).mean())
    words = ["▁a", "▁b", "▁c"]
    torch.testing.assert_close(word_weights(weights[:3, :3], words, words), weights[:3, :3])


def test_gold_of_words_becomes_gold_of_all_their_pieces() -> None:
    assert piece_links([[1, 0]], ["▁a", "▁b", "c"], ["▁d", "e", "▁f"]) == [[1, 0], [1, 1], [2, 0], [2, 1]]
    task = task_of(Phrases(seed=0, sizes={"train": 60, "validation": 12, "test": 4}), BytePairs(size=300, joint=True))
    rows = task.data.splits["train"][:5]
    batch = task.collate(rows)
    assert batch.gold is not None
    for gold, links, said, read in zip(batch.gold, rows["gold"], batch.target_words, batch.source_words, strict=True):
        words = word_weights(gold[: len(said), : len(read)].float(), said, read)
        assert sorted(map(tuple, words.nonzero().tolist())) == sorted({tuple(link) for link in links})


@pytest.mark.needs_data
def test_all_of_multi30k_comes_back_from_pieces(data_dir: str) -> None:
    folder = Path(data_dir) / "multi30k" / "raw"

    def lines(name: str) -> list[str]:
        return gzip.decompress((folder / name).read_bytes()).decode("utf-8").split("\n")[:-1]

    train = [*lines("train.en.gz"), *lines("train.de.gz")]
    pieces = Pieces.learnt(train[::8], size=4000, least_count=2, lowercase=False)
    files = sorted(folder.glob("*.gz"))
    assert len(files) == 10
    for path in files:
        for line in lines(path.name):
            assert pieces.text(pieces.decode(pieces.encode(pieces.split(line)))) == " ".join(line.split())
