"""Sweeps beside others: every cell runs once, whoever asks for it; failures are told, retried and ended at when asked."""

import multiprocessing
import os
import subprocess
import sys
import time
from pathlib import Path

import pytest

from attnbench.benchmarks import launcher
from attnbench.benchmarks.claim import claim, claimed
from attnbench.benchmarks.cli import main
from attnbench.benchmarks.launchers import apart
from attnbench.benchmarks.record import Record, find_records
from attnbench.benchmarks.status import asked_for

TINY = [
    "task.data.sizes={train: 24, validation: 8, test: 8}",
    "budget.epochs=1",
    "budget.width=8",
    "budget.batch_size=8",
    "trainer=cpu",
]
REFUSED = ["attention/score=additive", "attention/selection=uniform,softmax"]  # the first of the two cannot be built
COUNTING = """
import os
from attnbench.benchmarks.sink import NoSink

def tell(what):
    with open(os.environ["COUNTED"], "a") as file:
        file.write(what + "\\n")

class Counting(NoSink):
    def __init__(self):
        tell("built")

    def conclude(self, comparison, report):
        tell("of a sweep")
"""


def run(out: Path, *words: str) -> int:
    """The exit code of a run."""
    try:
        main(["run", *TINY, f"out={out}", *words])
    except SystemExit as end:
        return int(end.code or 0)
    return 0


def records(out: Path) -> dict[str, Record]:
    return {record.attention: record for record in find_records([out]).values()}


