"""bAbI files are read as they are, split by story, and refused by line where they are broken."""

import gzip
from collections.abc import Callable, Sequence
from pathlib import Path
from typing import Any

import pytest

from attnbench.tasks.babi.files import ALL, NAMES, BabiFiles
from attnbench.tasks.babi.lines import Question, read_stories
from attnbench.tasks.source import DataError

TWO_STORIES = """\
1 Mary moved to the bathroom.
2 John went to  the hallway.
3 Where is Mary? \tbathroom\t1
4 Mary took the Milk.
5 What is Mary carrying?\tmilk\t4
1 The office is east of the hallway.
2 How do you go from the hallway to the office?\te,N\t1
"""


def write(path: Path, text: str | bytes) -> Path:
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_bytes(text.encode() if isinstance(text, str) else text)
    return path


def test_stories_are_read_with_what_was_told_before_each_question(tmp_path: Path) -> None:
    first, second = read_stories(write(tmp_path / "qa.txt", TWO_STORIES))
    told = ("mary moved to the bathroom", "john went to the hallway")
    assert first == [
        Question(told, "where is mary", "bathroom", [0]),
        Question((*told, "mary took the milk"), "what is mary carrying", "milk", [2]),
    ]
    assert second == [
        Question(("the office is east of the hallway",), "how do you go from the hallway to the office", "e,n", [0])
    ]


def test_supporting_facts_keep_the_files_order(tmp_path: Path) -> None:
    text = "1 a b.\n2 c d.\n3 e f?\tg\t2 1\n"
    ((question,),) = read_stories(write(tmp_path / "qa.txt", text))
    assert question.support == [1, 0]


@pytest.mark.parametrize("ending", ["\r\n", "\n"])
def test_line_ends_of_any_kind_are_read_alike(tmp_path: Path, ending: str) -> None:
    changed = TWO_STORIES.replace("\n", ending).removesuffix(ending)
    assert read_stories(write(tmp_path / "a.txt", changed)) == read_stories(write(tmp_path / "b.txt", TWO_STORIES))


def test_a_story_may_be_one_question_after_another(tmp_path: Path) -> None:
    text = "1 a b.\n2 c?\td\t1\n3 e?\td\t1\n1 a b.\n2 c?\td\t1\n"
    assert [len(story) for story in read_stories(write(tmp_path / "qa.txt", text))] == [2, 1]


BROKEN = {
    "no number": ("1 a b.\nMary moved.\n", r"line 2 is 'Mary moved\.': should begin with its number and a blank"),
    "blank line": ("1 a b.\n\n2 c?\td\t1\n", "line 2 is '': should begin with its number"),
    "foreign digits": ("1 a b.\n٢ c?\td\t1\n", "line 2 is .*: should begin with its number"),
    "number twice": ("1 a b.\n2 c d.\n2 e?\td\t1\n", "line 3 has number 2: should be 3, or 1 where a story begins"),
    "number one twice": ("1 a b.\n1 c d.\n2 e?\td\t1\n", "line 2 has number 1: should be 2"),
    "number left out": ("1 a b.\n3 e?\td\t1\n", "line 2 has number 3: should be 2"),
    "starts in the middle": ("2 a b.\n3 e?\td\t2\n", "line 1 has number 2: should be 1"),
    "two fields": ("1 a b.\n2 c?\td\n", r"line 2 has 2 fields with tabs between them: a question has 3 \("),
    "four fields": ("1 a b.\n2 c?\td\t1\t1\n", "line 2 has 4 fields"),
    "fact to come": ("1 a b.\n2 c?\td\t3\n3 e f.\n", "line 2 names supporting fact 3: the story has no statement"),
    "fact of no story": ("1 a b.\n2 c?\td\t9\n", "line 2 names supporting fact 9"),
    "fact of the story before": (
        "1 a b.\n2 c d.\n3 c?\td\t2\n1 a b.\n2 c?\td\t2\n",
        "line 5 names supporting fact 2",
    ),
    "question as fact": ("1 a b.\n2 c?\td\t1\n3 e?\td\t2\n", "line 3 names supporting fact 2"),
    "fact that is no number": ("1 a b.\n2 c?\td\tx\n", "line 2 names supporting fact x"),
    "no facts": ("1 a b.\n2 c?\td\t\n", "line 2 has supporting facts '': should be numbers of statements, each once"),
    "fact twice": ("1 a b.\n2 c?\td\t1 1\n", "line 2 has supporting facts '1 1'"),
    "no answer": ("1 a b.\n2 c?\t\t1\n", "line 2 has answer '': should be a word"),
    "hole in the answer": ("1 a b.\n2 c?\td,,e\t1\n", "line 2 has answer 'd,,e'"),
    "empty statement": ("1 .\n2 c?\td\t1\n", "line 1 is an empty statement: should have words"),
    "empty question": ("1 a b.\n2 ?\td\t1\n", "line 2 is an empty question"),
    "empty story": ("1 c?\td\t1\n", "line 1 asks of an empty story: a statement should come before"),
    "nothing asked": ("1 a b.\n2 c d.\n1 a b.\n2 c?\td\t1\n", "line 2 ends a story that asks nothing"),
    "nothing asked at the end": ("1 a b.\n2 c?\td\t1\n1 a b.\n", "line 3 ends a story that asks nothing"),
    "empty file": ("", "is empty; should hold numbered statements and questions"),
}


