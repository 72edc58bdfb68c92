"""The picture of how cost grows: well-formed, labelled, and true to the rows."""

from dataclasses import replace
from xml.etree import ElementTree

import pytest

from attnbench.benchmarks.speed.log_axis import log_scale, log_ticks, thinned
from attnbench.benchmarks.speed.picture import picture
from attnbench.benchmarks.speed.plan import PASSES, Plan
from attnbench.benchmarks.speed.row import Row
from attnbench.benchmarks.speed.sizes import Sizes
from attnbench.benchmarks.speed.table import digits, times

BASE = Sizes(8, 64, 256, 256)
PLAN = Plan(BASE, {"memory": (64, 256, 1024), "hidden": (64, 256)})
SVG = "{http://www.w3.org/2000/svg}"


def rows(mechanism: str = "additive_soft") -> list[Row]:
    return [
        Row(
            mechanism, form, kind, *sizes, seconds=sizes.memory * factor, first_quartile=sizes.memory * factor * 0.9,
            third_quartile=sizes.memory * factor * 1.2, rounds=5, peak_bytes=sizes.memory * 4096,
        )
        for kind in PASSES
        for sizes in PLAN.sizes
        for form, factor in {"plain": 1e-4, "lean": 3e-5, "compiled": 7e-5}.items()
    ]  # fmt: skip


def texts(drawn: str) -> list[str]:
    return ["".join(element.itertext()) for element in ElementTree.fromstring(drawn).iter(f"{SVG}text")]


def test_axes_have_names_and_units_and_the_legend_all_lines() -> None:
    shown = texts(picture(rows(), PLAN, "Some CPU, float32"))
    for words in ("time (ms)", "peak memory above inputs (MiB)", "memory (positions)", "forward + backward", "1024"):
        assert words in shown
    for name in ("additive_soft, plain", "additive_soft, lean", "additive_soft, compiled"):
        assert shown.count(name) == 1
    assert not any("not measured" in text for text in shown)


def test_every_row_has_its_mark_in_both_measures() -> None:
    drawn = ElementTree.fromstring(picture(rows(), PLAN, ""))
    marks = [element for element in drawn.iter() if element.get("class", "").startswith("mark") and len(element)]
    along_memory, along_hidden = 3, 2
    assert len(marks) == len(PASSES) * 3 * 2 * (along_memory + along_hidden)


def test_names_from_outside_are_escaped() -> None:
    name = 'a<b>&"c" [score.hidden_dim=3]'
    assert f"{name}, lean" in texts(picture(rows(name), PLAN, "<CPU> & co"))


def test_what_was_not_measured_is_crossed_and_says_why() -> None:
    found = rows()
    gone = replace(found[0], seconds=None, peak_bytes=None, status="skipped", note="does not fit: <3 GiB")
    drawn = picture([gone, *found[1:]], PLAN, "")
    titles = [element.text or "" for element in ElementTree.fromstring(drawn).iter(f"{SVG}title")]
    assert [title for title in titles if "does not fit: <3 GiB" in title]
    assert any("not measured" in text for text in texts(drawn))


def test_a_picture_of_nothing_says_so() -> None:
    nothing = [replace(row, seconds=None, peak_bytes=None, status="skipped") for row in rows()]
    assert "nothing was measured" in texts(picture(nothing, PLAN, ""))


def test_one_size_alone_is_drawn() -> None:
    plan = replace(PLAN, growth={})
    ElementTree.fromstring(picture([row for row in rows() if row.sizes == BASE], plan, ""))


def test_logarithmic_ticks_are_round_and_within_reach() -> None:
    assert log_ticks([0.9, 11.0]) == pytest.approx([1, 2, 5, 10])
    assert log_ticks([1.0, 10_000.0]) == pytest.approx([1, 10, 100, 1000, 10_000])
    assert log_ticks([3.0]) == [3.0]
    place = log_scale([1.0, 100.0], 0.0, 100.0)
    assert place(10) == pytest.approx(50)
    assert place(1) > 0
    assert thinned([1, 2, 4, 512, 1000], log_scale([1.0, 1000.0], 0.0, 300.0), 40.0) == [1, 4, 1000]


def test_numbers_have_three_digits() -> None:
    assert [digits(value) for value in (0.01234, 1.234, 123.4, 12345.6)] == ["0.0123", "1.23", "123", "12346"]
    assert [times(ratio) for ratio in (0.0123, 0.25, 1.5, None)] == ["0.012×", "0.25×", "1.50×", "–"]
