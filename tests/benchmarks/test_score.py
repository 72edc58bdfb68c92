"""`attnbench score`: the COCO caption evaluation's figures from files, and one line for each way in which files are wrong."""

import contextlib
import io
import json
import random
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pycocoevalcap.eval as official
import pytest
from pycocotools.coco import COCO

from attnbench.benchmarks.cli import main
from attnbench.benchmarks.score import KINDS
from attnbench.benchmarks.score import captioning as captioning_module
from attnbench.tasks.captioning.metrics.java import Unavailable, java_version

needs_java = pytest.mark.skipif(java_version() is None, reason="needs Java: there is none that runs")

NAMES = {
    "Bleu_1": "bleu1",
    "Bleu_2": "bleu2",
    "Bleu_3": "bleu3",
    "Bleu_4": "bleu4",
    "ROUGE_L": "rouge_l",
    "CIDEr": "cider",
    "METEOR": "meteor",
}
THINGS = ["A dog", "the Boys' T-shirt", "Mr. Lee", 'a "red" sign', "a woman's hat", "two dogs (brown)", "The U.S. flag"]
ACTS = ["doesn't run on", "can't see", "is jumping over", "cannot hold", "they're near", "is watching"]
ENDS = [".", " .", "!", "...", "", ", too.", " at 5:30", " - again"]


def raw(draw: random.Random) -> str:
    """A caption as people write it."""
    return f"{draw.choice(THINGS)} {draw.choice(ACTS)} {draw.choice(THINGS)}{draw.choice(ENDS)}"


def tokenised(draw: random.Random) -> str:
    """A caption that a tokenizer has been over."""
    return " ".join(
        draw.choice(["a", "a", "dog", "runs", "on", "n't", "grass", "'s"]) for _ in range(draw.randint(1, 12))
    )


Write = Callable[..., tuple[Path, Path]]


@pytest.fixture
def write(tmp_path: Path) -> Write:
    """Writes the two files in COCO's forms and gives their paths."""

    def written(predictions: Any, references: Any) -> tuple[Path, Path]:
        paths = tmp_path / "results.json", tmp_path / "annotations.json"
        for path, content in zip(paths, (predictions, references), strict=True):
            path.write_text(content if isinstance(content, str) else json.dumps(content), "utf-8")
        return paths

    return written


def predicted(captions: dict[Any, str]) -> list[dict[str, Any]]:
    return [{"image_id": image, "caption": caption} for image, caption in captions.items()]


def annotated(captions: dict[Any, list[str]]) -> dict[str, Any]:
    pairs = [(image, caption) for image, texts in captions.items() for caption in texts]
    return {
        "images": [{"id": image, "file_name": f"{image}.jpg"} for image in captions],
        "annotations": [
            {"image_id": image, "id": index, "caption": caption} for index, (image, caption) in enumerate(pairs)
        ],
    }


def made(form: Callable[[random.Random], str], images: int) -> tuple[Any, Any]:
    """Predictions and references, from 1 to 5 an image."""
    draw = random.Random(0)
    truth = {7 * image + 3: [form(draw) for _ in range(draw.randint(1, 5))] for image in range(images)}
    said = {image: draw.choice([form(draw), texts[0]]) for image, texts in truth.items()}
    return predicted(said), annotated(truth)


def score(*words: str | Path, out: Path) -> dict[str, Any]:
    """What the command writes."""
    main(["score", "captioning", *map(str, words), "--out", str(out)])
    return json.loads(out.read_text("utf-8"))


def files(paths: tuple[Path, Path]) -> list[str]:
    return ["--predictions", str(paths[0]), "--references", str(paths[1])]


class Parted:
    """In the official evaluation's place for its tokenizer: captions that are tokenised already."""

    def tokenize(self, captions: dict[Any, list[dict[str, str]]]) -> dict[Any, list[str]]:
        return {image: [row["caption"] for row in rows] for image, rows in captions.items()}


class LeftOut:
    """In the place of a metric that cannot be had."""

    def compute_score(self, truth: dict[Any, Any], said: dict[Any, Any]) -> tuple[float, list[float]]:
        return 0.0, [0.0] * len(said)

    def method(self) -> str:
        return "left out"


