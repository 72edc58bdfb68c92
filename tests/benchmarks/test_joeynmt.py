"""JoeyNMT's log beside a record of ours."""

import json
from pathlib import Path
from typing import Any

import pytest

from attnbench.benchmarks.errors import InputError
from attnbench.benchmarks.readme import with_tables
from attnbench.benchmarks.record import Record, write_record
from attnbench.benchmarks.speed.joeynmt import logged, main

STAMP = "2030-01-01 00:00:00,000 - INFO - joeynmt"
LOG = f"""{STAMP}.model - Total params: 7000
{STAMP}.training - Epoch   1, Step:       50, Batch Loss:     5.7, Batch Acc: 0.1, Tokens per Sec:     9999, Lr: 0.001000
{STAMP}.prediction - Predicting 30 example(s)... (Greedy decoding with min_output_length=1)
{STAMP}.prediction - Generation took 1.0000[sec].
{STAMP}.prediction - Evaluation result (greedy): bleu:   3.00, loss:   4.0, 0.1[sec]
{STAMP}.training - Epoch   1, total training loss: 55.00, num. of seqs: 90, num. of tokens: 1000, 5.0000[sec]
{STAMP}.training - Epoch   2, total training loss: 44.00, num. of seqs: 90, num. of tokens: 1000, 8.0000[sec]
{STAMP}.prediction - Decoding on dev set... (device: cpu, n_gpu: 0, use_ddp: False, fp16: False)
{STAMP}.prediction - Predicting 30 example(s)... (Beam search with beam_size=5)
{STAMP}.prediction - Generation took 2.0000[sec].
{STAMP}.prediction - Evaluation result (beam search): bleu:  31.50, 0.1[sec]
{STAMP}.prediction - Decoding on test set... (device: cpu, n_gpu: 0, use_ddp: False, fp16: False)
{STAMP}.prediction - Predicting 20 example(s)... (Beam search with beam_size=5)
{STAMP}.prediction - Generation took 4.0000[sec].
{STAMP}.prediction - Evaluation result (beam search): bleu:  29.25, 0.1[sec]
"""


def record(**changes: Any) -> Record:
    cost = {"parameters": 7100, "symbols_per_second": 1000.0, "predictions_per_second": 30.0}
    known = {
        "cell": "c", "status": "finished", "task": "translation", "data": "multi30k", "model": "rnnsearch",
        "attention": "additive_soft", "score": "additive", "selection": "softmax", "seed": 0, "budget": {},
        "provenance": {"commit": "abc"}, "measures": {"bleu": 30.0}, "validation": {"bleu": 32.0}, "cost": cost,
        "curves": {"val/bleu": [20.0, 32.0]},
    }  # fmt: skip
    return Record(**{**known, **changes})


def test_figures_of_a_whole_log_are_those_of_beam_search_and_of_all_epochs() -> None:
    side = logged(LOG)
    assert (side.parameters, side.epochs) == (7000, 2)
    assert side.tokens_per_second == pytest.approx(2000 / 13)
    assert (side.validation_bleu, side.test_bleu) == (31.5, 29.25)
    assert side.sentences_per_second == pytest.approx(20 / 4)


@pytest.mark.parametrize("missing", ["Total params", "total training loss", "Decoding on test set", "(beam search)"])
def test_a_log_that_ends_early_is_refused(missing: str) -> None:
    with pytest.raises(InputError, match="no whole run"):
        logged("\n".join(line for line in LOG.splitlines() if missing not in line))


def test_the_table_has_both_sides_and_the_ratios_of_their_speeds(tmp_path: Path) -> None:
    (tmp_path / "train.log").write_text(LOG, "utf-8")
    write_record(tmp_path / "run", record())
    main([str(tmp_path / "train.log"), str(tmp_path / "run"), "--out", str(tmp_path / "beside.json")])
    assert json.loads((tmp_path / "beside.json").read_text("utf-8"))["ours"]["commit"] == "abc"
    page = with_tables("<!-- beside: beside.json -->\nold\n<!-- end -->", tmp_path).splitlines()
    assert page[0] == "<!-- beside: beside.json -->"
    assert "| Training, target tokens/s | 154 | 1,000 | 6.5 × |" in page
    assert "| Decoding, sentences/s | 5 | 30 | 6.0 × |" in page
    assert "| Test BLEU, beam 5 | 29.2 | 30.0 |  |" in page


def test_a_record_without_a_figure_is_refused_by_its_name(tmp_path: Path) -> None:
    (tmp_path / "train.log").write_text(LOG, "utf-8")
    write_record(tmp_path / "run", record(cost={"parameters": 1, "symbols_per_second": 1.0}))
    with pytest.raises(InputError, match="has no predictions_per_second"):
        main([str(tmp_path / "train.log"), str(tmp_path / "run"), "--out", str(tmp_path / "beside.json")])
