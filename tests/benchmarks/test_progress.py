"""Telling how far a sweep is."""

import io
import pickle
import re

import pytest
from rich.console import Console

from attnbench.benchmarks import progress
from attnbench.benchmarks.progress import Board, clock


@pytest.mark.parametrize(("seconds", "told"), [(0, "0:00"), (59.6, "1:00"), (61, "1:01"), (3723, "1:02:03")])
def test_a_clock_tells_hours_minutes_and_seconds(seconds: int | float, told: str) -> None:
    assert clock(seconds) == told


class Stopped:
    """A clock that stands until it is set."""

    now = 100.0

    def monotonic(self) -> float:
        return self.now


@pytest.fixture
def board(monkeypatch: pytest.MonkeyPatch) -> tuple[Board, Stopped, io.StringIO]:
    time, out = Stopped(), io.StringIO()
    monkeypatch.setattr(progress, "time", time)
    return Board(Console(file=out, force_terminal=False), total=4), time, out


def last_line(out: io.StringIO) -> str:
    return out.getvalue().splitlines()[-1]


def test_a_line_names_the_cell_of_how_many_and_the_time_left(board: tuple[Board, Stopped, io.StringIO]) -> None:
    shown, time, out = board
    shown.start("a/b/seed0")
    assert "cell 1 of 4: a/b/seed0" in last_line(out)
    assert "time left unknown" in last_line(out)
    time.now += 20
    shown.advance(0.5, "epoch 1 of 2")
    # Half a cell took 20 seconds, three and a half are to come.
    assert last_line(out).endswith("epoch 1 of 2, 50%, 2:20 left")
    shown.finish("done")
    assert last_line(out) == "cell 1 of 4: a/b/seed0: done"


def test_what_an_interrupted_run_had_done_does_not_make_the_rest_look_short(
    board: tuple[Board, Stopped, io.StringIO],
) -> None:
    shown, time, out = board
    shown.start("a/b/seed0")
    shown.skip(0.5)
    time.now += 20
    shown.advance(0.75, "epoch 2 of 2")
    # A quarter of a cell took 20 seconds, three and a quarter are to come.
    assert last_line(out).endswith("4:20 left")


def test_several_cells_at_once_are_told_together(board: tuple[Board, Stopped, io.StringIO]) -> None:
    shown, time, out = board
    time.now += 20
    shown.together([("a", 0.5), ("b", 0.25)], skipped=0.25)
    # Half a cell took 20 seconds, three and a quarter are to come.
    assert last_line(out) == "0 of 4 cells done, 2 running: a 50%, b 25%, 2:10 left"
    shown.finish("done", "b")
    assert last_line(out) == "cell 1 of 4: b: done"


def test_a_terminal_gets_a_bar_for_the_sweep_and_one_within_the_cell(monkeypatch: pytest.MonkeyPatch) -> None:
    out = io.StringIO()
    shown = Board(Console(file=out, force_terminal=True, width=120), total=2)
    with shown.live():
        shown.start("task/[mechanism]/seed0")
        shown.advance(0.5, "epoch 1 of 2")
        shown.bars.refresh()
    told = re.sub(r"\x1b\[[0-9;?]*[A-Za-z]", "", out.getvalue())
    assert "cell 1 of 2" in told
    assert "task/[mechanism]/seed0" in told
    assert "epoch 1 of 2" in told
    assert told.count("━") > 20


def test_a_finding_is_told_once_a_sweep(board: tuple[Board, Stopped, io.StringIO]) -> None:
    shown, _, out = board
    for _ in range(3):
        shown.tell("photos: image damaged: 1")
    assert out.getvalue().splitlines() == ["photos: image damaged: 1"]


def test_a_single_cell_is_not_numbered() -> None:
    out = io.StringIO()
    shown = Board(Console(file=out, force_terminal=False), total=1)
    shown.start("a/b/seed0")
    assert last_line(out).startswith("a/b/seed0: building, 0%")


def test_another_process_draws_nothing(board: tuple[Board, Stopped, io.StringIO]) -> None:
    shown, _, out = board
    pickle.loads(pickle.dumps(shown)).advance(0.0, "training")
    assert not out.getvalue()
