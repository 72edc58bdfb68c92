"""Cloze questions from files and from the hub: read, renumbered a document, and what is wrong with them is named."""

import json
import re
from collections.abc import Mapping
from functools import partial
from pathlib import Path
from typing import Any

import pytest
from datasets import Dataset

from attnbench.tasks.reading import Reading
from attnbench.tasks.reading.attentive import AttentiveReader
from attnbench.tasks.reading.hub_questions import HubQuestions
from attnbench.tasks.reading.numbering import Example, Numbering, markers, renumbered
from attnbench.tasks.reading.question_files import QuestionFiles
from attnbench.tasks.source import DataError

FOLDERS = {"train": "training", "validation": "validation", "test": "test"}


def question_text(
    document: str = "@entity5 met @entity2 in @entity9 , said @entity5 .",
    question: str = "@placeholder was met by @entity5",
    answer: str = "@entity2",
    entities: str = "@entity2:Ada Lovelace\n@entity5:Charles Babbage\n@entity9:London",
) -> str:
    return f"http://news.example/1\n\n{document}\n\n{question}\n\n{answer}\n\n{entities}\n"


def write(folder: Path, split: str, files: Mapping[str, str | bytes]) -> None:
    place = folder / "cnn" / FOLDERS[split]
    place.mkdir(parents=True, exist_ok=True)
    for name, text in files.items():
        (place / f"{name}.question").write_bytes(text if isinstance(text, bytes) else text.encode())


def files(folder: Path, options: dict[str, Any] | None = None, **splits: Mapping[str, str | bytes]) -> QuestionFiles:
    for number, split in enumerate(FOLDERS):
        other = question_text(document=f"@entity5 and @entity2 and @entity9 number {number} .")
        write(folder, split, splits.get(split, {f"good{number}": other}))
    return QuestionFiles(data_dir=str(folder), folder="cnn", **(options or {}))


def test_a_question_file_is_read(tmp_path: Path) -> None:
    source = files(tmp_path, {"numbering": "given"}, train={"a": question_text()})
    assert source.load()["train"].to_list() == [
        {
            "document": ["@entity5", "met", "@entity2", "in", "@entity9", ",", "said", "@entity5", "."],
            "question": ["@placeholder", "was", "met", "by", "@entity5"],
            "answer": "@entity2",
            "candidates": ["@entity2", "@entity5", "@entity9"],
        }
    ]
    assert source.findings() == {}


def test_entities_are_numbered_by_their_first_mention(tmp_path: Path) -> None:
    (row,) = files(tmp_path, train={"a": question_text()}).load()["train"].to_list()
    assert " ".join(row["document"]) == "@entity0 met @entity1 in @entity2 , said @entity0 ."
    assert " ".join(row["question"]) == "@placeholder was met by @entity0"
    assert (row["answer"], row["candidates"]) == ("@entity1", ["@entity0", "@entity1", "@entity2"])


@pytest.mark.parametrize("numbering", ["first_mention", "shuffled"])
def test_a_permutation_of_the_given_numbers_changes_nothing(tmp_path: Path, numbering: Numbering) -> None:
    swapped = {"@entity2": "@entity19", "@entity5": "@entity2", "@entity9": "@entity5"}
    text = question_text()
    other = re.sub(r"@entity\d+", lambda found: swapped[found[0]], text)
    rows = [
        files(tmp_path / name, {"numbering": numbering}, train={"a": told}).load()["train"].to_list()
        for name, told in {"one": text, "other": other}.items()
    ]
    assert text != other
    assert rows[0] == rows[1]


def example(identity: str) -> Example:
    document = [f"@entity{number}" for number in (3, 1, 4, 15, 9)]
    return Example(identity, identity, document, ["@placeholder", "@entity77"], "@entity4", {*document, "@entity77"})


def test_shuffled_numbers_are_a_permutation_that_seed_and_identity_draw() -> None:
    seen = [renumbered(example(str(n)), "shuffled", 0) for n in range(300)]
    assert all({*one.document, one.question[1]} == {f"@entity{n}" for n in range(6)} for one in seen)
    assert all(one.answer == one.document[2] for one in seen)
    counts = [sum(one.answer == f"@entity{n}" for one in seen) for n in range(6)]
    assert sum((count - 50) ** 2 / 50 for count in counts) < 20.5  # χ² at p = 0.001, 5 degrees
    assert renumbered(example("7"), "shuffled", 0) == renumbered(example("7"), "shuffled", 0)
    assert any(renumbered(example(str(n)), "shuffled", 1) != seen[n] for n in range(5))


