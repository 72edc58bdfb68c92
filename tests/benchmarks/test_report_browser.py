"""The page in a browser: tables sort and filter, examples and mechanisms switch, and nothing is asked of a network."""

import json
import re
from html import unescape

import pytest

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
found.resources = performance.getEntriesByType("resource").map((entry) => entry.name).filter((name) => !name.startsWith("data:"));
document.body.replaceChildren(Object.assign(document.createElement("pre"), { textContent: JSON.stringify(found) }));
"""


@pytest.fixture
def found(made, tmp_path, browse):
    """What the probe saw, on a page whose policy lets it in beside the page's own script."""
    made.sweep(
        tmp_path,
        seeds=(0,),
        better={"additive_hard": 20, "additive_soft": 101, "dot_hard": 30, "dot_soft": 70, "uniform": 10},
    )
    made.keep(tmp_path, made.record("translation", "a_only_one_task", 0, 50.0))
    file = write_report(compare(find_records([tmp_path])), tmp_path).html
    text = file.read_text("utf-8").replace("script-src ", f"script-src '{digest(PROBE)}' ")
    file.write_text(text.replace("</body>", f"<script>{PROBE}</script></body>"), "utf-8")
    done = browse(file)
    assert "CONSOLE" not in done.stderr
    return json.loads(unescape(re.search(r"<pre>(.*)</pre>", done.stdout, re.DOTALL).group(1)))


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
    assert found["resources"] == []
