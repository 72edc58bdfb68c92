"""`attnbench score squad` by SQuAD's rules, and `attnbench answer` from any text."""

import json
import shutil
from collections.abc import Callable, Sequence
from dataclasses import asdict
from pathlib import Path
from typing import Any

import pytest
import torch

from attnbench.benchmarks.answer import sentence
from attnbench.benchmarks.cli import main
from attnbench.benchmarks.record import find_records, write_json
from attnbench.benchmarks.restored import restored
from attnbench.tasks.base import Prediction
from attnbench.tasks.spans import Spans

TEXT = "Ada Brand built the boat of New Alden in 1841. In 1790 the road of Esk was built by Max Olm!\nTom hid it."
TINY = [
    "task=spans",
    "task.data.sizes={train: 24, validation: 4, test: 4}",
    "task.window=16",
    "task.stride=8",
    "budget.epochs=1",
    "budget.width=8",
    "trainer=cpu",
]
Files = Callable[..., list[str]]


def entry(name: str, *answers: str) -> dict[str, Any]:
    return {"id": name, "question": "?", "answers": [{"text": text, "answer_start": 0} for text in answers]}


REFERENCES = {
    "data": [
        {
            "title": "t",
            "paragraphs": [
                {"context": "c", "qas": [entry("a", "The Cat"), entry("b", "dog", "big dog")]},
                {"context": "d", "qas": [entry("c", "Esk"), entry("d", "1790")]},
            ],
        }
    ]
}


@pytest.fixture
def files(tmp_path: Path) -> Files:
    """The words that name a file of predictions and one of references."""

    def written(predictions: Any, references: Any = REFERENCES) -> list[str]:
        words = []
        for name, content in (("predictions", predictions), ("references", references)):
            path = tmp_path / f"{name}.json"
            path.write_text(content if isinstance(content, str) else json.dumps(content))
            words += [f"--{name}", str(path)]
        return words

    return written