@pytest.mark.parametrize("fault", BROKEN)
def test_a_broken_file_is_refused_in_one_line_that_names_the_place(tmp_path: Path, fault: str) -> None:
    text, message = BROKEN[fault]
    path = write(tmp_path / "qa.txt", text)
    with pytest.raises(DataError, match=message) as refused:
        read_stories(path)
    assert str(refused.value).startswith(str(path))
    assert "\n" not in str(refused.value)


def story(number: int, questions: int = 2) -> str:
    """A story of its own number of questions; its sentence says which it is."""
    lines = [f"1 person{number} went home.", *(f"{k} Who went?\tperson{number}\t1" for k in range(2, questions + 2))]
    return "\n".join(lines) + "\n"


def stories(count: int, first: int = 0) -> str:
    return "".join(story(number) for number in range(first, first + count))


Make = Callable[..., BabiFiles]


@pytest.fixture
def files(tmp_path: Path) -> Make:
    """A small copy of the data set: 20 stories of training, 30 in 10k without task 3, 3 of test."""
    for number, name in zip(ALL, NAMES, strict=True):
        write(tmp_path / f"babi/en/qa{number}_{name}_train.txt", stories(20))
        write(tmp_path / f"babi/en/qa{number}_{name}_test.txt", stories(3, first=1000 * number))
        if number != 3:
            text = gzip.compress(stories(30).encode())
            write(tmp_path / f"babi/en-10k/qa{number}_{name}_train.txt.gz", text)

    def make(tasks: int | Sequence[int] | str, size: Any = "1k") -> BabiFiles:
        return BabiFiles(data_dir=str(tmp_path), size=size, tasks=tasks)

    return make


def told(source: BabiFiles, split: str) -> list[str]:
    return [facts[0] for facts in source.load()[split]["facts"]]


@pytest.mark.parametrize(("size", "training"), [("1k", 18), ("10k", 27)])
def test_the_last_tenth_of_the_stories_validates(files: Make, size: str, training: int) -> None:
    source = files(5, size)
    whole = [f"person{number} went home" for number in range(20 if size == "1k" else 30) for _ in range(2)]
    assert told(source, "train") == whole[: 2 * training]
    assert told(source, "validation") == whole[2 * training :]
    assert told(source, "test") == [f"person{number} went home" for number in (5000, 5001, 5002) for _ in range(2)]


def test_a_tenth_of_few_stories_is_one(files: Make, tmp_path: Path) -> None:
    path = write(tmp_path / f"babi/en/qa1_{NAMES[0]}_train.txt", stories(2))
    splits = files(1).load()
    assert (len(splits["train"]), len(splits["validation"])) == (2, 2)
    write(path, stories(1))
    with pytest.raises(DataError, match="has one story; should have two or more"):
        files(1).load()


