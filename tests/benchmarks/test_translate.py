"""`attnbench translate`: standard input in a run's own words, line by line; `attnbench score alignment`."""

import io
import json
import os
import shutil
import sys
from collections.abc import Callable, Sequence
from dataclasses import asdict, replace
from pathlib import Path
from typing import Any, cast

import pytest
import torch

from attnbench.benchmarks.cli import main
from attnbench.benchmarks.record import find_records, write_json
from attnbench.benchmarks.restored import restored
from attnbench.benchmarks.translate import Parser, as_data, ready, translate
from attnbench.tasks.sequence.text import Vocabulary
from attnbench.tasks.source import DataError
from attnbench.tasks.translation import Translation
from attnbench.tasks.translation.parallel import ParallelFiles
from attnbench.tasks.translation.phrases import Phrases

TINY = [
    "task=translation",
    "task.data.sizes={train: 60, validation: 4, test: 5}",
    "task.least_count=3",
    "task.model.limit=12",
    "budget.epochs=1",
    "budget.width=8",
    "trainer=cpu",
]
Reads = Callable[..., list[str]]


@pytest.fixture(scope="module")
def run(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A run whose model says something else of every sentence."""
    out = tmp_path_factory.mktemp("runs")
    main(["run", *TINY, f"out={out}"])
    (folder,) = find_records([out])
    kept = torch.load(folder / "best.ckpt", weights_only=True)
    torch.manual_seed(0)
    for name, value in kept["state_dict"].items():
        if torch.is_tensor(value) and value.is_floating_point():
            kept["state_dict"][name] = torch.randn_like(value) * (2.0 if "embedding" in name else 0.8)
    kept["state_dict"]["model.decoder.output.bias"][Vocabulary.end] = 3.0
    torch.save(kept, folder / "best.ckpt")
    return folder


@pytest.fixture(scope="module")
def sources(run: Path) -> list[str]:
    """The test split's sentences."""
    rows = Phrases(seed=1, sizes={"train": 60, "validation": 4, "test": 5}).load()["test"]["source"]
    return [" ".join(words) for words in rows]


@pytest.fixture
def reads(run: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]) -> Reads:
    """What the command writes of a text, line by line."""

    def answer(text: str | bytes, *words: str) -> list[str]:
        given = text.encode() if isinstance(text, str) else text
        monkeypatch.setattr(sys, "stdin", io.TextIOWrapper(io.BytesIO(given)))
        capsys.readouterr()
        translate([str(run), *words])
        return capsys.readouterr().out.split("\n")[:-1]

    return answer


def alone(folder: Path, text: str) -> str:
    """What the run's model says of one sentence."""
    built = restored(folder, {"data_dir": None}, {})
    assert isinstance(built.task, Translation)
    said: str = built.model.predict(built.task.collate({"source": [text.split()], "target": [[]]})).said[0]
    return said


def test_each_line_is_translated_as_the_model_does_whatever_the_batch(
    run: Path, sources: list[str], reads: Reads
) -> None:
    expected = [alone(run, text) for text in sources]
    assert len(set(expected)) > 2
    lines = [sources[0], "", *sources[1:], "  \t"]
    for size in ("1", "2", "32"):
        assert reads("\n".join(lines), "--batch-size", size) == [expected[0], "", *expected[1:], ""]
    assert reads("") == []


def test_what_looks_like_a_symbol_is_a_word_that_nobody_knows(reads: Reads) -> None:
    odd, plain = reads("<pad> </s>\nunheard-of unheard-of\n")
    assert odd == plain


def test_the_n_best_are_n_lines_of_score_and_text_of_which_the_first_is_said(
    sources: list[str], reads: Reads, tmp_path: Path
) -> None:
    text = "\n".join([sources[0], "", sources[1]])
    links = tmp_path / "links"
    said = reads(text, "--beam", "4", "--length-penalty", "0.6")
    best = reads(text, "--beam", "4", "--length-penalty", "0.6", "--n-best", "3", "--alignments", str(links))
    assert len(best) == 9
    assert len(links.read_text().split("\n")[:-1]) == 9
    assert best[3:6] == [""] * 3
    for first, sentence in ((0, said[0]), (6, said[2])):
        scores, texts = zip(*(line.split("\t") for line in best[first : first + 3]), strict=True)
        assert sorted(map(float, scores), reverse=True) == list(map(float, scores))
        assert texts[0] == sentence
        assert len(set(texts)) == 3
    assert [line.split("\t")[1] for line in reads(sources[0], "--n-best", "1")] == reads(sources[0])


def test_the_links_are_those_of_the_words_said(sources: list[str], reads: Reads, tmp_path: Path) -> None:
    links = tmp_path / "links"
    said = reads("\n".join(["", *sources]), "--alignments", str(links))
    written = links.read_text().split("\n")[:-1]
    assert written[0] == ""
    assert any(len(line.split()) < 11 for line in said[1:])  # ended by the end symbol
    for source, sentence, line in zip(sources, said[1:], written[1:], strict=True):
        pairs = [tuple(map(int, link.split("-"))) for link in line.split()]
        assert [target for _, target in pairs] == list(range(len(sentence.split())))
        assert all(position < len(source.split()) for position, _ in pairs)


