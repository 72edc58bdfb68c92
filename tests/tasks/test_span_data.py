"""Questions in SQuAD's form: read, parted by article, and every fault named with file and id, or counted."""

import gzip
import json
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
from datasets import Dataset, DatasetDict

from attnbench.tasks.source import DataError
from attnbench.tasks.spans.squad import HubQuestions, SpanFiles
from attnbench.tasks.spans.tokens import words_of

Question = dict[str, Any]
Write = Callable[..., SpanFiles]
TEXT = "Ada met Max in Esk. Max met Ida."


def asked(name: str, answer: str = "Max", start: int = 8, question: str = "Who?") -> Question:
    return {"id": name, "question": question, "answers": [{"text": answer, "answer_start": start}]}


def article(*paragraphs: tuple[str, list[Question]], title: str = "t") -> dict[str, Any]:
    return {"title": title, "paragraphs": [{"context": text, "qas": qas} for text, qas in paragraphs]}


def articles(count: int, *, of: str = "a", questions: int = 2) -> list[dict[str, Any]]:
    return [
        article((f"{TEXT} {of}{n}", [asked(f"{of}{n}-{q}") for q in range(questions)]), title=f"{of}{n}")
        for n in range(count)
    ]


@pytest.fixture
def write(tmp_path: Path) -> Write:
    """A source of files with the given articles."""

    def written(train: Any, test: Any = None, **options: Any) -> SpanFiles:
        for name, data in (("train.json.gz", train), ("test.json", test or articles(1, of="e"))):
            text = data if isinstance(data, bytes) else json.dumps({"version": "1.1", "data": data}).encode()
            (tmp_path / name).write_bytes(gzip.compress(text) if name.endswith(".gz") else text)
        return SpanFiles(data_dir=str(tmp_path), train="train.json.gz", test="test.json", **options)

    return written


def test_questions_are_read_with_their_answers_and_offsets(write: Write) -> None:
    several = asked("q", "Max", 20) | {
        "answers": [{"text": "Max", "answer_start": 20}, {"text": "Max met Ida", "answer_start": 20}]
    }
    splits = write(articles(3), [article((TEXT, [several]))]).load()
    (row,) = splits["test"]
    assert row == {
        "id": "q",
        "document": TEXT,
        "question": "Who?",
        "answers": ["Max", "Max met Ida"],
        "starts": [20, 20],
    }
    assert all(splits["train"]["taught"])
    assert "taught" not in splits["validation"].column_names


def test_the_last_articles_are_held_out_whole(write: Write) -> None:
    splits = write(articles(10), held_out=0.25).load()
    assert sorted({name[:2] for name in splits["validation"]["id"]}) == ["a7", "a8", "a9"]
    assert len(splits["validation"]) == 6
    assert not set(splits["train"]["document"]) & set(splits["validation"]["document"])


def test_paragraphs_are_held_out_whole_where_articles_are_not_told_apart(write: Write) -> None:
    one = [article(*((f"{TEXT} {n}", [asked(f"p{n}-{q}") for q in range(3)]) for n in range(5)))]
    splits = write(one, held_out=0.2, held_out_by="paragraph").load()
    assert splits["validation"]["id"][:] == ["p4-0", "p4-1", "p4-2"]
    with pytest.raises(DataError, match=r"held_out=0.2: train has 1 articles and none would be left"):
        write(one, held_out=0.2).load()


def test_a_validation_file_leaves_train_whole(write: Write, tmp_path: Path) -> None:
    (tmp_path / "validation.json").write_text(json.dumps({"data": articles(2, of="v")}))
    splits = write(articles(3), validation="validation.json").load()
    assert (len(splits["train"]), len(splits["validation"])) == (6, 4)


def test_smaller_shares_are_parts_of_larger_ones_and_validation_stays(write: Write) -> None:
    splits = {share: write(articles(60, questions=5), share=share).load() for share in (0.25, 0.5, 1.0)}
    names = {share: set(split["train"]["id"]) for share, split in splits.items()}
    assert names[0.25] < names[0.5] < names[1.0]
    assert len(names[1.0]) == 270
    assert 0.15 < len(names[0.25]) / 270 < 0.35
    assert len({tuple(split["validation"]["id"]) for split in splits.values()}) == 1


@pytest.mark.parametrize(("share", "part"), [(0.25, "_0.25"), (1.0, "")])
def test_a_share_of_the_train_questions_is_a_part_that_is_compared_by_itself(
    write: Write, share: float, part: str
) -> None:
    assert write(articles(1), share=share).part == part