def test_several_tasks_are_told_apart_in_every_split(files: Make) -> None:
    splits = files([2, 7]).load()
    for split, each in {"train": 36, "validation": 4, "test": 6}.items():
        assert splits[split]["task"] == ["qa2"] * each + ["qa7"] * each


def test_one_task_is_a_data_set_of_its_own(files: Make) -> None:
    assert [files(tasks).part for tasks in (1, [20], [1, 2], "all")] == ["_qa1", "_qa20", "", ""]


def test_all_leaves_out_the_task_without_a_file_and_says_so(files: Make) -> None:
    whole, without = files("all"), files("all", "10k")
    assert set(whole.load()["train"]["task"]) == {f"qa{number}" for number in ALL}
    assert whole.findings() == {}
    splits = without.load()
    for split in splits.values():
        assert set(split["task"]) == {f"qa{number}" for number in ALL if number != 3}
    finding = {"count": 1, "left out": {"train": 1}, "first": ["qa3 (1k has it)"]}
    assert without.findings() == {"task without training file": finding}


@pytest.mark.parametrize("tasks", [3, [1, 3]])
def test_a_task_without_a_file_that_is_asked_for_is_refused(files: Make, tasks: Any) -> None:
    with pytest.raises(
        DataError, match=r"en-10k/qa3_three-supporting-facts_train\.txt: no such file.*task/data=babi_1k"
    ):
        files(tasks, "10k").load()
    with pytest.raises(DataError, match="qa3_three"):
        files(tasks, "10k").checksum()


def test_without_any_file_all_is_refused(tmp_path: Path) -> None:
    with pytest.raises(DataError, match=r"qa1_single-supporting-fact_train\.txt: no such file"):
        BabiFiles(data_dir=str(tmp_path), size="10k", tasks="all").load()
    with pytest.raises(DataError, match="data_dir is not set"):
        BabiFiles(data_dir=None, size="10k", tasks="all").checksum()


def test_the_checksum_changes_with_every_file_and_task(files: Make, tmp_path: Path) -> None:
    before = files(1).checksum()
    assert len({before, files(2).checksum(), files([1, 2]).checksum(), files(1, "10k").checksum()}) == 4
    for part in ("train", "test"):
        path = tmp_path / f"babi/en/qa1_{NAMES[0]}_{part}.txt"
        path.write_text(path.read_text().replace("went", "ran"))
        assert files(1).checksum() != before
        before = files(1).checksum()


@pytest.mark.parametrize("tasks", [0, 21, [1, 22], [], "some", [1, 1], True, 1.5, ["1"]])
@pytest.mark.usefixtures("unchecked_types")
def test_tasks_that_are_not_there_are_refused_when_the_source_is_built(files: Make, tasks: Any) -> None:
    with pytest.raises(ValueError, match="tasks="):
        files(tasks)


@pytest.mark.usefixtures("unchecked_types")
def test_a_size_that_is_not_there_is_refused(files: Make) -> None:
    with pytest.raises(ValueError, match="size=100k: must be one of 1k, 10k"):
        files(1, "100k")


@pytest.mark.needs_data
def test_every_task_has_a_thousand_questions_to_test_and_to_learn(data_dir: str) -> None:
    splits = BabiFiles(data_dir=data_dir, size="1k", tasks="all").load()
    tested = splits["test"]["task"]
    assert {task: tested.count(task) for task in set(tested)} == {f"qa{number}": 1000 for number in ALL}
    learnt = [*splits["train"]["task"], *splits["validation"]["task"]]
    assert {task: learnt.count(task) for task in set(learnt)} == {f"qa{number}": 1000 for number in ALL}
    several = {task for task, answer in zip(tested, splits["test"]["answer"], strict=True) if "," in answer}
    assert several == {"qa8", "qa19"}


@pytest.mark.needs_data
def test_the_large_training_files_have_ten_thousand_questions_and_one_is_missing(data_dir: str) -> None:
    source = BabiFiles(data_dir=data_dir, size="10k", tasks=[4])
    splits = source.load()
    assert [len(splits[split]) for split in ("train", "validation", "test")] == [9000, 1000, 1000]
    there = BabiFiles(data_dir=data_dir, size="10k", tasks="all").there()
    assert sorted(there) == [number for number in ALL if number != 3]
