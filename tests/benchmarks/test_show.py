"""`attnbench show`: a run's model built again from its folder, what it says, and the picture of where it looked."""

import json
import shutil
from collections.abc import Mapping
from dataclasses import asdict
from pathlib import Path

import numpy as np
import PIL.Image
import pytest
import torch

from attnbench.benchmarks.cli import main
from attnbench.benchmarks.exhibit_picture import picture
from attnbench.benchmarks.image_tiles import TILE
from attnbench.benchmarks.record import find_records, read_json, write_json
from attnbench.benchmarks.report.examples import exhibit_of
from attnbench.benchmarks.show import show
from attnbench.tasks.captioning.scenes import Scenes

TINY = [
    "task.data.sizes={train: 16, validation: 4, test: 5}",
    "budget.epochs=1",
    "budget.width=8",
    "budget.batch_size=8",
    "trainer=cpu",
]
FROZEN = [
    "task=captioning",
    "task/encoder=squeezenet1_1",
    "task.encoder.weights=random",
    "task.encoder.size=64",
    "task.encoder.resize=crop",
    "task.grids=null",
]
MATCHED = ["task=translation", "budget.match=parameters", "budget.reference=dot_soft"]


@pytest.fixture(scope="module")
def runs(tmp_path_factory: pytest.TempPathFactory) -> Mapping[str, Path]:
    """A finished run's folder a kind."""
    found = {}
    kinds = {
        "captioning": ["task=captioning"],
        "frozen": FROZEN,
        "translation": MATCHED,
        "reading": ["task=reading"],
        "layers": ["task=translation", "task/model=transformer"],
    }
    for kind, words in kinds.items():
        out = tmp_path_factory.mktemp(kind)
        main(["run", *TINY, f"out={out}", *words])
        (found[kind],) = find_records([out])
    return found


def said(told: str) -> tuple[str, list[str]]:
    """What was said and what is true, of what the command printed."""
    lines = told.splitlines()
    (first,) = (line.partition(":")[2].strip() for line in lines if line.startswith("said:"))
    return first, [line.partition(":")[2].strip() for line in lines if line.startswith("truth:")]


@pytest.mark.parametrize("kind", ["captioning", "frozen", "translation", "reading"])
def test_an_example_is_said_and_drawn_as_when_the_run_was_tested(
    kind: str, runs: Mapping[str, Path], capsys: pytest.CaptureFixture[str]
) -> None:
    folder = runs[kind]
    examples = json.loads((folder / "examples.json").read_text())
    kept = read_json(folder / "exhibits.json")
    for number in (1, 5):
        drawn = show([str(folder), "--example", str(number)])
        assert drawn == folder / f"example-{number}.png"
        assert said(capsys.readouterr().out) == (examples["said"][number - 1], examples["truth"][number - 1])
        expected = np.asarray(picture(exhibit_of(kept[number - 1])), dtype=float)
        found = np.asarray(PIL.Image.open(drawn), dtype=float)
        assert found.shape == expected.shape
        assert np.abs(found - expected).mean() < 1  # weights are those of the test, but for the batch's rounding


def test_another_split_and_another_beam(runs: Mapping[str, Path], capsys: pytest.CaptureFixture[str]) -> None:
    drawn = show([str(runs["captioning"]), "--example", "4", "--split", "validation", "--beam", "2"])
    assert drawn.name == "validation-example-4.png"
    truth = said(capsys.readouterr().out)[1]
    assert truth == Scenes(seed=1, sizes={"train": 16, "validation": 4, "test": 5}).load()["validation"]["captions"][3]


def test_of_several_places_the_mean_is_drawn_or_one_and_it_is_said_which(
    runs: Mapping[str, Path], capsys: pytest.CaptureFixture[str]
) -> None:
    folder = runs["layers"]
    drawn = {}
    for place in (None, 1, 2):
        path = show([str(folder), "--example", "1", *([] if place is None else ["--place", str(place)])])
        assert path.name == ("example-1.png" if place is None else f"example-1-place-{place}.png")
        told = "mean of 2 places of attention" if place is None else f"place {place} of 2"
        assert capsys.readouterr().out.splitlines()[-2] == f"drawn:   {told}"
        drawn[place] = np.asarray(PIL.Image.open(path), dtype=float)
    assert read_json(folder / "exhibits.json")[0]["place"] == "mean of 2 places of attention"
    assert all(bool((drawn[None] != drawn[place]).any()) for place in (1, 2))
    assert "--place 3: the run's model has places of attention 1 to 2" in failing(
        folder, "--example", 1, "--place", 3, capsys=capsys
    )


def grey(size: tuple[int, int]) -> PIL.Image.Image:
    return PIL.Image.fromarray(np.linspace(0, 255, size[0] * size[1]).reshape(size[::-1]).astype(np.uint8))


IMAGES = {
    "grey.png": grey((31, 57)),
    "cmyk.jpg": grey((120, 80)).convert("CMYK"),
    "large.jpg": grey((2600, 1300)).convert("RGB"),
}


