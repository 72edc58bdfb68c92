"""The page: one file that needs no network, in which nothing from the records is more than text."""

import json
import re
from dataclasses import replace
from html.parser import HTMLParser

import numpy as np
import pytest

from attnbench.benchmarks.compare import compare
from attnbench.benchmarks.image_tiles import attention_map
from attnbench.benchmarks.record import RecordError, find_records
from attnbench.benchmarks.report import write_report
from attnbench.benchmarks.report.grid import WIDE
from attnbench.benchmarks.report.page import digest, part

ATTACKS = ('<script>alert("x")</script>', '"><img src=x onerror=alert(1)>', "</script><b>&amp;", "{{script}} \u2028")


class Elements(HTMLParser):
    """All start tags with their attributes, and the text inside each kind of element."""

    def __init__(self, text: str) -> None:
        super().__init__()
        self.tags: list[tuple[str, dict[str, str | None]]] = []
        self.texts: list[tuple[str, str]] = []
        self.feed(text)

    def handle_starttag(self, tag, attrs):
        self.tags.append((tag, dict(attrs)))

    def handle_data(self, data):
        self.texts.append((self.tags[-1][0] if self.tags else "", data))

    def data(self):
        """The embedded JSON."""
        index = next(i for i, (tag, attrs) in enumerate(self.tags) if attrs.get("id") == "data")
        assert self.tags[index][0] == "script"
        return json.loads(next(text for tag, text in self.texts if tag == "script" and text.startswith("[")))


def page_of(root) -> str:
    return write_report(compare(find_records([root])), root / "report").html.read_text("utf-8")


@pytest.fixture(scope="module")
def page(made, tmp_path_factory):
    root = tmp_path_factory.mktemp("runs")
    made.sweep(root)
    failed = made.record("reading", "dot_hard", 7, status="failed", measures={}, cost={}, curves={}, error=ATTACKS[0])
    made.keep(root, failed)
    return page_of(root)


@pytest.fixture(scope="module")
def hostile(made, tmp_path_factory):
    """A page whose every text is an attack."""
    root = tmp_path_factory.mktemp("hostile")
    said, queries, truth, error = ATTACKS
    shown = made.exhibit["translation"]("additive_soft", 0)
    evil = replace(
        shown, said=said, queries=[queries] * len(shown.queries), truth=[truth], memory=[error] * len(shown.memory)
    )
    picture = replace(made.exhibit["captioning"]("additive_soft", 0), image='x" onerror="alert(1)')
    origin = {**made.record().provenance, "command": queries, "commit": said}
    made.keep(root, made.record(attention=queries, signatures={"bleu": said}, provenance=origin), [evil, picture])
    made.keep(root, made.record(attention="z", status="failed", measures={}, error=error + said + queries))
    return page_of(root)


def test_the_page_asks_for_nothing_from_elsewhere(page):
    assert not re.search(r"(?:src|href|action)\s*=\s*[\"']?\s*(?:https?:)?//", page)
    assert not re.search(r"url\(|@import|\bimport\s*\(|\bfetch\(|XMLHttpRequest|WebSocket", page)
    assert not [tag for tag, attrs in Elements(page).tags if tag in ("link", "iframe", "object", "base", "form")]


def test_the_policy_lets_in_only_the_pages_own_style_and_script(page):
    elements = Elements(page)
    policy = next(a["content"] for tag, a in elements.tags if a.get("http-equiv") == "Content-Security-Policy")
    assert policy.startswith("default-src 'none'; img-src data:;")
    assert "unsafe" not in policy
    style = re.search(r"<style>(.*?)</style>", page, re.DOTALL).group(1)
    script = re.search(r"<script>(.*)</script>", page, re.DOTALL).group(1)
    assert f"style-src '{digest(style)}'" in policy
    assert f"script-src '{digest(script)}'" in policy
    assert not [attrs for _, attrs in elements.tags if any(name == "style" or name.startswith("on") for name in attrs)]


def test_what_records_say_stays_text(hostile):
    elements = Elements(hostile)
    assert [tag for tag, _ in elements.tags].count("script") == 2
    assert not [tag for tag, _ in elements.tags if tag in ("img", "b")]
    assert not re.search(r"<script>alert|<img", hostile)
    assert any(ATTACKS[0] in text for _, text in elements.texts)


def test_the_embedded_examples_come_back_as_they_were(hostile):
    (first,) = (example for example in Elements(hostile).data()[0] if example["kind"] == "matrix")
    assert first["truth"] == [ATTACKS[2]]
    assert first["panels"][0]["said"] == ATTACKS[0]
    assert first["panels"][0]["memory"][0] == ATTACKS[3]


def test_a_picture_that_is_no_picture_is_left_out(hostile):
    (odd,) = (example for example in Elements(hostile).data()[0] if example["kind"] == "picture")
    assert odd["image"] is None


def test_every_task_is_explored_in_the_way_that_suits_it(page):
    captioning, reading, translation = Elements(page).data()
    assert [captioning[0]["kind"], reading[0]["kind"], translation[0]["kind"]] == ["picture", "text", "matrix"]
    names = ["additive_hard", "additive_soft", "dot_hard", "dot_soft", "uniform"]
    assert [panel["mechanism"] for panel in translation[0]["panels"]] == names
    assert translation[0]["panels"][0]["gold"][1] == [1]
    assert translation[0]["panels"][0]["place"] is None


