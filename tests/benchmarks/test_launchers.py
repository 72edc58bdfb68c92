"""Launchers: processes of their own, so many at once, each with its share of the machine; what becomes of one that dies."""

import importlib.util
import os
import subprocess
import sys
import tempfile
from collections.abc import Callable, Generator, Sequence
from pathlib import Path
from typing import Any

import pytest
from hydra import compose, initialize_config_module
from hydra.utils import instantiate

from attnbench.benchmarks.errors import explain
from attnbench.benchmarks.launchers import apart, gpus, joblib, one_cell
from attnbench.benchmarks.launchers.apart import Call, Ended
from attnbench.benchmarks.listing import options

Runner = Callable[[Sequence[Call]], Generator[tuple[int, Ended], None, None]]
SMALL = {"joblib": ["n_jobs=2"], "submitit": ["cluster=local", "n_jobs=2"], "ray": []}
# A process that counts how many run at the same time, itself included, and then does what its first word says.
SCRIPT = """
import os, pathlib, signal, sys, time
folder, does = pathlib.Path(sys.argv[-2]), sys.argv[-1]
mine = folder / f"alive-{os.getpid()}"
mine.touch()
time.sleep(0.3)
print("at once", len(list(folder.glob("alive-*"))), "threads", sys.argv[sys.argv.index("--threads") + 1])
sys.stdout.flush()
if does == "wait":
    time.sleep(600)
if does == "parent":
    import multiprocessing
    child = multiprocessing.get_context("fork").Process(target=print)
    child.start()
    child.join()
    does = str(child.exitcode)
mine.unlink()
if does == "die":
    os.kill(os.getpid(), signal.SIGKILL)
sys.exit(int(does))
"""


def build(name: str, *words: str) -> Any:
    """A launcher as the config has it."""
    if importlib.util.find_spec(name) is None:
        pytest.skip(f"needs attention-bench[{name}]")
    overrides = [f"launcher={name}", *(f"launcher.{word}" for word in (*SMALL[name], *words))]
    with initialize_config_module("attnbench.conf", version_base="1.3"):
        config = compose("run", overrides=[*overrides, f"out={tempfile.gettempdir()}"])
        return instantiate(config.launcher)