BAD = {
    "document empty": article((" \n", [asked("bad")])),
    "question empty": article((TEXT, [asked("bad", question=" ")])),
    "question without answer": article((TEXT, [asked("bad") | {"answers": []}])),
    "answer empty": article((TEXT, [asked("bad", "", 3)])),
    "answer is not at its offset ('Max' at 9, where there is 'ax ')": article((TEXT, [asked("bad", "Max", 9)])),
    "answer is not at its offset ('Max' at -12, where": article((TEXT, [asked("bad", "Max", -12)])),
}


@pytest.mark.parametrize("fault", BAD)
def test_a_fault_is_named_with_file_and_id_or_left_out_and_counted(fault: str, write: Write, tmp_path: Path) -> None:
    data = [*articles(3), BAD[fault]]
    with pytest.raises(DataError) as caught:
        write(data, held_out=0.3).load()
    assert f"{tmp_path / 'train.json.gz'}: question bad: {fault}" in str(caught.value)
    assert "\n" not in str(caught.value)
    source = write([BAD[fault], *articles(3)], held_out=0.3, drop_faulty=True)
    assert "bad" not in source.load()["train"]["id"][:]
    found = source.findings()[fault.partition(" (")[0]]
    assert found["left out"] == {"train": 1}
    assert found["first"][0].startswith("bad")


def test_an_id_that_is_there_twice_is_a_fault_wherever_it_is(write: Write) -> None:
    twice = articles(1, of="e")
    with pytest.raises(DataError, match="question e0-0: id twice; mend it"):
        write([*twice, *articles(3)], twice).load()


def test_odd_things_are_counted_and_kept(write: Write) -> None:
    text = "In 1990s Esk."
    odd = [
        article((text, [asked("inside", "1990", 3)])),
        article((f"{TEXT} e0", [asked("leak")])),
        article((TEXT, [asked("long", question="why " * 10_000)])),
    ]
    source = write(
        [*odd, *articles(4)], [*articles(1, of="e"), article((TEXT + "!", [asked("far", question="why " * 70)]))]
    )
    splits = source.load()
    found = source.findings()
    assert found["answer ends inside a word"]["first"] == ["inside ('1990' of '1990s')"]
    assert found["document in two splits"]["first"] == ["leak (also in test)"]
    assert found["question too long"]["left out"] == {"train": 1}
    assert found["question too long"]["first"][1] == "long (10000 words, 60 are read)"
    assert found["question too long"]["kept"] == {"test": 1}
    assert {"inside", "leak"} <= set(splits["train"]["id"])
    assert "long" not in splits["train"]["id"][:]


def test_a_split_that_is_not_squads_own_is_told_of(write: Write) -> None:
    source = write(articles(3))
    source.load()
    (kind,) = [kind for kind in source.findings() if "not the data set's own split" in kind]
    assert source.findings()[kind]["first"] == ["6 train and 2 test questions; SQuAD v1.1 has 87599 and 10570"]


FORMS: dict[str, tuple[Any, str]] = {
    "no JSON": (b'{"data": [', "not JSON ("),
    "no UTF-8": (b'{"data": "\xff"}', "not JSON (not UTF-8)"),
    "a list": (b"[]", "must be an object with data"),
    "no data": (b'{"version": "2"}', "data is missing; there are version; must be a list"),
    "a key twice": (b'{"data": [], "data": []}', "'data' is there twice in one object"),
    "no paragraphs": ([{"title": "t"}], "data[0]: paragraphs is missing; there are title"),
    "a number for a context": ([{"paragraphs": [{"context": 5, "qas": []}]}], "data[0].paragraphs[0]: context is '5'"),
    "a string for an offset": (
        [article((TEXT, [{"id": "b", "question": "?", "answers": [{"text": "a", "answer_start": "0"}]}]))],
        "qas[0] (b): answer_start is '0'; must be a whole number",
    ),
    "no questions": ([], "train has 0 articles and none would be left"),
}


@pytest.mark.parametrize("form", FORMS)
def test_a_file_of_another_form_is_told_in_one_line(form: str, write: Write) -> None:
    data, message = FORMS[form]
    with pytest.raises(DataError) as caught:
        write(data).load()
    assert message in str(caught.value)
    assert "\n" not in str(caught.value)