def test_unknown_words_are_replaced_where_that_is_asked_for(sources: list[str], reads: Reads, tmp_path: Path) -> None:
    links, words = tmp_path / "links", tmp_path / "words"
    text = "\n".join(sources)
    said = reads(text, "--alignments", str(links))
    assert any("<unk>" in line for line in said)
    expected = []
    for source, sentence, line in zip(sources, said, links.read_text().splitlines(), strict=True):
        looked = [source.split()[int(link.split("-")[0])] for link in line.split()]
        expected.append([at if word == "<unk>" else word for word, at in zip(sentence.split(), looked, strict=True)])
    copied = [line.split() for line in reads(text, "--replace-unknown", "copy")]
    assert copied == expected
    known = {word for line in said for word in line.split()}
    put = next(word for line in copied for word in line if word not in known)
    words.write_text(f"{put} REPLACED\n")
    found = [line.split() for line in reads(text, "--dictionary", str(words))]
    assert found == [["REPLACED" if word == put else word for word in line] for line in copied]
    assert reads(text, "--replace-unknown", "none") == said


def test_lines_are_split_as_the_runs_data_were() -> None:
    files = dict.fromkeys(("train", "validation", "test"), ("a", "b"))
    line = "A dog's Home, 3.5 km ."
    lowercased = ParallelFiles(data_dir=None, files=files, text="lowercased_13a")
    assert as_data(lowercased, [line]) == [["a", "dog's", "home", ",", "3.5", "km", "."]]
    plain = ParallelFiles(data_dir=None, files=files, text="tokenized")
    assert as_data(plain, [line]) == [["A", "dog's", "Home,", "3.5", "km", "."]]
    assert as_data(ParallelFiles(data_dir=None, files=files, text="raw"), [line]) == [line]
    assert as_data(Phrases(seed=1, sizes=dict.fromkeys(files, 1)), [line]) == as_data(plain, [line])