@pytest.fixture
def counted(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """A file that tells of every cell that was built to be run, in whatever process."""
    (tmp_path / "counting").mkdir()
    (tmp_path / "counting" / "counted.py").write_text(COUNTING)
    monkeypatch.setenv("PYTHONPATH", f"{tmp_path / 'counting'}{os.pathsep}{os.environ.get('PYTHONPATH', '')}")
    monkeypatch.syspath_prepend(tmp_path / "counting")
    monkeypatch.setenv("COUNTED", str(tmp_path / "counted"))
    return tmp_path / "counted"


def built(counted: Path) -> int:
    """How often a cell was built; a sweep that ends in a comparison builds what it is told to once more."""
    told = counted.read_text().splitlines()
    return told.count("built") - told.count("of a sweep")


def sweep_at(start: float, out: Path, words: list[str]) -> None:
    """A sweep that begins at a time, for a process of its own."""
    time.sleep(max(0.0, start - time.time()))
    sys.exit(run(out, *words))


def test_two_sweeps_that_start_in_the_same_second_run_every_cell_once(tmp_path: Path, counted: Path) -> None:
    """One cell is new, the other failed before: each sweep has two processes, and asks for it to be tried again."""
    out = tmp_path / "runs"
    words = ["-m", *REFUSED, "logger._target_=counted.Counting"]
    assert run(out, *words, "attention/selection=uniform") == 1
    stamp = {path: path.stat().st_mtime_ns for path in out.rglob("record.json")}
    assert len(stamp) == 1
    counted.unlink()
    words += ["retry_failed=true", "launcher=joblib", "launcher.n_jobs=2"]
    apart_from_us = multiprocessing.get_context("fork")  # torch is imported: it would take longer than the sweeps
    sweeps = [apart_from_us.Process(target=sweep_at, args=(time.time() + 1.0, out, words)) for _ in range(2)]
    for process in sweeps:
        process.start()
    for process in sweeps:
        process.join(300)
    assert [process.exitcode for process in sweeps] == [1, 1]  # the one failure, told by both
    assert built(counted) == 2
    assert sorted(record.status for record in find_records([out]).values()) == ["failed", "finished"]
    assert all(path.stat().st_mtime_ns > before for path, before in stamp.items())  # tried again indeed
    assert run(out, *words[:3]) == 1  # in this process, to the same cells: nothing is left to run
    assert built(counted) == 2


# A process that has a cell until a file is there, then perhaps leaves a record.
HOLDER = """
import os, shutil, sys, time
import filelock
folder, until, leaves = sys.argv[1:]
os.makedirs(folder, exist_ok=True)
with filelock.FileLock(folder + "/lock"):
    print("held", flush=True)
    while not os.path.exists(until):
        time.sleep(0.01)
    if leaves:
        shutil.copy(leaves, folder + "/record.json")
"""


def hold(folder: Path, until: Path, leaves: Path | None = None) -> subprocess.Popen[str]:
    """Starts such a process, and waits until it has the cell."""
    command = [sys.executable, "-c", HOLDER, str(folder), str(until), "" if leaves is None else str(leaves)]
    process = subprocess.Popen(command, stdout=subprocess.PIPE, text=True)
    assert process.stdout is not None
    assert process.stdout.readline() == "held\n"
    return process


@pytest.fixture(scope="module")
def finished(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Runs of a finished cell."""
    out = tmp_path_factory.mktemp("finished")
    assert run(out, "attention=additive_soft") == 0
    return out


@pytest.mark.parametrize("leaves", ["finished", "failed", "nothing"])
def test_a_cell_that_another_process_runs_is_left_to_it_and_come_back_to(
    leaves: str, tmp_path: Path, finished: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.setattr(launcher, "EVERY", 0.01)
    (whole,) = find_records([finished])
    record = whole / "record.json"
    if leaves == "failed":
        told = record.read_text().replace('"status": "finished"', '"status": "failed"')
        record = tmp_path / "record.json"
        record.write_text(told.replace('"error": null', '"error": "the disk is full"'))
    out = tmp_path / "runs"
    taken, other = (cell.folder for cell in asked_for(out, [*TINY, "attention=additive_soft,uniform"]))
    process = hold(taken, other / "record.json", None if leaves == "nothing" else record)
    code = run(out, "-m", "attention=additive_soft,uniform")
    assert process.wait() == 0
    assert records(out)["uniform"].finished
    assert records(out)["additive_soft"].finished is (leaves != "failed")
    assert (taken / "best.ckpt").exists() is (leaves == "nothing")  # what the other one ran is not run here
    assert code == (1 if leaves == "failed" else 0)
    assert ("the disk is full" in capsys.readouterr().err) is (leaves == "failed")


def test_a_single_run_of_a_cell_that_runs_elsewhere_says_so_and_exits_with_3(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    (cell,) = asked_for(tmp_path / "runs", TINY)
    process = hold(cell.folder, tmp_path / "end")
    assert claimed(cell.folder)
    assert run(tmp_path / "runs") == 3
    assert "another process is running it" in capsys.readouterr().err
    process.kill()
    process.wait()
    assert not claimed(cell.folder)  # what a dead process leaves is no lock
    assert run(tmp_path / "runs") == 0
    assert not (cell.folder / "lock").exists()
    assert not (cell.folder / "progress.json").exists()


def test_a_sweep_ends_at_its_first_failure_when_asked(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    assert run(tmp_path, "-m", *REFUSED, "fail_fast=true") == 1
    assert [record.finished for record in find_records([tmp_path]).values()] == [False]
    assert "1 of 2 cells failed (fail_fast: 1 not run)" in capsys.readouterr().err
    assert run(tmp_path, "-m", *REFUSED, "fail_fast=true") == 1  # it failed before: that is a failure too
    assert len(find_records([tmp_path])) == 1
    assert run(tmp_path, "-m", *REFUSED) == 1
    assert len(find_records([tmp_path])) == 2


DEATHS = """
import os, signal, sys
words = " ".join(sys.argv)
if "attention=uniform" in words:
    os.kill(os.getpid(), signal.SIGKILL)
if "attention=dot_soft" in words:
    os.kill(os.getpid(), signal.SIGTERM)
sys.exit("attnbench: the data are gone")
"""


def test_cells_whose_process_dies_are_told_with_the_cause_and_only_a_crash_is_a_recorded_failure(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.setattr(apart, "PROGRAM", (sys.executable, "-c", DEATHS))
    words = ["-m", "attention=uniform,dot_soft,additive_soft", "launcher=joblib", "launcher.n_jobs=2"]
    assert run(tmp_path, *words) == 1
    told = capsys.readouterr().err
    assert "3 of 3 cells failed" in told
    assert "translation/uniform/seed0: its process was ended by SIGKILL, perhaps for want of memory" in told
    assert "translation/dot_soft/seed0: its process was ended by SIGTERM" in told
    assert "translation/additive_soft/seed0: the data are gone" in told
    assert {name: record.status for name, record in records(tmp_path).items()} == {"uniform": "failed"}


def test_how_a_sweep_is_run_decides_nothing_and_enters_no_record(tmp_path: Path, finished: Path) -> None:
    (cell,) = asked_for(tmp_path, [*TINY, "attention=additive_soft", "launcher=joblib", "retry_failed=true"])
    assert cell.folder.name == next(iter(find_records([finished]))).name
    assert run(tmp_path, "attention=additive_soft", "fail_fast=true", "launcher=joblib", "launcher.n_jobs=3") == 0
    (record,) = records(tmp_path).values()
    assert not [word for word in record.provenance["overrides"] if word.startswith(("fail_fast", "launcher"))]


def test_a_process_may_claim_its_cell_again_and_another_one_may_not(tmp_path: Path) -> None:
    with claim(tmp_path, "one"):
        with claim(tmp_path / ".." / tmp_path.name, "again"):
            assert claimed(tmp_path)
        command = [sys.executable, "-c", "from attnbench.benchmarks.launchers.one_cell import main; main({})"]
        command[2] = command[2].format(repr(["--cell", str(tmp_path), "--threads", "1", "--", "not run"]))
        assert subprocess.run(command, check=False).returncode == 3
    assert not claimed(tmp_path)