def test_a_task_reads_the_files(tmp_path: Path) -> None:
    build = partial(AttentiveReader, embedding_dim=4, hidden_dim=3, dropout=0.0)
    task = Reading(files(tmp_path), build, batch_size=2, seed=0)
    batch = next(iter(task.data.val_dataloader()))
    assert (batch.answers, batch.gold) == (["@entity1"], None)
    (words,), entities = batch.document_words, task.vocabularies[1]
    numbers = [entities.numbers[word] if word in markers(words) else 0 for word in words]
    assert batch.mentions[0].tolist() == numbers


FAULTS: dict[str, tuple[str, str | bytes, str]] = {
    "no utf-8": ("question broken", question_text().encode().replace(b"met", b"m\xff"), "is not UTF-8"),
    "cut short": ("question broken", question_text().partition("\n\n@entity2")[0], "has 3 of the five parts"),
    "no entities": ("question broken", question_text(entities="nobody"), "a line such as @entity7:Name"),
    "no document": ("document empty", question_text(document=" "), "its document is empty"),
    "no placeholder": ("question without placeholder", question_text(question="who ?"), "has no @placeholder"),
    "answer nobody": ("answer not among entities", question_text(answer="@entity8"), "'@entity8' is no entity"),
    "answer a word": ("answer not among entities", question_text(answer="met"), "'met' is no entity of its document"),
    "answer elsewhere": (
        "answer not among entities",
        question_text(answer="@entity8", entities="@entity8:X\n@entity2:Y"),
        "'@entity8' is no entity of its document",
    ),
}


@pytest.mark.parametrize("fault", FAULTS)
def test_what_nothing_can_be_learnt_from_is_left_out_of_train_and_named(tmp_path: Path, fault: str) -> None:
    kind, text, reason = FAULTS[fault]
    source = files(tmp_path, train={"bad": text, "good": question_text()})
    assert len(source.load()["train"]) == 1
    finding = source.findings()[kind]
    assert {key: finding[key] for key in ("count", "left out")} == {"count": 1, "left out": {"train": 1}}
    assert "bad.question" in finding["first"][0]
    assert reason in finding["first"][0]
    assert json.loads(json.dumps(source.findings())) == source.findings()


@pytest.mark.parametrize("fault", FAULTS)
@pytest.mark.parametrize("split", ["train", "test"])
def test_what_no_model_could_answer_is_an_error_where_it_would_stay(tmp_path: Path, fault: str, split: str) -> None:
    _, text, reason = FAULTS[fault]
    source = files(tmp_path, {"drop_unusable": False}, **{split: {"bad": text, "good": question_text()}})
    with pytest.raises(DataError, match=rf"^.*bad\.question: .*{re.escape(reason)}") as error:
        source.load()
    assert "\n" not in str(error.value)


def test_a_question_of_10000_words_is_left_out_of_train_and_kept_in_test(tmp_path: Path) -> None:
    long = question_text(question="@placeholder " + "so " * 9999)
    source = files(tmp_path, train={"long": long, "good": question_text()}, test={"endless": long})
    splits = source.load()
    assert (len(splits["train"]), len(splits["test"]["question"][0])) == (1, 10000)
    finding = source.findings()["question too long"]
    assert (finding["left out"], finding["kept"]) == ({"train": 1}, {"test": 1})
    assert "long.question (10000 words)" in finding["first"][0]


def test_a_long_document_is_left_out_of_train(tmp_path: Path) -> None:
    long = question_text(document="@entity2 " * 11)
    source = files(tmp_path, {"most_words": 10}, train={"long": long, "good": question_text()})
    assert len(source.load()["train"]) == 1
    assert source.findings()["document too long"]["left out"] == {"train": 1}


def test_a_question_twice_is_told_and_left_out_on_request(tmp_path: Path) -> None:
    twice = {"a": question_text(), "b": question_text(), "c": question_text(question="@placeholder again")}
    for drop, left in ((False, 3), (True, 2)):
        source = files(tmp_path, {"drop_duplicates": drop}, train=twice)
        assert len(source.load()["train"]) == left
        assert source.findings()["question twice"]["left out" if drop else "kept"] == {"train": 1}
        assert "b.question" in source.findings()["question twice"]["first"][0]


def test_an_identity_in_two_splits_is_told(tmp_path: Path) -> None:
    same = question_text(document="@entity2 and @entity5 alone .")
    source = files(tmp_path, train={"a": question_text()}, test={"a": same})
    source.load()
    assert "(also in train)" in source.findings()["question in two splits"]["first"][0]


def test_missing_folders_and_empty_ones_are_named(tmp_path: Path) -> None:
    source = files(tmp_path)
    for path in (tmp_path / "cnn" / "test").iterdir():
        path.unlink()
    with pytest.raises(DataError, match=r"cnn/test: holds no file that ends in \.question"):
        source.load()
    with pytest.raises(DataError, match="no such file"):
        QuestionFiles(data_dir=str(tmp_path), folder="dailymail").load()
    with pytest.raises(DataError, match="train holds no question that can be used"):
        files(tmp_path / "bad", train={"a": question_text(answer="nobody")}).load()