@pytest.mark.parametrize("name", IMAGES)
@pytest.mark.parametrize("kind", ["captioning", "frozen"])
def test_any_image_is_described_without_any_data(
    kind: str, name: str, runs: Mapping[str, Path], tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    def absent(_source: Scenes) -> None:
        raise AssertionError("the data was read")

    monkeypatch.setattr(Scenes, "load", absent)
    IMAGES[name].save(tmp_path / name)
    drawn = show([str(runs[kind]), "--image", str(tmp_path / name), "--out", str(tmp_path / "drawn.png")])
    assert drawn == tmp_path / "drawn.png"
    width, height = IMAGES[name].size if kind == "captioning" else (1, 1)  # one that crops has seen a square
    tall = round(TILE * height / max(width, height))
    assert (PIL.Image.open(drawn).height - 8) % (tall + 42) == 0


def test_what_an_encoder_that_crops_has_not_seen_is_not_drawn(runs: Mapping[str, Path], tmp_path: Path) -> None:
    wide = PIL.Image.new("RGB", (300, 100), "red")
    wide.paste("blue", (100, 0, 200, 100))
    wide.save(tmp_path / "wide.png")
    drawn = PIL.Image.open(show([str(runs["frozen"]), "--image", str(tmp_path / "wide.png")]))
    plain = np.asarray(drawn)[8 : 8 + TILE, 8 : 8 + TILE]
    assert plain[..., 2].min() > 200
    assert plain[..., 0].max() < 60


def failing(*words: str | Path, capsys: pytest.CaptureFixture[str]) -> str:
    capsys.readouterr()
    with pytest.raises(SystemExit) as caught:
        main(["show", *map(str, words)])
    assert caught.value.code == 1
    (line,) = capsys.readouterr().err.splitlines()
    return line


def test_what_is_wrong_is_said_in_one_line(
    runs: Mapping[str, Path], tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    run = runs["captioning"]
    text, image = tmp_path / "text.txt", tmp_path / "grey.png"
    text.write_text("no image")
    IMAGES["grey.png"].save(image)
    wrong = {
        "no such record": [tmp_path / "nowhere", "--example", 1],
        "--example 6: the test split has examples 1 to 5": [run, "--example", 6],
        "--example 0: the test split has examples 1 to 5": [run, "--example", 0],
        "the validation split has examples 1 to 4": [run, "--example", 5, "--split", "validation"],
        "text.txt: no image": [run, "--image", text],
        "absent.png: no such file": [run, "--image", tmp_path / "absent.png"],
        "the run's task is translation": [runs["translation"], "--image", image],
        "beam=2: the run of": [runs["reading"], "--example", 1, "--beam", 2],
        "beam=0: must be": [run, "--example", 1, "--beam", 0],
        "must end in .png": [run, "--example", 1, "--out", tmp_path / "a.jpg"],
        "there is no folder": [run, "--example", 1, "--out", tmp_path / "no" / "a.png"],
        "one of the arguments --example --image is required": [run],
        "invalid int value: 'first'": [run, "--example", "first"],
    }
    for message, words in wrong.items():
        assert message in failing(*map(str, words), capsys=capsys)


def copied(run: Path, folder: Path) -> Path:
    """A copy of a run to be damaged."""
    return Path(shutil.copytree(run, folder / "copy"))


def test_a_run_that_is_not_whole_is_said_in_one_line(
    runs: Mapping[str, Path], tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    copy = copied(runs["translation"], tmp_path)
    content = (copy / "best.ckpt").read_bytes()
    (copy / "best.ckpt").write_bytes(content[:300])
    assert "best.ckpt: damaged" in failing(copy, "--example", 1, capsys=capsys)
    torch.save({"state_dict": {"model.nothing": torch.zeros(1)}}, copy / "best.ckpt")
    assert "its weights do not fit" in failing(copy, "--example", 1, capsys=capsys)
    (copy / "best.ckpt").unlink()
    assert "the run has no checkpoint" in failing(copy, "--example", 1, capsys=capsys)
    (copy / "config.yaml").write_text("seed: 0\n")
    assert "no run's config" in failing(copy, "--example", 1, capsys=capsys)
    (record,) = find_records([copy]).values()
    write_json(copy / "record.json", {**asdict(record), "status": "failed", "error": "out of luck"})
    assert "its run failed (out of luck)" in failing(copy, "--example", 1, capsys=capsys)


def test_examples_of_other_data_are_not_shown_as_the_runs(
    runs: Mapping[str, Path], tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    copy = copied(runs["captioning"], tmp_path)
    config = (copy / "config.yaml").read_text()
    (copy / "config.yaml").write_text(config.replace("test: 5", "test: 4"))
    assert "data scenes: not those of the run" in failing(copy, "--example", 1, capsys=capsys)


@pytest.mark.parametrize(
    "target", ["os.system", "attnbench.benchmarks.cli.main", "attnbench.tasks.captioning.words.re.compile"]
)
def test_a_run_from_elsewhere_builds_nothing_but_our_parts(
    target: str, runs: Mapping[str, Path], tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    copy = copied(runs["captioning"], tmp_path)
    config = (copy / "config.yaml").read_text()
    (copy / "config.yaml").write_text(config.replace("attnbench.tasks.captioning.scenes.Scenes", target))
    assert f"_target_={target}: neither part of" in failing(copy, "--example", 1, capsys=capsys)
