"""The pages say what is so: every command of the README runs, every table is that of its records, the examples work."""

import gzip
import json
import os
import re
import shlex
import subprocess
import sys
from pathlib import Path

import PIL.Image
import pytest
import torch
from hydra import compose, initialize_config_module
from hydra.utils import instantiate
from torchvision.models import squeezenet1_1

from attnbench.benchmarks.cli import main
from attnbench.benchmarks.compare import compare
from attnbench.benchmarks.cost import parameters
from attnbench.benchmarks.listing import options
from attnbench.benchmarks.readme import with_tables
from attnbench.benchmarks.record import find_records
from attnbench.benchmarks.report import write_report

ROOT = Path(__file__).resolve().parent.parent
README = (ROOT / "README.md").read_text("utf-8")
COMMANDS = [
    line for block in re.findall(r"```bash\n(.*?)```", README, re.DOTALL) for line in block.splitlines() if line
]
TINY = ["budget.epochs=1", "budget.width=8", "budget.batch_size=8", "trainer=cpu"]
SIZES = "task.data.sizes={train: 16, validation: 8, test: 8}"


def small_multi30k(folder: Path) -> Path:
    """The data set's layout with a few sentences."""
    text = folder / "multi30k" / "tok"
    text.mkdir(parents=True)
    for split in ("train", "val", "test_2016_flickr"):
        for language, line in {"en": "a dog runs .\n", "de": "ein hund rennt .\n"}.items():
            (text / f"{split}.{language}.gz").write_bytes(gzip.compress(line.encode() * 16))
    return folder


def small_flickr8k(folder: Path) -> Path:
    """The data set's layout with a few images of noise, and an encoder's weights that know nothing."""
    (folder / "flickr8k" / "images").mkdir(parents=True)
    names = {split: [f"{split}{number}.jpg" for number in range(2)] for split in ("train", "dev", "test")}
    for split, those in names.items():
        (folder / "flickr8k" / f"Flickr_8k.{split}Images.txt").write_text("\n".join(those) + "\n")
        for name in those:
            PIL.Image.effect_noise((64, 48), 90).convert("RGB").save(folder / "flickr8k" / "images" / name)
    captions = [
        f"{name}#{k}\tA dog runs over grass .\n" for those in names.values() for name in those for k in range(5)
    ]
    (folder / "flickr8k" / "Flickr8k.token.txt").write_text("".join(captions))
    (folder / "weights").mkdir()
    torch.save(squeezenet1_1().state_dict(), folder / "weights" / "squeezenet1_1_imagenet.pth")
    return folder


def small_files(folder: Path) -> dict[str, Path]:
    """A file of captions and their references, as COCO has them."""
    files = {"results.json": [{"image_id": 1, "caption": "a dog runs"}, {"image_id": 2, "caption": "a cat sits"}]}
    references = [{"image_id": n, "id": n, "caption": text} for n, text in ((1, "A dog runs."), (2, "The cat sits."))]
    paths = {name: folder / name for name in (*files, "annotations.json")}
    paths["results.json"].write_text(json.dumps(files["results.json"]))
    paths["annotations.json"].write_text(json.dumps({"annotations": references}))
    return paths


def small(words: list[str], folder: Path) -> list[str]:
    """The command on little data, into a folder of the test's."""
    if words[0] == "score":
        given = {name: str(path) for name, path in small_files(folder).items()}
        return [*(given.get(word, word) for word in words), "--no-java"]
    if words[0] == "show":
        main(["run", "task=captioning", *TINY, SIZES, f"out={folder / 'runs'}"])
        (run,) = find_records([folder / "runs"])
        return [str(run) if word == "RUN" else word for word in words]
    if words[0] == "compare":
        main(["run", *TINY, SIZES, f"out={folder / 'runs'}"])
        return ["compare", str(folder / "runs")]
    if words[0] == "speed":
        return [*words, "--no-compile", "--repeat", "1", "--hidden", "32", "--out", str(folder / "speed")]
    if words[0] != "run":
        return words
    if "data_dir=DATA" in words:
        data = small_flickr8k(folder) if "flickr8k" in " ".join(words) else small_multi30k(folder)
        given = [f"data_dir={data}" if word == "data_dir=DATA" else word for word in words]
        return [*given, *TINY, f"out={folder / 'runs'}"]
    given = [word for word in words if not word.startswith("seed=")]
    return [*given, "seed=0", *TINY, SIZES, f"out={folder / 'runs'}"]


