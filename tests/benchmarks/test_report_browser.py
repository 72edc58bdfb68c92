"""The page in a browser: tables sort and filter, examples and mechanisms switch, and nothing is asked of a network."""

import json
import re
from html import unescape
from pathlib import Path

import pytest

from attnbench.benchmarks.cli import main
from attnbench.benchmarks.compare import compare
from attnbench.benchmarks.record import find_records
from attnbench.benchmarks.report import write_report
from attnbench.benchmarks.report.page import digest

PROBE = """
const found = {};
const table = document.querySelector("#overview table");
const names = () => [...table.tBodies[0].rows].filter((row) => !row.hidden).map((row) => row.cells[0].textContent);
const sort = (column) => [...table.tHead.rows].at(-1).cells[column].querySelector("button").click();
found.first = names();
found.sorted = [1, 2, 3].map(() => { sort(1); return names(); });
sort(0); sort(0);
found.reversed = names();
found.direction = [...table.tHead.rows].at(-1).cells[0].getAttribute("aria-sort");
sort(0);
const filter = document.querySelector("#overview input");
const ask = (text) => { filter.value = text; filter.dispatchEvent(new Event("input")); return names(); };
found.filtered = ["HARD", "soft dot", "nothing has this", ""].map(ask);
const host = document.querySelector("[data-explorer]");
const panels = () => [...host.querySelectorAll(".panel h4")].map((head) => head.textContent);
const shown = () => [host.querySelector("select").value, host.querySelector(".truth").textContent];
const button = (text) => [...host.querySelectorAll("button")].find((one) => one.textContent === text);
found.panels = panels();
found.examples = [shown()];
for (const text of ["next \\u203a", "\\u2039 previous", "\\u2039 previous"]) {
  button(text).click();
  found.examples.push(shown());
}
button("dot_soft").click();
found.fewer = panels();
button("next \\u203a").click();
found.still = panels();
button("dot_soft").click();
found.again = panels();
for (const name of found.again) button(name).click();
found.none = panels();
const chart = document.querySelector(".chart:has(.legend li + li)");
const whose = () => [...new Set([...chart.querySelectorAll("[data-of]:not(.faded)")].map((part) => part.dataset.of))].sort();
const names_of = [...chart.querySelectorAll(".legend button")];
found.every = whose();
found.legend = ["mouseenter", "mouseleave", "click", "mouseleave", "click"].map((event) => {
  names_of[1].dispatchEvent(new MouseEvent(event));
  return whose();
});
found.resources = performance.getEntriesByType("resource").map((entry) => entry.name).filter((name) => !name.startsWith("data:"));
document.body.replaceChildren(Object.assign(document.createElement("pre"), { textContent: JSON.stringify(found) }));
"""

KEYBOARD = """
const found = {};
const press = (node, key) => {
  const event = new KeyboardEvent("keydown", { key, bubbles: true, cancelable: true });
  node.dispatchEvent(event);
  return event.defaultPrevented;
};
const matrix = document.querySelector(".panels.matrix .scroll");
const readout = matrix.closest(".view").querySelector(".readout");
const at = () => [...matrix.querySelectorAll("td.at")].map((cell) => [cell.parentElement.rowIndex, cell.cellIndex]);
found.matrix = ["ArrowRight", "ArrowDown", "ArrowLeft", "ArrowLeft", "x"].map((key) => [press(matrix, key), at()]);
found.readout = readout.textContent;
const words = document.querySelector(".panels.picture .strip").querySelectorAll("button");
words[0].focus();
found.strip = ["ArrowRight", "ArrowRight", "ArrowLeft", "x"].map((key) => {
  press(document.activeElement, key);
  return [...words].indexOf(document.activeElement);
});
const held = [...document.querySelectorAll(".panels.picture .panel")].map((panel) =>
  [...panel.querySelectorAll(".strip button")].findIndex((one) => one.getAttribute("aria-pressed") === "true"));
found.followed = [...new Set(held)];
const clickable = "a[href], button, select, input, summary, [tabindex]";
const lost = (node) => node.tabIndex < 0 && !node.closest(".strip");
found.unreachable = [...document.querySelectorAll(clickable)].filter(lost).length;
found.nameless = [...document.querySelectorAll("button, select, input, a[href], svg[role]")]
  .filter((node) => !(node.textContent.trim() || node.getAttribute("aria-label") || node.ariaLabel)).length;
const theme = document.getElementById("theme");
found.themes = [1, 2, 3].map(() => {
  theme.click();
  return [theme.textContent, document.documentElement.dataset.theme ?? null];
});
document.body.replaceChildren(Object.assign(document.createElement("pre"), { textContent: JSON.stringify(found) }));
"""