def official_figures(paths: tuple[Path, Path]) -> tuple[dict[str, float], dict[int, dict[str, Any]]]:
    """The COCO caption evaluation's own run on the same files: for all, and by image."""
    with contextlib.redirect_stdout(io.StringIO()):
        coco = COCO(str(paths[1]))
        evaluation = official.COCOEvalCap(coco, coco.loadRes(str(paths[0])))
        evaluation.evaluate()
    return evaluation.eval, evaluation.imgToEval


def agree(found: dict[str, Any], paths: tuple[Path, Path], names: list[str]) -> None:
    """Asserts that the figures are the official ones, for all images and for each."""
    whole, by_image = official_figures(paths)
    for name in names:
        scale = 1 if name == "CIDEr" else 100
        assert found["scores"][NAMES[name]] == pytest.approx(scale * whole[name], abs=1e-6), name
        for row in found["each"]:
            assert row[NAMES[name]] == pytest.approx(scale * by_image[row["image_id"]][name], abs=1e-6), name
    assert len(found["each"]) == len(by_image)


def test_tokenised_files_have_the_figures_of_the_official_evaluation(
    write: Write, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    paths = write(*made(tokenised, 60))
    found = score(*files(paths), "--tokenized", "--no-java", "--each", out=tmp_path / "out.json")
    monkeypatch.setattr(official, "PTBTokenizer", Parted)
    monkeypatch.setattr(official, "Meteor", LeftOut)
    monkeypatch.setattr(official, "Spice", LeftOut)
    agree(found, paths, [name for name in NAMES if name != "METEOR"])
    assert found["scores"]["cider_d"] == found["scores"]["cider"]
    assert found["scores"]["bleu4"] > 5
    assert found["scores"]["meteor"] is None
    assert found["tokenizer"] == "none"


@needs_java
def test_raw_files_have_the_figures_of_the_official_evaluation_and_its_meteor(
    write: Write, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    paths = write(*made(raw, 40))
    theirs = official.Meteor()  # takes seconds to start, and does so while ours does
    monkeypatch.setattr(official, "Meteor", lambda: theirs)
    monkeypatch.setattr(official, "Spice", LeftOut)
    found = score(*files(paths), "--each", out=tmp_path / "out.json")
    agree(found, paths, list(NAMES))
    assert found["scores"]["meteor"] > 5
    assert found["tokenizer"] == "ptb"
    assert found["versions"]["java"]
    own = score(*files(paths), "--no-java", out=tmp_path / "own.json")
    assert own["tokenizer"] == "python"
    same = [name for name in found["scores"] if name not in ("meteor", "spice")]
    assert {name: own["scores"][name] for name in same} == {name: found["scores"][name] for name in same}


SAID = {1: "A dog runs on grass.", 2: "two men sit", 3: "a red sign"}
TRUTH = {1: ["a dog runs on grass", "The dog runs."], 2: ["Two men sit on a bench."], 3: ["A red sign!", "a sign"]}


def test_case_and_punctuation_count_only_where_files_are_said_to_be_tokenised(write: Write, tmp_path: Path) -> None:
    paths = write(predicted({1: "A dog runs ."}), annotated({1: ["a dog runs"]}))
    kept = score(*files(paths), "--tokenized", "--no-java", out=tmp_path / "kept.json")["scores"]
    dropped = score(*files(paths), "--no-java", out=tmp_path / "dropped.json")["scores"]
    assert kept["bleu1"] == pytest.approx(50)
    assert dropped["bleu1"] == pytest.approx(100)


def test_the_table_has_every_figure_and_a_dash_with_its_reason(
    write: Write, capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    def broken(said: Any, truth: Any) -> Any:
        raise Unavailable("METEOR gave no answer within 9 s and was stopped")

    monkeypatch.setattr(captioning_module, "meteor", broken)
    monkeypatch.setattr(captioning_module, "spice", lambda said, truth: (12.345, [12.345] * len(said)))
    main(["score", "captioning", *files(write(predicted(SAID), annotated(TRUTH))), "--tokenizer", "python"])
    shown = capsys.readouterr().out
    lines = {
        title: line
        for line in shown.splitlines()
        for title in captioning_module.TITLES.values()
        if line.strip().startswith(f"{title} ")
    }
    assert set(lines) == set(captioning_module.TITLES.values())
    assert "–" in lines["METEOR"]
    assert "12.35" in lines["SPICE"] or "12.34" in lines["SPICE"]
    assert "METEOR: METEOR gave no answer within 9 s and was stopped" in shown
    assert "3 images, 5 references; tokenizer: python; " in shown
    assert "tok:none" in shown


def test_without_java_the_own_tokenizer_is_used_and_named(
    write: Write, tmp_path: Path, capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("PATH", str(tmp_path))
    found = score(*files(write(predicted(SAID), annotated(TRUTH))), out=tmp_path / "out.json")
    assert found["tokenizer"] == "python"
    assert found["scores"]["meteor"] is None
    assert found["reasons"]["meteor"] == "METEOR needs Java, and there is none"
    assert "java" not in found["versions"]
    assert "there is no Java; it makes the same words as PTBTokenizer" in capsys.readouterr().out


def test_references_without_prediction_are_left_out_where_that_is_asked_for(
    write: Write, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    part = {image: SAID[image] for image in (1, 3)}
    paths = write(predicted(part), annotated(TRUTH))
    found = score(*files(paths), "--partial", "--no-java", out=tmp_path / "part.json")
    assert "1 of 3 images have no prediction and are left out" in capsys.readouterr().out
    assert found["images_without_prediction"] == [2]
    assert (found["images"], found["references"]) == (2, 4)
    whole = write(predicted(part), annotated({image: TRUTH[image] for image in (1, 3)}))
    assert found["scores"] == score(*files(whole), "--no-java", out=tmp_path / "whole.json")["scores"]


def test_the_file_says_how_figures_were_made_and_holds_each_only_where_asked(write: Write, tmp_path: Path) -> None:
    paths = write(predicted(SAID), annotated(TRUTH))
    found = score(*files(paths), "--no-java", out=tmp_path / "out.json")
    assert "each" not in found
    assert "version:" in found["signatures"]["sacrebleu"]
    assert {"attention-bench", "sacrebleu", "pycocoevalcap"} <= set(found["versions"])
    each = score(*files(paths), "--no-java", "--each", out=tmp_path / "each.json")["each"]
    assert [row["image_id"] for row in each] == [1, 2, 3]
    assert each[2]["bleu1"] == pytest.approx(100, abs=1e-5)


def test_ids_may_be_strings(write: Write, tmp_path: Path) -> None:
    paths = write(predicted({"x.jpg": "a dog"}), annotated({"x.jpg": ["a dog"]}))
    assert score(*files(paths), "--no-java", out=tmp_path / "o.json")["scores"]["bleu1"] == pytest.approx(100)


GOOD = predicted(SAID)
REFERENCES = annotated(TRUTH)
WRONG: dict[str, tuple[Any, Any, str]] = {
    "broken predictions": ('[{"image_id": 1,', REFERENCES, "results.json: not JSON ("),
    "broken references": (GOOD, "{", "annotations.json: not JSON ("),
    "an object of predictions": (
        {"1": "a dog"},
        REFERENCES,
        "results.json: must be a list of {image_id, caption}, not an object",
    ),
    "a list of strings": (
        ["a dog"],
        REFERENCES,
        "results.json: must be a list of {image_id, caption}; entry 0 is a string",
    ),
    "no predictions": ([], REFERENCES, "results.json: holds no predictions"),
    "no references": (GOOD, {"annotations": []}, "annotations.json: holds no references"),
    "a list of references": (GOOD, GOOD, "annotations.json: must be COCO's annotation form"),
    "an object of annotations": (GOOD, {"annotations": {}}, "annotations.json: must be annotations: a list of"),
    "no caption": (
        [{"image_id": 1, "text": "a"}],
        REFERENCES,
        "results.json: entry 0 has no caption; it has image_id, text",
    ),
    "no image_id": (GOOD, {"annotations": [{"id": 1, "caption": "a"}]}, "annotations.json: entry 0 has no image_id"),
    "an empty caption": (predicted({1: " "}), REFERENCES, "results.json: entry 0: the caption of image 1 is empty"),
    "an empty reference": (GOOD, annotated({1: [""]}), "annotations.json: entry 0: the caption of image 1 is empty"),
    "a number for a caption": (
        [{"image_id": 1, "caption": 5}],
        REFERENCES,
        "the caption of image 1 is a number, not a string",
    ),
    "a fraction for an id": ([{"image_id": 1.5, "caption": "a"}], REFERENCES, "image_id is a number with a fraction"),
    "an image twice": ([*GOOD, GOOD[0]], REFERENCES, "results.json: image_id 1: occurs more than once"),
    "an annotation twice": (
        GOOD,
        {**REFERENCES, "annotations": [*REFERENCES["annotations"], REFERENCES["annotations"][0]]},
        "annotations.json: id of an annotation 0: occurs more than once",
    ),
    "an unknown image": (predicted({**SAID, 9: "a"}), REFERENCES, "results.json: image 9 has no reference in"),
    "unknown images": (
        predicted({5: "a", 6: "b", 7: "c", 8: "d"}),
        REFERENCES,
        "4 images (5, 6, 7, ...) have no reference in",
    ),
    "ids of another type": (
        predicted({"1": "a dog"}),
        REFERENCES,
        "ids are numbers in one of the files and strings in the other",
    ),
    "a missing prediction": (GOOD[:2], REFERENCES, "image 3 of 3 has no prediction in"),
    "an image that is not listed": (
        GOOD,
        {**REFERENCES, "images": [{"id": 1}, {"id": 2}]},
        "annotations.json: image 3 of the annotations is not among its images",
    ),
}


@pytest.mark.parametrize("name", WRONG)
def test_a_wrong_file_is_told_in_one_line(
    name: str, write: Write, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    predictions, references, message = WRONG[name]
    line = told(["captioning", *files(write(predictions, references)), "--out", str(tmp_path / "out.json")], capsys)
    assert message in line
    assert not (tmp_path / "out.json").exists()


def told(words: list[str], capsys: pytest.CaptureFixture[str]) -> str:
    """The one line on the error stream of a command that fails."""
    with pytest.raises(SystemExit) as caught:
        main(["score", *words])
    shown = capsys.readouterr()
    assert caught.value.code == 1
    assert shown.err.count("\n") == 1, shown.err
    assert "Traceback" not in shown.err
    assert shown.out == ""
    return shown.err


OPTIONS = {
    "": "score: say what kind of predictions: alignment, captioning",
    "captionning": "captionning: no such kind of predictions; did you mean captioning? choices: alignment, captioning",
    "captioning": "the following arguments are required: --predictions, --references; see attnbench score captioning --help",
    "captioning FILES --tokenizer ptp": "--tokenizer ptp: no such choice; did you mean ptb? choices: auto, ptb, python",
    "captioning FILES --tokenized --tokenizer ptb": "--tokenizer ptb: --tokenized says that nothing is to be tokenised",
    "captioning FILES --no-java --tokenizer ptb": "--tokenizer ptb: runs in Java, which --no-java forbids",
    "captioning FILES --each": "--each: its figures go into the file that --out names",
    "captioning FILES --out .": "--out .: is a folder; give a file",
    "captioning FILES --out nowhere/out.json": "--out nowhere/out.json: there is no folder nowhere",
    "captioning FILES --nonsense": "unrecognized arguments: --nonsense; see attnbench score captioning --help",
    "captioning --predictions none.json --references none.json": "none.json: no such file",
    "captioning --predictions . --references .": ".: cannot be read (Is a directory)",
}


@pytest.mark.parametrize("words", OPTIONS)
def test_a_wrong_option_is_told_in_one_line(
    words: str, write: Write, tmp_path: Path, capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.chdir(tmp_path)
    given = [one for word in words.split() for one in (files(write(GOOD, REFERENCES)) if word == "FILES" else [word])]
    assert OPTIONS[words] in told(given, capsys)
    assert not set(tmp_path.iterdir()) - {tmp_path / "results.json", tmp_path / "annotations.json"}


def test_ptb_that_is_asked_for_and_absent_is_an_error(
    write: Write, tmp_path: Path, capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("PATH", str(tmp_path))
    words = ["captioning", *files(write(GOOD, REFERENCES)), "--tokenizer", "ptb"]
    assert "--tokenizer ptb: PTBTokenizer needs Java, and there is none" in told(words, capsys)


def test_every_kind_has_help(capsys: pytest.CaptureFixture[str]) -> None:
    for words in ([], *([kind] for kind in KINDS)):
        with contextlib.suppress(SystemExit):
            main(["score", *words, "--help"])
        shown = capsys.readouterr()
        assert "usage: attnbench score" in shown.out
        assert shown.err == ""