def test_files_that_are_absent_or_damaged_are_named(write: Write, tmp_path: Path) -> None:
    source = write(articles(3))
    (tmp_path / "train.json.gz").write_bytes((tmp_path / "train.json.gz").read_bytes()[:-9])
    with pytest.raises(DataError, match=r"train\.json\.gz: cannot be read, cut short or damaged"):
        source.load()
    (tmp_path / "train.json.gz").unlink()
    with pytest.raises(DataError, match=r"train\.json\.gz: no such file"):
        source.checksum()


def test_the_checksum_tells_data_and_options_apart(write: Write) -> None:
    sums = [
        write(articles(3)).checksum(),
        write(articles(4)).checksum(),
        write(articles(3), share=0.5).checksum(),
        write(articles(3), held_out=0.5).checksum(),
        write(articles(3), held_out_by="paragraph").checksum(),
        write(articles(3), longest_question=9).checksum(),
        write(articles(3), drop_faulty=True).checksum(),
    ]
    assert len(set(sums)) == len(sums)
    assert write(articles(3)).checksum() == sums[0]


OPTIONS: list[tuple[dict[str, Any], str]] = [
    ({"held_out": 0.0}, "held_out=0.0: must be a share"),
    ({"held_out_by": "question"}, "held_out_by=question: must be one of article, paragraph"),
    ({"share": 1.5}, "share=1.5: must be a share"),
    ({"longest_question": 0}, "longest_question=0: must be a whole number"),
    ({"train": []}, r"train=\[\]: must be a file or several"),
    ({"train": ["a", "a"]}, "must be a file or several, each once"),
]


@pytest.mark.usefixtures("unchecked_types")
@pytest.mark.parametrize(("options", "message"), OPTIONS)
def test_options_that_cannot_be_are_refused(options: dict[str, Any], message: str) -> None:
    with pytest.raises(ValueError, match=message):
        SpanFiles(**{"data_dir": None, "train": "a", "test": "b", **options})


def hub_rows(count: int, title: str) -> list[dict[str, Any]]:
    answers = {"text": ["Max"], "answer_start": [8]}
    return [
        {"id": f"{title}{n}", "title": f"{title}{n // 2}", "context": f"{TEXT} {title}{n // 4}", "question": "Who?"}
        | {"answers": answers}
        for n in range(count)
    ]


def test_a_hub_data_set_is_read_in_squads_columns(monkeypatch: pytest.MonkeyPatch) -> None:
    there = {"train": Dataset.from_list(hub_rows(20, "t")), "validation": Dataset.from_list(hub_rows(4, "v"))}
    module = "attnbench.tasks.hub.load_dataset"
    monkeypatch.setattr(module, lambda *_, **__: DatasetDict(there))
    source = HubQuestions(path="some/set", revision="main", held_out=0.2)
    splits = source.load()
    assert {name: len(split) for name, split in splits.items()} == {"train": 16, "validation": 4, "test": 4}
    assert splits["test"][0]["starts"] == [8]
    there["train"] = there["train"].rename_column("title", "name")
    with pytest.raises(DataError, match="has no column title; it has id, name"):
        source.load()

    def unreachable(*_: Any, **__: Any) -> None:
        raise ConnectionError("no network\nat all")

    monkeypatch.setattr(module, unreachable)
    with pytest.raises(DataError, match=r"some/set \(revision main\) cannot be had: no network$"):
        source.load()
    with pytest.raises(ValueError, match="must name for each of train, test, and may for validation one"):
        HubQuestions(path="p", revision="r", splits={"train": "train"})


@pytest.mark.needs_data
def test_the_staged_questions_are_all_read_and_parted_by_article(data_dir: str) -> None:
    folder = "squad/squad_v1.1_"
    source = SpanFiles(
        data_dir=data_dir,
        train=[f"{folder}train_subset.json.gz", f"{folder}dev_articles_train.json.gz"],
        test=f"{folder}dev_articles_eval.json.gz",
        held_out=0.09,
    )
    splits = source.load()
    assert len(splits["train"]) + len(splits["validation"]) == 12_001
    assert len(splits["test"]) == 1_082
    assert len(splits["validation"]) == 1_125
    documents = [set(splits[name]["document"]) for name in ("train", "validation", "test")]
    assert sum(map(len, documents)) == len(set().union(*documents)) == 2_588
    assert set(source.findings()) == {
        "answer ends inside a word",
        "not the data set's own split, figures do not compare with published ones",
    }
    for row in splits["test"].select(range(0, 1_082, 9)):
        words = words_of(row["document"])
        for answer, start in zip(row["answers"], row["starts"], strict=True):
            found = words.covering(start, start + len(answer))
            assert found is not None
            assert answer.strip() in row["document"][words.starts[found[0]] : words.ends[found[1]]]