LAYOUT = """
for (const one of document.querySelectorAll("details")) one.open = true;
const page = document.documentElement.clientWidth;
const box = (node) => node.getBoundingClientRect();
const there = (node) => box(node).width > 1 && !node.closest(".unseen, .skip, caption");
const named = (node) => `${node.tagName} ${node.textContent.slice(0, 40)}`;
const texts = (drawing) => [...drawing.querySelectorAll("text")];
const meet = (a, b) => a.left < b.right - 1 && b.left < a.right - 1 && a.top < b.bottom - 3 && b.top < a.bottom - 3;
const leaves = (a, b) => a.left < b.left - 1 || a.right > b.right + 1 || a.top < b.top - 1 || a.bottom > b.bottom + 1;
const found = { width: innerWidth, charts: 0, wide: [], cut: [], over: [], empty: [], broken: [] };
for (const node of document.querySelectorAll("body *")) {
  if (!there(node) || node.closest("svg")) continue;
  if (!node.closest(".scroll") && box(node).right > page + 1) found.wide.push(named(node));
  const [across, down] = [node.scrollWidth - node.clientWidth, node.scrollHeight - node.clientHeight];
  const hides = getComputedStyle(node).overflowX === "hidden" && !node.closest(".matrix, .strip, select");
  if (hides && (across > 1 || down > 1)) found.cut.push(named(node));
}
const lines = (part) => {
  const range = document.createRange();
  range.selectNodeContents(part);
  return [...range.getClientRects()].map((rect) => Math.round(rect.top));
};
for (const node of document.querySelectorAll("th[scope=row]")) {
  const parts = [...node.childNodes].filter((one) => one.nodeType === Node.TEXT_NODE && !/\\s/.test(one.data)).map(lines);
  const inside = parts.some((tops) => tops.length > 1);
  if (inside || (innerWidth > 640 && new Set(parts.flat()).size > 1)) found.broken.push(named(node));
}
for (const drawing of document.querySelectorAll("svg:not(.swatch)")) {
  found.charts += 1;
  const frame = box(drawing);
  const labels = texts(drawing).map((text) => [text.textContent, box(text)]);
  found.cut.push(...labels.filter(([, at]) => leaves(at, frame)).map(([text]) => text));
  labels.forEach(([text, at], index) => {
    found.over.push(...labels.slice(0, index).filter(([, place]) => meet(at, place)).map(([other]) => `${text} / ${other}`));
  });
  const marks = [...drawing.querySelectorAll(".mark, path.mean")].map(box);
  if (!marks.length) found.empty.push(drawing.getAttribute("aria-label"));
  found.cut.push(...marks.filter((at) => leaves(at, frame)).map(() => "a mark"));
}
document.body.replaceChildren(Object.assign(document.createElement("pre"), { textContent: JSON.stringify(found) }));
"""
RESULTS = Path(__file__).resolve().parents[2] / "benchmarks" / "results"


def probed(file, probe, browse, **options):
    """What a probe says of a page whose policy lets it in beside the page's own script."""
    text = file.read_text("utf-8").replace("script-src ", f"script-src '{digest(probe)}' ")
    asked = file.with_name("probed.html")
    asked.write_text(text.replace("</body>", f"<script>{probe}</script></body>"), "utf-8")
    done = browse(asked, **options)
    assert "CONSOLE" not in done.stderr
    return json.loads(unescape(re.search(r"<pre>(.*)</pre>", done.stdout, re.DOTALL).group(1)))


