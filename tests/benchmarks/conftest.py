"""Made-up runs for the tests of comparison and report: records with every part filled, and example files beside them."""

import base64
import io
import math
import random
import shutil
import subprocess
from collections.abc import Callable, Mapping, Sequence
from dataclasses import asdict, replace
from pathlib import Path
from typing import Any, NamedTuple

import pytest
from PIL import Image, ImageDraw

from attnbench.benchmarks.exhibit import Exhibit
from attnbench.benchmarks.record import Record, content_address, write_json, write_record

MECHANISMS = ("additive_hard", "additive_soft", "dot_hard", "dot_soft", "uniform")
PRIMARY = {"captioning": "bleu4", "translation": "bleu", "reading": "accuracy"}
DATA = {"captioning": "scenes", "translation": "phrases", "reading": "stories"}
BUDGET = {"epochs": 6, "batch_size": 50, "learning_rate": 0.003}


def record(
    task: str = "translation",
    attention: str = "additive_soft",
    seed: int = 0,
    value: float | None = 30.0,
    **changes: Any,
) -> Record:
    """A finished record whose primary measure is `value`; `changes` replace whole fields."""
    primary = PRIMARY.get(task, "score")
    score, _, selection = attention.partition("_")
    origin = {
        "code": "c0de",
        "data_checksum": "da7a",
        "commit": "abc123",
        "versions": {"torch": "2.6"},
        "python": "3.11",
    }
    made = Record(
        cell=content_address(
            {"task": task, "attention": attention, "seed": seed, "changes": sorted(map(str, changes.items()))}
        ),
        status="finished",
        task=task,
        data=DATA.get(task, "some"),
        model="plain",
        attention=attention,
        score=score,
        selection=selection or attention,
        seed=seed,
        budget=BUDGET,
        provenance=origin,
        primary=primary,
        measures={primary: value, "nll": 1.25},
        attention_quality={"entropy": 0.5},
        cost={"parameters": 1_200_000, "attention_parameters": 34_000, "seconds": 35.2, "step_seconds": 0.0123},
        curves={f"val/{primary}": [1.0, 2.0, 3.0], "val/nll": [3.0, 2.0, 1.5]},
    )
    return replace(made, **changes)


def folder(root: Path, made: Record) -> Path:
    """Where the record stands."""
    return root / made.task / made.attention / f"seed{made.seed}-{made.cell}"


def places(*made: Record) -> dict[Path, Record]:
    """The records as `find_records` gives them, in folders that need not be there."""
    return {folder(Path("/nowhere"), one): one for one in made}


def keep(root: Path, made: Record, exhibits: Sequence[Exhibit] = ()) -> Path:
    """Writes the record, and its examples where there are some."""
    place = folder(root, made)
    write_record(place, made)
    if exhibits:
        write_json(place / "exhibits.json", [asdict(exhibit) for exhibit in exhibits])
        each = {made.primary: [40.0 + 5 * index for index in range(len(exhibits))]}
        write_json(place / "examples.json", {"said": [], "truth": [], "each": each, "attention_each": {}})
    return place


def softmax(scores: Sequence[float]) -> list[float]:
    """Weights that sum to 1, rounded as exhibits are."""
    top = [math.exp(score) for score in scores]
    return [round(value / sum(top), 4) for value in top]


def weights_of(attention: str, gold: Sequence[int], size: int, draw: random.Random) -> list[float]:
    """Weights such as the mechanism would give: all alike, one position, or spread around gold."""
    if attention == "uniform":
        return [round(1 / size, 4)] * size
    scores = [draw.gauss(0, 1.3) + (4.5 if place in gold else 0) for place in range(size)]
    if attention.endswith("hard"):
        return [1.0 if place == scores.index(max(scores)) else 0.0 for place in range(size)]
    return softmax(scores)


def scene(index: int) -> str:
    """A small picture as a data URL."""
    picture = Image.new("RGB", (64, 64), (236, 232, 224))
    draw = ImageDraw.Draw(picture)
    left = 6 + 5 * (index % 3)
    draw.ellipse((left, 8, left + 18, 26), fill=(200, 40, 40))
    draw.rectangle((36, 36, 54, 56), fill=(40, 80, 200))
    draw.polygon([(44, 6), (54, 22), (36, 22)], fill=(40, 150, 80))
    buffer = io.BytesIO()
    picture.save(buffer, format="PNG")
    return "data:image/png;base64," + base64.b64encode(buffer.getvalue()).decode()


SOURCE = "the small brown dog that the old woman had seen yesterday runs quickly across a wet street"
TARGET = "der kleine braune hund den die alte frau gestern gesehen hatte rennt schnell über eine nasse straße"
SIGNATURE = "nrefs:1|case:mixed|eff:no|tok:none|smooth:exp|version:2.6.0"


def captioned(attention: str, index: int) -> Exhibit:
    """A picture with a caption, over a grid of 8 × 8."""
    draw = random.Random(f"{attention}{index}")
    words = ["a", "red", "circle", "left", "of", "a", "blue", "square", "<end>"]
    circle, square = [9, 10, 17, 18], [36, 37, 38, 44, 45, 46, 52, 53, 54]
    golds = [[], circle, circle, [], [], [], square, square, []]
    return Exhibit(
        index=index,
        said="a red circle left of a blue square",
        truth=["a red circle left of a blue square", "a blue square right of a red circle"],
        queries=words,
        memory=[],
        weights=[weights_of(attention, gold, 64, draw) for gold in golds],
        gold=[[place in gold for place in range(64)] for gold in golds],
        image=scene(index),
        grid=(8, 8),
    )


