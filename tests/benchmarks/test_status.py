"""How sweeps stand: counts, causes, the time left, exit codes; a cell that runs told from one whose process is dead."""

import json
import subprocess
import sys
import time
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest

from attnbench.benchmarks import claim, standing
from attnbench.benchmarks.claim import Beat, Heartbeat, heartbeat
from attnbench.benchmarks.cli import main
from attnbench.benchmarks.progress import Silent
from attnbench.benchmarks.record import write_record
from attnbench.benchmarks.standing import Standing, time_left, told
from attnbench.benchmarks.status import asked_for

HOLDER = """
import sys, time
import filelock
with filelock.FileLock(sys.argv[1]):
    print("held", flush=True)
    time.sleep(600)
"""


@contextmanager
def held(folder: Path) -> Iterator[subprocess.Popen[str]]:
    """A process that has the cell of a folder."""
    folder.mkdir(parents=True, exist_ok=True)
    command = [sys.executable, "-c", HOLDER, str(folder / "lock")]
    with subprocess.Popen(command, stdout=subprocess.PIPE, text=True) as process:
        assert process.stdout is not None
        assert process.stdout.readline() == "held\n"
        yield process
        process.kill()


def beats(folder: Path, share: float, **changes: Any) -> None:
    """Leaves a heartbeat."""
    folder.mkdir(parents=True, exist_ok=True)
    now = time.time()
    beat = {"share": share, "skipped": 0.0, "doing": "epoch 3 of 6", "started": now - 60, "beaten": now, "process": 7}
    (folder / "progress.json").write_text(json.dumps({**beat, "host": "box", **changes}))


def status(capsys: pytest.CaptureFixture[str], *words: str) -> tuple[int, list[str]]:
    """The exit code and the lines."""
    capsys.readouterr()
    with pytest.raises(SystemExit) as caught:
        main(["status", *words])
    assert isinstance(caught.value.code, int)
    return caught.value.code, capsys.readouterr().out.splitlines()


def test_each_cell_that_an_experiment_asks_for_is_counted_once_by_how_it_stands(
    tmp_path: Path, made: Any, capsys: pytest.CaptureFixture[str]
) -> None:
    runs = tmp_path / "runs"
    words = ["experiment=quickstart", "task=reading", "trainer=cpu"]
    done, failed, running, interrupted, missing = (cell.folder for cell in asked_for(runs, words))
    assert not runs.exists()
    code, lines = status(capsys, str(runs), *words)
    assert (code, lines[0].partition(": ")[2]) == (3, "5 cells: 0 done, 5 missing; time left unknown")
    write_record(done, made.record("reading", cost={"total_seconds": 100.0}))
    write_record(failed, made.record("reading", status="failed", error="the disk is full"))
    beats(interrupted, 0.75)
    with held(running):
        beats(running, 0.5)
        before = sorted(runs.rglob("*"))
        code, lines = status(capsys, str(runs), *words)
        assert before == sorted(runs.rglob("*"))  # looking changes nothing
    assert lines[0].partition(": ")[2].startswith("5 cells: 1 done, 1 running, 1 failed, 1 interrupted, 1 missing; ")
    assert lines[0].endswith(" left")
    assert code == 1
    places = {lines[n]: lines[n + 1] for n in range(1, len(lines), 2)}
    assert places["running"].startswith(f"  {'/'.join(running.parts[-3:])}: 50%, epoch 3 of 6, ")
    assert places["running"].endswith(" left, process 7 on box")
    assert places["failed"] == f"  {'/'.join(failed.parts[-3:])}: the disk is full"
    assert places["interrupted"] == f"  {'/'.join(interrupted.parts[-3:])}: at 75%"
    assert places["missing"] == f"  {'/'.join(missing.parts[-3:])}"


def test_without_an_experiment_it_tells_what_is_found(
    tmp_path: Path, made: Any, capsys: pytest.CaptureFixture[str]
) -> None:
    place = made.keep(tmp_path, made.record())
    assert status(capsys, str(tmp_path)) == (0, [f"{tmp_path}: 1 cells: 1 done"])
    beats(place.parent / "seed1-abc", 0.5)
    code, lines = status(capsys, str(tmp_path))
    assert code == 3
    assert lines[0].startswith(f"{tmp_path}: 2 cells: 1 done, 1 interrupted; ")
    made.keep(tmp_path, made.record(seed=2, status="failed", error="too large"))
    assert status(capsys, str(tmp_path))[0] == 1


def test_a_lock_of_a_dead_process_is_stale(tmp_path: Path) -> None:
    folder = tmp_path / "data" / "mechanism" / "seed0"
    with held(folder) as process:
        assert standing.standing(folder).state == "running"
        process.kill()
        process.wait()
        assert (folder / "lock").exists()
        assert standing.standing(folder).state == "missing"
        beats(folder, 0.2)
        assert standing.standing(folder).state == "interrupted"