def test_the_checksum_knows_every_byte_and_option(tmp_path: Path) -> None:
    sums = {files(tmp_path).checksum(), files(tmp_path, {"numbering": "shuffled"}).checksum()}
    sums |= {files(tmp_path, {"most_words": 9}).checksum()}
    sums |= {files(tmp_path, {"numbering": "shuffled", "numbering_seed": 1}).checksum()}
    assert len(sums) == 4
    sums.add(files(tmp_path, test={"good2": question_text(answer="@entity9")}).checksum())
    assert len(sums) == 5


@pytest.mark.parametrize(
    ("option", "message"),
    [
        ({"numbering": "random"}, "numbering=random: must be one of first_mention, shuffled, given"),
        ({"most_words": 0}, "most_words=0: must be a whole number, 1 or more"),
    ],
)
@pytest.mark.usefixtures("unchecked_types")
def test_options_that_are_none_are_refused(option: dict[str, Any], message: str) -> None:
    with pytest.raises(ValueError, match=message):
        QuestionFiles(data_dir=None, folder="cnn", **option)


ROW = {
    "id": "a",
    "context": "@entity5 met @entity2 .",
    "question": "@placeholder was met by @entity5",
    "answer": "@entity2",
}


def hub(folder: Path, rows: Mapping[str, list[dict[str, Any]]], **options: Any) -> HubQuestions:
    for split, those in rows.items():
        folder.mkdir(exist_ok=True)
        Dataset.from_list(those).to_json(folder / f"{split}.jsonl")
    return HubQuestions(path=str(folder), revision="main", offline=True, **options)


def test_hub_questions_are_read_from_a_local_folder(tmp_path: Path) -> None:
    other = [{**ROW, "id": "b", "context": "@entity2 left @entity5 ."}]
    third = [{**ROW, "id": "c", "context": "@entity5 left @entity2 ."}]
    source = hub(tmp_path / "set", {"train": [ROW], "validation": other, "test": third}, identity="id")
    splits = source.load()
    assert splits["train"].to_list() == [
        {
            "document": ["@entity0", "met", "@entity1", "."],
            "question": ["@placeholder", "was", "met", "by", "@entity0"],
            "answer": "@entity1",
            "candidates": ["@entity0", "@entity1"],
        }
    ]
    assert splits["validation"]["answer"][:] == ["@entity0"]
    assert source.findings() == {}


def test_hub_questions_may_have_lists_of_sentences_and_of_options_and_another_placeholder(tmp_path: Path) -> None:
    row = {"query": "XXXXX met Ada", "answer": "Charles", "options": ["Ada", "Charles"]}
    rows = {split: [{**row, "said": ["Ada met Charles .", "they spoke .", split]}] for split in FOLDERS}
    columns = {"document": "said", "question": "query", "entities": "options", "placeholder": "XXXXX"}
    (read,) = hub(tmp_path / "set", rows, **columns).load()["train"].to_list()
    assert " ".join(read["document"]) == "@entity0 met @entity1 . they spoke . train"
    assert (read["question"][0], read["answer"]) == ("@placeholder", "@entity1")


def test_hub_questions_that_cannot_be_read_are_one_line(tmp_path: Path) -> None:
    rows = {split: [{**ROW, "id": split, "context": f"@entity5 met @entity2 {split}"}] for split in FOLDERS}
    with pytest.raises(DataError, match="has no column story; it has id, context, question, answer"):
        hub(tmp_path / "set", rows, document="story").load()
    with pytest.raises(DataError, match="has no split dev; it has"):
        hub(tmp_path / "set", rows, splits={"train": "train", "validation": "dev", "test": "test"}).load()
    with pytest.raises(DataError, match=r"hub data set .*nowhere \(revision main\) cannot be had"):
        HubQuestions(path=str(tmp_path / "nowhere"), revision="main", offline=True).load()
    numbered = {split: [{**ROW, "context": 7}] for split in FOLDERS}
    with pytest.raises(DataError, match="train: row 1: column context holds '7'; should be text"):
        hub(tmp_path / "other", numbered, drop_unusable=False).load()


def test_an_identity_twice_is_told(tmp_path: Path) -> None:
    rows = {split: [{**ROW, "id": split, "context": f"@entity5 met @entity2 {split}"}] for split in FOLDERS}
    rows["train"] = [ROW, {**ROW, "context": "@entity5 and @entity2"}]
    source = hub(tmp_path / "set", rows, identity="id")
    assert len(source.load()["train"]) == 2
    assert source.findings()["question twice"]["count"] == 1