@pytest.fixture
def found(made, tmp_path, browse):
    """What the probe saw."""
    made.sweep(
        tmp_path,
        seeds=(0,),
        better={"additive_hard": 20, "additive_soft": 101, "dot_hard": 30, "dot_soft": 70, "uniform": 10},
    )
    made.keep(tmp_path, made.record("translation", "a_only_one_task", 0, 50.0))
    return probed(write_report(compare(find_records([tmp_path])), tmp_path).html, PROBE, browse)


def test_the_page_works_in_a_browser(found):
    by_value = ["uniform", "additive_hard", "dot_hard", "dot_soft", "additive_soft"]
    assert found["sorted"] == [[*by_value, "a_only_one_task"], [*by_value[::-1], "a_only_one_task"], found["first"]]
    assert found["reversed"] == sorted(found["first"], reverse=True)
    assert found["direction"] == "descending"
    assert found["filtered"] == [["additive_hard", "dot_hard"], ["dot_soft"], [], found["first"]]
    assert [value for value, _ in found["examples"]] == ["0", "1", "0", "3"]
    names = ["additive_hard", "additive_soft", "dot_hard", "dot_soft", "uniform"]
    assert found["panels"] == found["again"] == names
    assert found["fewer"] == found["still"] == [name for name in names if name != "dot_soft"]
    assert found["none"] == []
    every = ["0", "1", "2", "3", "4"]
    assert found["every"] == every
    assert found["legend"] == [["1"], every, ["1"], ["1"], every]
    assert found["resources"] == []


def test_the_page_is_used_by_keyboard_alone(made, tmp_path, browse):
    made.sweep(tmp_path, seeds=(0,))
    found = probed(write_report(compare(find_records([tmp_path])), tmp_path).html, KEYBOARD, browse)
    moves = [
        [[1, 2]],
        [[2, 2]],
        [[2, 1]],
        [[2, 1]],
        [[2, 1]],
    ]  # rows and cells count from the heads; an edge is the end
    assert found["matrix"] == [[taken, place] for taken, place in zip([True] * 4 + [False], moves, strict=True)]
    assert re.match(r"\w+ ← \w+: [\d.]+ %", found["readout"])
    assert found["strip"] == [1, 2, 1, 1]
    assert found["followed"] == [1]  # what is chosen in one mechanism's panel is shown in all
    assert (found["unreachable"], found["nameless"]) == (0, 0)
    assert found["themes"] == [["theme: light", "light"], ["theme: dark", "dark"], ["theme: automatic", None]]


@pytest.fixture(scope="module")
def published(tmp_path_factory):
    """The report of all published results."""
    folder = tmp_path_factory.mktemp("published")
    main(["compare", *map(str, sorted(RESULTS.iterdir())), "--out", str(folder)])
    return folder / "report.html"


def test_the_report_of_all_published_results_has_a_section_for_each_task(published):
    assert published.read_text("utf-8").count('<section id="task-') >= 5


@pytest.mark.parametrize("width", [1400, 500])
@pytest.mark.parametrize("which", ["published", "made up"])
def test_nothing_is_cut_covered_or_empty_and_no_name_broken(which, width, made, tmp_path, browse, request):
    if which == "published":
        file = request.getfixturevalue("published")
    else:
        made.sweep(tmp_path)
        long = "a_mechanism_with_a_name_that_is_longer_than_anybody_would_like_it"
        made.keep(tmp_path, made.record("reading", long, 0, 0.0, cost={"parameters": 1, "seconds": 1e-8}))
        made.keep(tmp_path, made.record("other", "dot_soft", 0, 4.33e-8, cost={"seconds": 5e9}))
        made.keep(tmp_path, made.record("other", "uniform", 0, 4.35e-8, cost={"seconds": 4e9}))
        file = write_report(compare(find_records([tmp_path])), tmp_path).html
    found = probed(file, LAYOUT, browse, width=width)
    assert found["width"] == width
    assert found["charts"] > 20
    wrong = ("wide", "cut", "over", "empty", "broken")
    assert {name: found[name] for name in wrong} == {name: [] for name in wrong}