def test_pieces_are_written_as_text_and_their_alignments_as_those_of_words(
    tmp_path: Path, sources: list[str], monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    main(["run", *TINY, "task/units=bpe", "task.units.size=300", f"out={tmp_path / 'runs'}"])
    (folder,) = find_records([tmp_path / "runs"])
    monkeypatch.setattr(sys, "stdin", io.TextIOWrapper(io.BytesIO("\n".join(sources).encode())))
    capsys.readouterr()
    translate([str(folder), "--alignments", str(tmp_path / "links")])
    said = capsys.readouterr().out.splitlines()
    assert len(said) == len(sources)
    assert not any("▁" in line for line in said)
    for read, written, line in zip(sources, said, (tmp_path / "links").read_text().splitlines(), strict=True):
        for link in line.split():
            source, target = map(int, link.split("-"))
            assert source < len(read.split())
            assert target < max(1, len(written.split()))


SHARING = ["task/model=transformer", "task.model.shared_embeddings=true", "task.model.norm=post", "task.model.layers=1"]


def test_a_run_whose_languages_share_their_words_translates_with_what_it_learnt(
    tmp_path: Path, sources: list[str], monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    warmed = ["budget.schedule=linear", "budget.warmup=0.5", "budget.averaging=0.9"]
    main(["run", *TINY, *SHARING, *warmed, "task.units.joint=true", f"out={tmp_path / 'runs'}"])
    (folder,) = find_records([tmp_path / "runs"])
    built = restored(folder, {"data_dir": None}, {})
    model = cast(Any, built.model)
    assert model.encoder.embedding.weight is model.decoder.embedding.weight is model.decoder.output.weight
    kept = torch.load(folder / "best.ckpt", weights_only=True)["state_dict"]
    torch.testing.assert_close(model.encoder.embedding.weight, kept["model.decoder.output.weight"])
    monkeypatch.setattr(sys, "stdin", io.TextIOWrapper(io.BytesIO("\n".join(sources).encode())))
    capsys.readouterr()
    translate([str(folder)])
    assert capsys.readouterr().out.splitlines() == [alone(folder, text) for text in sources]


def test_languages_without_a_vocabulary_in_common_share_no_words(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    line = failing("run", *TINY, *SHARING, f"out={tmp_path}", capsys=capsys)
    assert "needs one vocabulary for both: give task.units.joint=true" in line


def test_options_are_the_runs_own_where_none_are_given(run: Path) -> None:
    own = ready(Parser().parse_args([str(run)])).model.search
    words = ["--beam", "3", "--length-penalty", "0.7", "--coverage-penalty", "0.2", "--n-best", "2"]
    changed = ready(Parser().parse_args([str(run), *words])).model.search
    assert own.limit == 12
    assert changed == replace(own, beam=3, length_penalty=0.7, coverage_penalty=0.2, n_best=2)


def test_a_line_that_is_no_utf8_is_named_once_the_lines_before_it_are_translated(
    run: Path, sources: list[str], monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    given = f"{sources[0]}\n\n".encode() + b"caf\xe9\n" + sources[1].encode()
    monkeypatch.setattr(sys, "stdin", io.TextIOWrapper(io.BytesIO(given)))
    capsys.readouterr()
    with pytest.raises(DataError, match="standard input: line 3 is not UTF-8"):
        translate([str(run)])
    assert capsys.readouterr().out == f"{alone(run, sources[0])}\n\n"


def test_nobody_reading_on_is_no_failure(run: Path, sources: list[str], monkeypatch: pytest.MonkeyPatch) -> None:
    read, write = os.pipe()
    os.close(read)
    with open(write, "w") as closed:
        monkeypatch.setattr(sys, "stdout", closed)
        monkeypatch.setattr(sys, "stdin", io.TextIOWrapper(io.BytesIO("\n".join(sources).encode())))
        translate([str(run)])
        closed.write("what is left goes nowhere")


def failing(*words: str | Path, capsys: pytest.CaptureFixture[str]) -> str:
    capsys.readouterr()
    with pytest.raises(SystemExit) as caught:
        main(list(map(str, words)))
    assert caught.value.code == 1
    told = capsys.readouterr()
    assert not told.out
    (line,) = told.err.splitlines()
    return line


def test_what_is_wrong_is_said_in_one_line(run: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    (tmp_path / "words").write_text("a b c\n")
    wrong: dict[str, Sequence[str | Path]] = {
        "no such record": [tmp_path / "nowhere"],
        "beam=0: must be at least 1": [run, "--beam", "0"],
        "n_best=3: must be at least 1 and at most beam=2": [run, "--beam", "2", "--n-best", "3"],
        "coverage_penalty=-1.0: must be": [run, "--coverage-penalty", "-1"],
        "--batch-size 0: must be at least 1": [run, "--batch-size", "0"],
        "--alignments": [run, "--alignments", tmp_path],
        "absent: no such file": [run, "--dictionary", tmp_path / "absent"],
        "line 1 has 3 columns": [run, "--dictionary", tmp_path / "words"],
        "is read with replace_unknown=copy alone": [
            run,
            "--replace-unknown",
            "none",
            "--dictionary",
            tmp_path / "words",
        ],
        "invalid int value: 'many'": [run, "--beam", "many"],
    }
    for message, words in wrong.items():
        assert message in failing("translate", *words, capsys=capsys)


def test_a_run_that_cannot_translate_is_refused(run: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    copy = Path(shutil.copytree(run, tmp_path / "copy"))
    (copy / "best.ckpt").unlink()
    assert "the run has no checkpoint" in failing("translate", copy, capsys=capsys)
    (record,) = find_records([copy]).values()
    write_json(copy / "record.json", {**asdict(record), "task": "reading"})
    assert "the run's task is reading" in failing("translate", copy, capsys=capsys)


def test_alignments_are_scored(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    said, gold, out = (tmp_path / name for name in ("said", "gold", "out.json"))
    said.write_text("0-0 1-1 3-2\n0-0\n")
    gold.write_text("1-1 3-3 2?2\n\n")
    words = ["score", "alignment", "--predictions", str(said), "--references", str(gold), "--one-based", "references"]
    main([*words, "--out", str(out), "--each"])
    printed = capsys.readouterr().out
    told = json.loads(out.read_text())
    # A = 4, S = 2, one of A is sure and one more possible.
    expected = {"alignment_error_rate": 1 - 3 / 6, "precision": 2 / 4, "recall": 1 / 2}
    assert told["scores"] == pytest.approx(expected)
    assert told["each"][1] == {"alignment_error_rate": 1.0, "precision": 0.0, "recall": None}
    assert told["sentences"] == 2
    assert "AER" in printed
    assert "2 sentences, 4 predicted links, 2 sure ones" in printed


def test_alignments_that_cannot_be_scored_are_refused(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    texts = {"one": "0-0\n", "two": "0-0\n0-0\n", "odd": "0-0\n0_0\n", "possible": "0-0\n0?0\n", "none": ""}
    for name, text in texts.items():
        (tmp_path / name).write_text(text)
    wrong = {
        ("one", "two"): "has 1 lines and",
        ("odd", "two"): "odd: line 2: 0_0: no link",
        ("two", "odd"): "odd: line 2: 0_0: no link",
        ("possible", "two"): "possible: line 2: possible links (?) are for references alone",
        ("none", "none"): "has 0 lines",
        ("absent", "two"): "absent: no such file",
    }
    for (said, gold), message in wrong.items():
        words = ["--predictions", tmp_path / said, "--references", tmp_path / gold]
        assert message in failing("score", "alignment", *words, capsys=capsys)