@pytest.fixture
def calls(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Callable[..., list[Call]]:
    """Calls of the script."""
    monkeypatch.setattr(apart, "PROGRAM", (sys.executable, "-c", SCRIPT))
    monkeypatch.setattr(tempfile, "tempdir", str(tmp_path))
    return lambda *doing: [Call([str(tmp_path), word], tmp_path / f"log{n}") for n, word in enumerate(doing)]


@pytest.mark.parametrize("name", SMALL)
def test_a_process_that_dies_takes_no_other_with_it_and_every_end_is_told(
    name: str, calls: Callable[..., list[Call]]
) -> None:
    """And no more run at once than was asked for, where a launcher can be asked."""
    given = calls("0", "die", "3", "0")
    ends = dict(build(name).ended(given))
    assert {number: end.code for number, end in ends.items()} == {0: 0, 1: -9, 2: 3, 3: 0}
    counted = [int(call.log.read_text().split()[2]) for call in given]
    assert max(counted) <= (2 if "n_jobs=2" in SMALL[name] else 4)


def alive(folder: Path) -> list[int]:
    """The processes of the script that run."""
    return [int(path.name.split("-")[1]) for path in folder.glob("alive-*") if Path(f"/proc/{path.name[6:]}").exists()]


@pytest.mark.parametrize("name", list(SMALL))
def test_a_cells_process_may_start_processes_of_its_own(name: str, calls: Callable[..., list[Call]]) -> None:
    given = calls("parent", "parent")
    assert dict(build(name).ended(given)) == {0: Ended(0), 1: Ended(0)}


@pytest.mark.skipif(not Path("/proc/self").exists(), reason="looks for processes in /proc")
@pytest.mark.parametrize("name", ["joblib"])
def test_what_runs_is_ended_when_nobody_wants_more(name: str, calls: Callable[..., list[Call]], tmp_path: Path) -> None:
    given = calls("0", "wait", "0", "wait", "wait")
    ends = build(name).ended(given)
    assert next(ends)[1] == Ended(0)
    assert next(ends)[1] == Ended(0)
    ends.close()
    assert alive(tmp_path) == []


def test_threads_are_the_cores_over_the_cells_at_once(
    calls: Callable[..., list[Call]], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("joblib.cpu_count", lambda: 7)
    monkeypatch.delenv("OMP_NUM_THREADS")
    given = calls("0", "0")
    list(build("joblib").ended(given))
    assert [call.log.read_text().split()[4] for call in given] == ["3", "3"]
    assert joblib.share(9) == 1
    monkeypatch.setenv("OMP_NUM_THREADS", "2")
    assert joblib.share(1) == 2


@pytest.mark.parametrize(
    ("n_jobs", "devices", "count", "expected"),
    [(-1, 1, 3, 3), (2, 1, 3, 2), (-1, 2, 5, 2), (-1, 0, 0, 4), (3, 1, 0, 1)],
)
def test_one_cell_a_gpu(n_jobs: int, devices: int, count: int, expected: int, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("joblib.effective_n_jobs", lambda n: 8 if n == -1 else n)
    calls = [Call([], Path("log"), devices)] * 4
    assert build("joblib", f"n_jobs={n_jobs}").at_once(calls, count) == expected


def test_cells_that_use_gpus_are_told_between_which(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("CUDA_VISIBLE_DEVICES", "3, GPU-5a")
    assert gpus.visible() == ["3", "GPU-5a"]
    told = Call(["seed=0"], Path("log"), 1).command(2, gpus.visible())
    assert told[3:] == ["--cell", ".", "--threads", "2", "--gpus", "3,GPU-5a", "--devices", "1", "--", "seed=0"]
    assert "--gpus" not in Call(["seed=0"], Path("log"), 0).command(2, gpus.visible())


def test_a_cells_process_has_its_threads_and_its_gpu_and_nothing_else(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    seen = []
    monkeypatch.setattr(tempfile, "tempdir", str(tmp_path))
    monkeypatch.setattr(one_cell.threading.Thread, "start", lambda self: None)
    for name in ("CUDA_VISIBLE_DEVICES", "OMP_NUM_THREADS"):
        monkeypatch.setenv(name, "")
    monkeypatch.setattr(one_cell, "run", lambda words: seen.append((os.environ["CUDA_VISIBLE_DEVICES"], words)))
    told = ["--cell", str(tmp_path / "cell"), "--threads", "2", "--gpus", "3,5,7", "--devices"]
    with gpus.handed_out(["3"], 1):
        one_cell.main([*told, "1", "--", "seed=0"])
        one_cell.main([*told, "2", "--", "seed=1"])
    one_cell.main([*told, "1", "--", "a={b: 1}"])
    assert seen == [("5", ["seed=0"]), ("5,7", ["seed=1"]), ("3", ["a={b: 1}"])]
    assert os.environ["OMP_NUM_THREADS"] == "2"


HOLDER = """
import os, sys, tempfile, time
tempfile.tempdir = sys.argv[1]
from attnbench.benchmarks.launchers.gpus import handed_out
for _ in range(8):
    with handed_out(["0", "1"], 1) as (mine,):
        held = os.path.join(sys.argv[1], "held-" + mine)
        os.close(os.open(held, os.O_CREAT | os.O_EXCL))  # fails where another process holds the same GPU
        time.sleep(0.01)
        os.unlink(held)
        print(mine, flush=True)
"""


def test_no_two_processes_have_a_gpu_at_the_same_time(tmp_path: Path) -> None:
    command = [
        sys.executable,
        "-c",
        HOLDER.replace("for", "import attnbench.benchmarks.launchers.gpus as g\ng.EVERY = 0.005\nfor", 1),
    ]
    processes = [
        subprocess.Popen([*command, str(tmp_path)], stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True)
        for _ in range(4)
    ]
    said = [process.communicate(timeout=60) for process in processes]
    assert [error for _, error in said] == [""] * 4
    assert {name for out, _ in said for name in out.split()} == {"0", "1"}


def test_the_gpu_of_a_process_that_was_killed_is_free_again(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(tempfile, "tempdir", str(tmp_path))
    script = HOLDER.replace("time.sleep(0.01)", "print('held', flush=True); time.sleep(600)")
    process = subprocess.Popen([sys.executable, "-c", script, str(tmp_path)], stdout=subprocess.PIPE, text=True)
    assert process.stdout is not None
    assert process.stdout.readline() == "held\n"
    with gpus.handed_out(["0", "1"], 1) as mine:
        assert mine == ["1"]
    process.kill()
    process.wait()
    with gpus.handed_out(["0", "1"], 2) as mine:
        assert mine == ["0", "1"]


ORPHAN = """
import os, pathlib, sys, time
from attnbench.benchmarks.launchers import one_cell
one_cell.EVERY = 0.05
one_cell.run = lambda words: (pathlib.Path(words[0]).touch(), time.sleep(600))
one_cell.main(["--cell", sys.argv[1] + "-cell", "--threads", "1", "--", sys.argv[1]])
"""
PARENT = """
import os, subprocess, sys, time
subprocess.Popen([sys.executable, "-c", *sys.argv[1:]])
while not os.path.exists(sys.argv[2]):
    time.sleep(0.01)
"""


def test_a_cells_process_ends_with_the_sweep_that_started_it(tmp_path: Path) -> None:
    command = [sys.executable, "-c", PARENT, ORPHAN, str(tmp_path / "started")]
    process = subprocess.Popen(command, stdout=subprocess.PIPE)  # which is closed once both processes have ended
    assert process.communicate(timeout=60) == (b"", None)
    assert (tmp_path / "started").exists()


WRONG = {
    "joblib": {
        "n_jobs=0": "launcher.n_jobs=0: must be a whole number but 0",
        "threads=0": "launcher.threads=0: must be",
    },
    "submitit": {"minutes=0": "launcher.minutes=0: must be a whole number, 1 or more"},
    "ray": {"threads=100000": "launcher.threads=100000: this machine has"},
}


@pytest.mark.parametrize(("name", "wrong"), [(name, word) for name, words in WRONG.items() for word in words])
def test_a_wrong_option_is_named(name: str, wrong: str) -> None:
    with pytest.raises(Exception, match=r".") as caught:
        build(name, wrong)
    assert WRONG[name][wrong] in explain(caught.value)


@pytest.mark.parametrize("name", SMALL)
def test_an_extra_that_is_not_installed_is_asked_for(name: str, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(apart.importlib.util, "find_spec", lambda package: None)
    with pytest.raises(
        ValueError, match=rf"launcher={name}: {name} is not installed; pip install 'attention-bench\[{name}\]'"
    ):
        apart.need(name)


def test_every_launcher_is_tried_here() -> None:
    assert set(options("launcher")) == {"cells", *SMALL}