def test_examples_with_another_truth_are_not_shown_as_the_same(made, tmp_path):
    shown = made.exhibit["reading"]("dot_soft", 0)
    made.keep(tmp_path, made.record("reading", "dot_soft"), [shown])
    made.keep(tmp_path, made.record("reading", "additive_soft"), [replace(shown, truth=["@other"])])
    (examples,) = Elements(page_of(tmp_path)).data()
    assert [len(example["panels"]) for example in examples] == [1, 1]


def test_curves_have_a_mean_line_a_mechanism_and_a_faint_one_a_seed(page):
    primary = page.split("<h3>Learning curves</h3>")[1].split("<figure")[1]
    assert primary.count('class="mean ') == primary.count('class="band ') == 5
    assert primary.count('class="seed ') == 10


def test_a_curve_is_broken_where_a_value_is_missing(made, tmp_path):
    made.keep(tmp_path, made.record(curves={"val/bleu": [1.0, 2.0, None, 4.0, 5.0]}))
    path = re.search(r'class="mean m0" d="([^"]+)"', page_of(tmp_path).split("<figure")[1]).group(1)
    assert re.findall("[ML]", path) == ["M", "L", "M", "L"]


def test_failed_cells_warnings_and_provenance_stand_on_the_page(page):
    text = " ".join(text for _, text in Elements(page).texts)
    assert ATTACKS[0] in text
    assert "1 of 31 cells failed" in text
    assert "its spread is a rough guess" in text
    assert "abc123" in text
    assert "attnbench run task=reading attention=dot_soft seed=1" in text


def test_runs_without_examples_make_a_page_that_says_so(made, tmp_path):
    made.keep(tmp_path, made.record(curves={}))
    assert "No examples were kept" in page_of(tmp_path)


def test_damaged_examples_are_told_by_their_file(made, tmp_path):
    place = made.keep(tmp_path, made.record())
    (place / "exhibits.json").write_text('[{"index": ')
    with pytest.raises(RecordError, match=r"exhibits\.json: damaged"):
        page_of(tmp_path)


def test_weights_that_were_no_numbers_are_shown_as_missing(made, tmp_path):
    shown = made.exhibit["translation"]("additive_soft", 0)
    odd = [[float("nan")] * len(row) for row in shown.weights]  # all: type checks look at one
    made.keep(tmp_path, made.record(), [replace(shown, weights=odd)])
    ((example,),) = Elements(page_of(tmp_path)).data()
    assert example["panels"][0]["weights"] == [[None] * len(row) for row in shown.weights]


def test_mechanisms_keep_their_marks_where_tasks_are_rows(made, tmp_path):
    for number in range(WIDE + 1):
        for mechanism in ("dot_soft", "uniform"):
            made.keep(tmp_path, made.record(attention=mechanism, data=f"data{number}"))
    table = page_of(tmp_path).split('id="overview"')[1].split("</table>")[0]
    head, *rows = re.findall(r"<tr>(<th scope=.*?)</tr>", table)
    assert head.count("<svg") == 2
    assert len(rows) == WIDE + 1
    assert all(f"translation (data{number}): BLEU" in re.sub("<.*?>", "", row) for number, row in enumerate(rows))
    assert "<svg" not in "".join(rows)


def test_the_same_records_make_the_same_page(made, tmp_path):
    made.sweep(tmp_path, seeds=(0,))
    assert page_of(tmp_path) == page_of(tmp_path)


@pytest.mark.parametrize("kind", ["page", "hostile"])
def test_a_browser_shows_the_page_without_an_error(kind, request, tmp_path, browse):
    file = tmp_path / "report.html"
    file.write_text(request.getfixturevalue(kind), "utf-8")
    done = browse(file)
    assert "CONSOLE" not in done.stderr
    assert '<div class="panels' in done.stdout
    assert not [tag for tag, attrs in Elements(done.stdout).tags if any(name.startswith("on") for name in attrs)]
    if kind == "page":  # every word of a picture's caption has a tile of its own, with its map
        strips = re.findall(r'<div class="strip"[^>]*>(.*?)</div>', done.stdout, re.DOTALL)
        words = [len(re.findall("<button", strip)) for strip in strips]
        assert words[:5] == [9] * 5
        assert [len(re.findall("<canvas", strip)) for strip in strips[:5]] == words[:5]


def test_the_pages_maps_are_those_of_the_pictures(tmp_path, browse):
    weights = [0.05, 0.0, 0.3, 0.1, 0.02, 0.2, 0.0, 0.03, 0.3, 0.0, 0.0, 0.0]
    asked = f"JSON.stringify(smooth({json.dumps(weights)}, [3, 4], [40, 30]))"
    file = tmp_path / "map.html"
    script = part("views.js")
    file.write_text(f"<body><p></p><script>{script}\ndocument.querySelector('p').textContent = {asked}</script></body>")
    found = json.loads(re.search(r"<p>(.*?)</p>", browse(file).stdout).group(1))
    expected = attention_map(weights, (3, 4), width=40, height=30)
    np.testing.assert_allclose(np.reshape(found, (30, 40)), expected, atol=1e-9)
