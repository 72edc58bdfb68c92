"""A run of ours beside a run of JoeyNMT: `python -m attnbench.benchmarks.speed.joeynmt TRAIN_LOG RUN --out FILE`."""

import argparse
import re
from collections.abc import Mapping, Sequence
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Any

from attnbench.benchmarks.errors import InputError
from attnbench.benchmarks.record import read_record, write_json

DECODING = re.compile(r"Decoding on (dev|test) set")
TOOK = re.compile(r"Generation took ([\d.]+)\[sec\]")
PREDICTING = re.compile(r"Predicting (\d+) example")
SCORED = re.compile(r"Evaluation result \(beam search\): bleu: +([\d.]+)")
EPOCH = re.compile(r"Epoch +(\d+), total training loss: .*num\. of tokens: (\d+), ([\d.]+)\[sec\]")
PARAMETERS = re.compile(r"Total params: (\d+)")


@dataclass(frozen=True)
class Side:
    """What one of the two came to; BLEU with its beam, on validation and test sentences."""

    name: str
    parameters: int
    epochs: int
    tokens_per_second: float  # target words and sentence ends of training, without validation
    validation_bleu: float
    test_bleu: float
    sentences_per_second: float  # test sentences decoded


def logged(log: str) -> Side:
    """JoeyNMT's side, from its log. Raises InputError where the run did not reach the end of its test."""
    parameters, epochs = PARAMETERS.search(log), EPOCH.findall(log)  # seconds are each epoch's own
    decoded = {}
    for part in re.split(r"(?=Decoding on (?:dev|test) set)", log)[1:]:
        found = [pattern.search(part) for pattern in (DECODING, PREDICTING, TOOK, SCORED)]
        if all(found):
            split, examples, seconds, bleu = (match[1] for match in found if match)
            decoded[split] = int(examples) / float(seconds), float(bleu)
    if parameters is None or not epochs or set(decoded) != {"dev", "test"}:
        raise InputError(
            "the log: has no whole run of JoeyNMT, from its parameters to the decoding of dev and test set"
        )
    return Side(
        name="JoeyNMT",
        parameters=int(parameters[1]),
        epochs=len(epochs),
        tokens_per_second=sum(int(tokens) for _, tokens, _ in epochs) / sum(float(seconds) for _, _, seconds in epochs),
        validation_bleu=decoded["dev"][1],
        test_bleu=decoded["test"][1],
        sentences_per_second=decoded["test"][0],
    )


def recorded(run: Path) -> Side:
    """Our side, from a run's record. Raises RecordError, and InputError where a figure is missing."""
    record = read_record(run)
    figures = {**record.cost, **{f"test_{k}": v for k, v in record.measures.items()}}
    figures |= {f"validation_{k}": v for k, v in record.validation.items()}

    def figure(name: str) -> float:
        value = figures.get(name)
        if value is None:
            raise InputError(f"{run}: its record has no {name}")
        return float(value)

    return Side(
        name="attention-bench",
        parameters=int(figure("parameters")),
        epochs=len(record.curves["val/bleu"]),
        tokens_per_second=figure("symbols_per_second"),
        validation_bleu=figure("validation_bleu"),
        test_bleu=figure("test_bleu"),
        sentences_per_second=figure("predictions_per_second"),
    )


def table(beside: Mapping[str, Any]) -> str:
    """Both sides and the ratio of their speeds, as Markdown."""
    peer, own = (Side(**side) for side in beside["sides"])
    rows = [
        ("Parameters", *(f"{side.parameters:,}" for side in (peer, own)), ""),
        ("Epochs", *(str(side.epochs) for side in (peer, own)), ""),
        speeds("Training, target tokens/s", peer.tokens_per_second, own.tokens_per_second),
        ("Validation BLEU, beam 5", *(f"{side.validation_bleu:.1f}" for side in (peer, own)), ""),
        ("Test BLEU, beam 5", *(f"{side.test_bleu:.1f}" for side in (peer, own)), ""),
        speeds("Decoding, sentences/s", peer.sentences_per_second, own.sentences_per_second),
    ]
    lines = [f"| {' | '.join(row)} |" for row in rows]
    return "\n".join([f"| | {peer.name} | {own.name} | ratio |", "| --- | ---: | ---: | ---: |", *lines])


def speeds(name: str, peer: float, own: float) -> tuple[str, str, str, str]:
    """A row with the ratio of ours to theirs."""
    return name, f"{peer:,.0f}", f"{own:,.0f}", f"{own / peer:.1f} ×"


def main(arguments: Sequence[str] | None = None) -> None:
    """Writes the figures of both as JSON."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("log", type=Path, help="the file train.log in JoeyNMT's model folder")
    parser.add_argument("run", type=Path, help="the folder of a run, which holds its record.json")
    parser.add_argument("--out", type=Path, required=True, help="where the figures go, as JSON")
    given = parser.parse_args(arguments)
    provenance = read_record(given.run).provenance
    kept = {
        name: provenance.get(name)
        for name in ("commit", "versions", "processor", "threads", "precision", "overrides", "finished")
    }
    sides = [asdict(logged(given.log.read_text("utf-8"))), asdict(recorded(given.run))]
    write_json(given.out, {"sides": sides, "ours": kept}, indent=1)


if __name__ == "__main__":
    main()