@pytest.mark.parametrize("command", [c for c in COMMANDS if c.startswith("attnbench ")], ids=str)
def test_the_readmes_command_runs(command: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("ATTNBENCH_CACHE", str(tmp_path / "cache"))
    words = small(shlex.split(command)[1:], tmp_path)
    main(words)
    if words[0] == "run":
        assert all(record.finished for record in find_records([tmp_path / "runs"]).values())


@pytest.mark.parametrize("command", [c for c in COMMANDS if c.startswith("make ")], ids=str)
def test_the_readmes_make_target_is_there(command: str) -> None:
    done = subprocess.run([*command.split(), "--dry-run"], cwd=ROOT, capture_output=True, text=True, check=False)
    assert done.returncode == 0, done.stderr
    expected = {"make quickstart": "attnbench run -m experiment=quickstart", "make test": "pytest"}
    assert expected[command] in done.stdout


def test_every_command_of_the_readme_is_run_here() -> None:
    assert {command.split()[0] for command in COMMANDS} == {"attnbench", "make"}
    assert len(COMMANDS) >= 8


def test_the_readme_is_short_and_its_links_lead_somewhere() -> None:
    assert len(README.splitlines()) < 150
    for page in [ROOT / "README.md", *sorted((ROOT / "docs").glob("*.md"))]:
        for target in re.findall(r"\]\((?!https?://)([^)#]+)\)", page.read_text("utf-8")):
            assert (page.parent / target).exists(), f"{page.name} links to {target}"


@pytest.mark.parametrize("page", ["README.md", "docs/results.md", "docs/speed.md"])
def test_tables_are_those_of_the_records(page: str) -> None:
    text = (ROOT / page).read_text("utf-8")
    assert "<!-- end -->" in text
    assert with_tables(text, (ROOT / page).parent) == text


@pytest.mark.parametrize("folder", sorted((ROOT / "benchmarks" / "results").iterdir()), ids=lambda folder: folder.name)
def test_published_reports_are_those_of_the_records(folder: Path, tmp_path: Path) -> None:
    made = write_report(compare(find_records([folder]), places=[folder]), tmp_path)
    for new in made:
        assert (folder / "report" / new.name).read_text("utf-8") == new.read_text("utf-8"), "make tables writes it anew"


def files_of(page: str) -> dict[str, str]:
    """The blocks of a page that name a file in their first line."""
    blocks = re.findall(r"```(?:python|yaml|toml)\n# file: (\S+)\n(.*?)```", page, re.DOTALL)
    return dict(blocks)


def test_the_example_mechanism_is_one_file_one_yaml_and_its_test(tmp_path: Path) -> None:
    page = (ROOT / "docs" / "add-a-mechanism.md").read_text("utf-8")
    files = files_of(page)
    for name, text in files.items():
        path = tmp_path / name
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_text(text, "utf-8")
    assert sorted(files) == [
        "my_attention/conf/attention/selection/gates.yaml",
        "my_attention/gates.py",
        "pyproject.toml",
        "test_gates.py",
    ]
    environment = {**os.environ, "PYTHONPATH": str(tmp_path)}
    laws = [sys.executable, "-m", "pytest", "-q", "-p", "no:cacheprovider", "test_gates.py"]
    subprocess.run(laws, cwd=tmp_path, env=environment, check=True, timeout=300)
    (command,) = re.findall(r"```bash\n(attnbench run .*?)\n```", page)
    words = [*shlex.split(command)[1:], *TINY, SIZES, f"out={tmp_path / 'runs'}"]
    script = "import sys; from attnbench.benchmarks.cli import main; main(sys.argv[1:])"
    subprocess.run([sys.executable, "-c", script, *words], cwd=tmp_path, env=environment, check=True, timeout=300)
    found = {(r.score, r.selection) for r in find_records([tmp_path / "runs"]).values() if r.finished}
    assert found == {(score, selection) for score in ("additive", "dot") for selection in ("softmax", "gates")}


def table_of_mechanisms() -> dict[tuple[str, str], str]:
    """What the page on mechanisms says of parameters, by kind and name."""
    page = (ROOT / "docs" / "mechanisms.md").read_text("utf-8")
    rows = [re.split(r"(?<!\\)\|", line)[1:-1] for line in page.splitlines() if line.startswith("| `")]
    return {(row[1].strip(), row[0].strip(" `")): row[4].strip() for row in rows} | {
        ("preset", other): row[4].strip()
        for row in rows
        if row[1].strip() == "preset"
        for other in re.findall(r"`(\w+)`", row[2].partition("also")[2])
    }


def counted(kind: str, name: str) -> int:
    """The parameters of a part, or of a preset, at sizes of 256."""
    partner = {"none": "attention/selection=uniform", "uniform": "attention/score=none"}
    chosen = {
        "score": [f"attention/score={name}", partner.get(name, "attention/selection=softmax")],
        "selection": [f"attention/selection={name}", partner.get(name, "attention/score=dot")],
        "preset": [f"attention={name}"],
    }[kind]
    with initialize_config_module("attnbench.conf", version_base="1.3"):
        attention = instantiate(compose("run", overrides=chosen).attention)(256, 256)
    return parameters(attention if kind == "preset" else getattr(attention, kind))


def test_the_page_on_mechanisms_names_all_and_counts_their_parameters() -> None:
    groups = {"score": "attention/score", "selection": "attention/selection", "preset": "attention"}
    table = table_of_mechanisms()
    assert set(table) == {(kind, name) for kind, group in groups.items() for name in options(group)}
    told = {place: int(re.split(r"\D", text)[0]) for place, text in table.items()}
    assert told == {place: counted(*place) for place in table}


def test_the_tests_that_the_page_on_robustness_names_are_there() -> None:
    page = (ROOT / "docs" / "robustness.md").read_text("utf-8")
    faults = page.split("\n## ")[1:]
    assert len(faults) == 12
    assert all("](https://github.com/" in fault for fault in faults)
    for fault in faults:
        named = re.findall(r"^- `(\S+\.py)::(test_\w+)`$", fault, re.MULTILINE)
        assert len(named) == fault.count("\n- ") > 0, fault
        for file, name in named:
            assert f"def {name}(" in (ROOT / "tests" / file).read_text("utf-8"), f"{file} has no {name}"
