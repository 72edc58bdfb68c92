"""SPICE 1.0 (Anderson et al. 2016) as the COCO caption evaluation calls it, in Java, where its models are installed."""

import json
import math
import tempfile
from collections.abc import Sequence
from pathlib import Path

from attnbench.tasks.captioning.metrics.java import Unavailable, finished, shipped, time_for

MODELS = ("stanford-corenlp-3.6.0.jar", "stanford-corenlp-3.6.0-models.jar")
SLOW = 20  # parsing takes so many times longer than counting n-grams


def spice(said: Sequence[str], truth: Sequence[Sequence[str]]) -> tuple[float, list[float]]:
    """SPICE (0-100) of all captions together and of each. Raises Unavailable without Java or models; downloads nothing."""
    missing = [name for name in MODELS if not shipped("spice", "lib", name).exists()]
    if missing:
        raise Unavailable(
            f"SPICE's models are not installed ({', '.join(missing)}); "
            "python -m pycocoevalcap.spice.get_stanford_models downloads them"
        )
    with tempfile.TemporaryDirectory() as folder:
        given, made = Path(folder, "captions.json"), Path(folder, "scores.json")
        rows = [
            {"image_id": index, "test": text, "refs": list(texts)}
            for index, (text, texts) in enumerate(zip(said, truth, strict=True))
        ]
        given.write_text(json.dumps(rows), "utf-8")
        words = ["-Xmx8G", "-jar", str(shipped("spice", "spice-1.0.jar")), str(given)]
        finished("SPICE", [*words, "-out", str(made), "-subset", "-silent"], "", SLOW * time_for(len(said)))
        each = read(made)
    if sorted(each) != list(range(len(said))) or not all(map(math.isfinite, each.values())):
        raise Unavailable("SPICE gave no figure for some images")
    values = [100 * each[index] for index in range(len(said))]
    return sum(values) / len(values), values


def read(path: Path) -> dict[int, float]:
    """Each image's F-score from SPICE's output. Raises Unavailable where that is not what is expected."""
    try:
        found = json.loads(path.read_text("utf-8"))
        return {row["image_id"]: float(row["scores"]["All"]["f"]) for row in found}
    except (OSError, ValueError, TypeError, KeyError):
        raise Unavailable("SPICE wrote no scores") from None