def test_answers_are_scored_and_those_that_are_missing_count_0(
    files: Files, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    out = tmp_path / "out.json"
    main(["score", "squad", *files({"b": "a big dog", "a": "black cat", "d": ""}), "--out", str(out), "--each"])
    told = json.loads(out.read_text())
    half = 200 / 3  # F1 of `black cat` against `cat`
    assert told["scores"] == pytest.approx({"exact_match": 100 / 4, "f1": (half + 100) / 4})
    assert told["questions"] == 4
    assert told["questions_without_prediction"] == ["c"]
    assert {row["id"]: row["f1"] for row in told["each"]} == pytest.approx({"a": half, "b": 100, "d": 0, "c": 0})
    printed = capsys.readouterr().out
    assert "4 questions" in printed
    assert "id c of 4 without prediction: count 0; --partial leaves them out" in printed


def test_partial_leaves_out_what_has_no_prediction(
    files: Files, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    out = tmp_path / "out.json"
    main(["score", "squad", *files({"a": "cat"}), "--partial", "--out", str(out)])
    told = json.loads(out.read_text())
    assert told["scores"] == {"exact_match": 100.0, "f1": 100.0}
    assert (told["questions"], "each" in told) == (1, False)
    assert "3 ids (b, c, d) of 4 without prediction: are left out" in capsys.readouterr().out


def failing(words: Sequence[str | Path], capsys: pytest.CaptureFixture[str]) -> str:
    """The one line on the error stream of a command that fails."""
    capsys.readouterr()
    with pytest.raises(SystemExit) as caught:
        main(list(map(str, words)))
    assert caught.value.code == 1
    told = capsys.readouterr()
    assert not told.out
    (line,) = told.err.splitlines()
    return line


TWICE = {"data": [{"paragraphs": [{"context": "c", "qas": [entry("a", "x"), entry("a", "y")]}]}]}
SILENT = {"data": [{"paragraphs": [{"context": "c", "qas": [entry("a")]}]}]}
WRONG: dict[str, tuple[Any, Any, str]] = {
    "broken": ('{"a": ', REFERENCES, "predictions.json: not JSON ("),
    "a list": (["cat"], REFERENCES, 'predictions.json: must be an object of answers, {"id": "text", ...}'),
    "a number": ({"a": 5}, REFERENCES, "predictions.json: the answer of a is '5'; must be a string"),
    "an id twice": ('{"a": "x", "a": "y"}', REFERENCES, "'a' is there twice in one object"),
    "an unknown id": ({"a": "x", "z": "y"}, REFERENCES, "predictions.json: id z: no such question in"),
    "unknown ids": (dict.fromkeys("vwxyz", "t"), REFERENCES, "5 ids (v, w, x, ...): no such question in"),
    "broken references": ({"a": "x"}, "[", "references.json: not JSON ("),
    "references of another form": ({"a": "x"}, {"answers": []}, "references.json: data is missing; there are answers"),
    "a question twice": ({"a": "x"}, TWICE, "references.json: question a is there twice"),
    "a question without answer": ({"a": "x"}, SILENT, "question a has no answer; SQuAD 2.0's form is not scored"),
    "no questions": ({}, {"data": []}, "references.json: holds no questions"),
}


@pytest.mark.parametrize("name", WRONG)
def test_files_that_cannot_be_scored_are_told_in_one_line(
    name: str, files: Files, capsys: pytest.CaptureFixture[str]
) -> None:
    predictions, references, message = WRONG[name]
    assert message in failing(["score", "squad", *files(predictions, references)], capsys)


def test_options_that_cannot_be_are_told_in_one_line(files: Files, capsys: pytest.CaptureFixture[str]) -> None:
    good = files({"a": "x"})
    assert "--predictions" in failing(["score", "squad"], capsys)
    assert "--each: its figures go into" in failing(["score", "squad", *good, "--each"], capsys)
    assert "nowhere: no such file" in failing(["score", "squad", *good[:2], "--references", "nowhere"], capsys)
    assert "leaves nothing to score" in failing(["score", "squad", *files({}), "--partial"], capsys)


@pytest.fixture(scope="module")
def run(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A finished run, its values at random so that it looks somewhere."""
    out = tmp_path_factory.mktemp("runs")
    main(["run", *TINY, f"out={out}"])
    (folder,) = find_records([out])
    kept = torch.load(folder / "best.ckpt", weights_only=True)
    torch.manual_seed(1)
    for name, value in kept["state_dict"].items():
        if torch.is_tensor(value) and value.is_floating_point():
            kept["state_dict"][name] = torch.randn_like(value)
    torch.save(kept, folder / "best.ckpt")
    return folder


@pytest.fixture
def text(tmp_path: Path) -> Path:
    path = tmp_path / "text.txt"
    path.write_bytes(b"\xef\xbb\xbf" + TEXT.replace("\n", "\r\n").encode())
    return path


def test_a_question_is_answered_with_a_piece_of_the_text_and_its_evidence(
    run: Path, text: Path, capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    capsys.readouterr()
    main(["answer", str(run), "--document", str(text), "--question", "Who erected the vessel?"])
    told = dict(line.split(":", 1) for line in capsys.readouterr().out.splitlines())
    assert list(told) == ["answer", "confidence", "sentence", "looked"]
    said, shown = told["answer"].strip(), told["sentence"].strip()
    assert said in shown
    assert shown in " ".join(TEXT.split())
    prediction = predicted(run, text.read_bytes().decode("utf-8-sig"), "Who erected the vessel?")
    assert said == " ".join(prediction.said[0].split())
    assert float(told["confidence"]) == pytest.approx(json.loads(prediction.about[0])["confidence"], abs=1e-3)
    weights, words = prediction.alignments[0].weights[0], prediction.queries[0]
    looks = [look.strip().rsplit(" ", 1) for look in told["looked"].split(", ")]
    assert 1 <= len(looks) <= 5
    assert [float(weight) for _, weight in looks] == sorted((float(weight) for _, weight in looks), reverse=True)
    for look, weight in looks:
        word, asked = look.split(" → ")
        assert word in shown
        found = [weights[n, prediction.memory[0].index(asked)].item() for n, other in enumerate(words) if other == word]
        assert any(abs(float(weight) - value) < 0.006 for value in found)


def predicted(run: Path, text: str, question: str) -> Prediction:
    built = restored(run, {"data_dir": None}, {})
    assert isinstance(built.task, Spans)
    rows = {"id": ["x"], "document": [text], "question": [question], "answers": [[]], "starts": [[]]}
    prediction: Prediction = built.model.predict(built.task.collate(rows))
    return prediction


def test_answering_reads_no_data(run: Path, text: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    def read(self: Any) -> None:
        raise AssertionError("the data were read")

    monkeypatch.setattr("attnbench.tasks.spans.chronicles.Chronicles.load", read)
    main(["answer", str(run), "--document", str(text), "--question", "Who?"])


def test_sentences_end_at_their_marks_and_at_blank_lines() -> None:
    text = 'One (two.) Three "four." Five\n\nsix. Seven'
    pieces = {"two": "One (two.) ", "Three": 'Three "four." ', "Five": "Five\n\n", "six": "six. ", "Seven": "Seven"}
    for word, expected in pieces.items():
        start = text.index(word)
        a, b = sentence(text, start, start + len(word))
        assert text[a:b] == expected
    assert sentence(text, text.index("four"), text.index("six") + 3) == (11, text.index("Seven"))


def test_what_cannot_be_answered_is_told_in_one_line(
    run: Path, text: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    (tmp_path / "empty.txt").write_text(" \n")
    (tmp_path / "latin.txt").write_bytes(b"a\nb\ncaf\xe9\n")
    copy = Path(shutil.copytree(run, tmp_path / "copy"))
    (record,) = find_records([copy]).values()
    write_json(copy / "record.json", {**asdict(record), "task": "reading"})
    ask = ["--question", "Who?"]
    wrong: dict[str, list[str | Path]] = {
        "no such record": [tmp_path / "nowhere", "--document", text, *ask],
        "absent: no such file": [run, "--document", tmp_path / "absent", *ask],
        "empty.txt: has no word": [run, "--document", tmp_path / "empty.txt", *ask],
        "latin.txt: line 3 is not UTF-8": [run, "--document", tmp_path / "latin.txt", *ask],
        "--question: has 0 words; must have 1 to 60": [run, "--document", text, "--question", " "],
        "--question: has 10000 words; must have 1 to 60": [run, "--document", text, "--question", "why " * 10_000],
        "the run's task is reading; only runs of task=spans": [copy, "--document", text, *ask],
        "the following arguments are required: --question": [run, "--document", text],
    }
    for message, words in wrong.items():
        assert message in failing(["answer", *words], capsys)