def translated(attention: str, index: int) -> Exhibit:
    """A sentence pair with its word alignment."""
    draw = random.Random(f"{attention}{index}")
    source, target = SOURCE.split()[: 8 + 3 * index], TARGET.split()[: 8 + 3 * index]
    golds = [[place] if place < len(source) else [] for place in range(len(target))]
    return Exhibit(
        index=index,
        said=" ".join(target),
        truth=[" ".join(target)],
        queries=target,
        memory=source,
        weights=[weights_of(attention, gold, len(source), draw) for gold in golds],
        gold=[[place in gold for place in range(len(source))] for gold in golds],
    )


def read_through(attention: str, index: int) -> Exhibit:
    """A story with a question, whose evidence is one sentence."""
    draw = random.Random(f"{attention}{index}")
    sentences = [
        f"@entity{n} went to the {place} with the {thing} ."
        for n, place, thing in zip(
            range(12),
            ["garden", "kitchen", "office", "cellar", "harbour", "market"] * 2,
            ["lamp", "key", "map", "cup"] * 3,
            strict=True,
        )
    ]
    words = " ".join(sentences).split()
    gold = [place for place in range(9 * index, 9 * index + 9) if place < len(words)]
    return Exhibit(
        index=index,
        said=f"@entity{index}",
        truth=[f"@entity{index}"],
        queries=["@placeholder carried the lamp to the garden ?"],
        memory=words,
        weights=[weights_of(attention, gold, len(words), draw)],
        gold=[[place in gold for place in range(len(words))]],
    )


EXHIBIT = {"captioning": captioned, "translation": translated, "reading": read_through}
QUALITY = {"entropy": 0.81, "mass_on_gold": 0.713, "pointing_hit": 0.802, "alignment_error_rate": 0.214}


def sweep(root: Path, *, seeds: Sequence[int] = (0, 1), better: Mapping[str, float] | None = None) -> None:
    """Writes three tasks × five mechanisms × seeds, as a sweep would leave them."""
    level = better or {
        "additive_hard": 24.1,
        "additive_soft": 31.4,
        "dot_hard": 22.8,
        "dot_soft": 30.9,
        "uniform": 14.2,
    }
    for task, primary in PRIMARY.items():
        for attention in MECHANISMS:
            for seed in seeds:
                draw = random.Random(f"{task}{attention}{seed}")
                value = level[attention] + draw.gauss(0, 0.8)
                curve = [value * (1 - math.exp(-0.7 * epoch)) for epoch in range(1, 7)]
                extra = {
                    "translation": {"chrf": value + 20, "exact_match": value / 2},
                    "captioning": {"cider": value / 25},
                }
                made = record(task, attention, seed, value)
                made = replace(
                    made,
                    measures={
                        primary: value,
                        **extra.get(task, {}),
                        "nll": 40 / value,
                        "perplexity": math.exp(40 / value),
                    },
                    attention_quality={name: v + draw.gauss(0, 0.02) for name, v in QUALITY.items()},
                    signatures={primary: SIGNATURE} if task != "reading" else {},
                    cost={**made.cost, "seconds": 30 + draw.random() * 9, "peak_memory_bytes": 412 * 2**20},
                    curves={
                        f"val/{primary}": curve,
                        "val/nll": [40 / value + 3 * math.exp(-0.6 * e) for e in range(1, 7)],
                    },
                    provenance={
                        **made.provenance,
                        "overrides": [f"task={task}", f"attention={attention}", f"seed={seed}"],
                        "processor": "Some CPU",
                        "threads": 2,
                        "finished": "2025-01-01T12:00:00+00:00",
                    },
                )
                keep(root, made, [EXHIBIT[task](attention, index) for index in range(4)])


class Made(NamedTuple):
    """The builders, for tests to use."""

    record: Callable[..., Record] = record
    places: Callable[..., dict[Path, Record]] = places
    keep: Callable[..., Path] = keep
    sweep: Callable[..., None] = sweep
    exhibit: Mapping[str, Callable[[str, int], Exhibit]] = EXHIBIT


@pytest.fixture(scope="session")
def made() -> Made:
    """Builders of made-up records."""
    return Made()


@pytest.fixture
def browse(tmp_path: Path) -> Callable[..., subprocess.CompletedProcess[str]]:
    """What a browser of some width makes of a page (its output), and what it complains of (its errors)."""
    chromium = shutil.which("chromium") or shutil.which("chromium-browser") or shutil.which("google-chrome")
    if chromium is None:
        pytest.skip("needs chromium on the PATH")
    options = ["--headless", "--no-sandbox", "--disable-gpu", "--disable-quic", "--no-first-run"]
    options += ["--disable-background-networking", "--disable-component-update", "--disable-sync"]
    options += ["--enable-logging=stderr", "--v=0", "--virtual-time-budget=2000", "--dump-dom"]
    command = [chromium, *options, f"--user-data-dir={tmp_path / 'profile'}"]

    def dom(file: Path, width: int = 1400) -> subprocess.CompletedProcess[str]:
        asked = [*command, f"--window-size={width},900", file.as_uri()]
        return subprocess.run(asked, capture_output=True, text=True, timeout=120, check=True)

    return dom