def test_a_failed_cell_that_is_tried_again_is_running(tmp_path: Path, made: Any) -> None:
    place = made.keep(tmp_path, made.record(status="failed", error="too large"))
    assert standing.standing(place).state == "failed"
    with held(place):
        assert standing.standing(place).state == "running"


def cell(
    state: standing.State, kind: tuple[str, str] = ("a", "x"), beat: Beat | None = None, **cost: float
) -> Standing:
    record = None if not cost else replace(RECORD, cost=cost)
    return Standing(Path(f"/{state}/{kind}/{cost}/{beat}"), state, kind, record, beat)


RECORD: Any = None


@pytest.fixture(autouse=True)
def a_record(made: Any, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(sys.modules[__name__], "RECORD", made.record())


def test_the_time_left_is_that_of_like_cells_over_as_many_as_run(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(standing.time, "time", lambda: 1000.0)
    done = [cell("done", ("a", "x"), total_seconds=100.0), cell("done", ("b", "x"), total_seconds=300.0)]
    beat = Beat(
        0.5, 0.25, "", started=900.0, beaten=1000.0, process=1, host="box"
    )  # a quarter took 100 s: 200 s are left
    assert time_left(done) == ""
    assert time_left([cell("missing")]) == "time left unknown"
    assert (
        time_left([*done, cell("missing", ("a", "y"))]) == "nothing is running, 1:40 of work left"
    )  # of the same task
    assert (
        time_left([*done, cell("missing", ("c", "x"))]) == "nothing is running, 3:20 of work left"
    )  # as all on average
    running = cell("running", ("b", "x"), beat)
    assert time_left([*done, running]) == "3:20 left"
    assert time_left([*done, running, cell("missing", ("b", "x"))]) == "8:20 left"
    twice = [replace(running, folder=Path("/1")), replace(running, folder=Path("/2"))]
    assert time_left([*done, *twice, cell("missing", ("b", "x"))]) == "5:50 left"
    assert time_left([*done, *twice]) == "3:20 left"  # no less than the longest


def test_a_cell_that_has_said_nothing_for_long_is_told() -> None:
    beat = Beat(0.5, 0.0, "epoch 1 of 2", started=0.0, beaten=100.0, process=1, host="box")
    assert cell("running", beat=beat).line(130.0).endswith("1:10 left, process 1 on box")
    assert cell("running", beat=beat).line(3700.0).endswith("process 1 on box; silent for 1:00:00")


def test_a_heartbeat_says_how_far_a_cell_is_now_and_then(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    now = 100.0
    monkeypatch.setattr(claim.time, "time", lambda: now)
    beating = Heartbeat(tmp_path, Silent())
    assert heartbeat(tmp_path) is None
    beating.skip(0.25)
    beating.advance(0.3, "epoch 1 of 4")
    now += claim.EVERY / 2
    beating.advance(0.4, "epoch 2 of 4")
    beat = heartbeat(tmp_path)
    assert beat is not None
    assert (beat.share, beat.skipped, beat.doing, beat.started) == (0.3, 0.25, "epoch 1 of 4", 100.0)
    now += claim.EVERY
    beating.advance(0.5, "epoch 3 of 4")
    beat = heartbeat(tmp_path)
    assert beat is not None
    assert (beat.share, beat.beaten) == (0.5, now)
    (tmp_path / "progress.json").write_text("{}")
    assert heartbeat(tmp_path) is None


def test_a_long_list_stays_readable(made: Any) -> None:
    lines = told([cell("failed", total_seconds=1.0), cell("missing")], "runs")
    assert lines[0].startswith("runs: 2 cells: 0 done, 1 failed, 1 missing")
    assert [line for line in lines if not line.startswith(" ")][1:] == ["failed", "missing"]


@pytest.mark.parametrize(
    ("words", "said"),
    [
        (["experiment=quickstart"], "the first word is the folder that holds the runs"),
        (["/nowhere"], "/nowhere: no such file or folder"),
        (["runs", "experiment=quikstart"], "experiment=quikstart: no such choice; did you mean quickstart?"),
        (["runs", "seed=x"], "seed=x: must be a whole number"),
    ],
)
def test_what_is_wrong_is_said_in_one_line(
    words: list[str], said: str, capsys: pytest.CaptureFixture[str], tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.chdir(tmp_path)
    with pytest.raises(SystemExit) as caught:
        main(["status", *words])
    assert caught.value.code == 1
    assert said in capsys.readouterr().err
    assert list(tmp_path.iterdir()) == []
