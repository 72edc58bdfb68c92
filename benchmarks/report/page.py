"""The report as one HTML file: no network, nothing from records that is not escaped."""

import base64
import hashlib
import json
import re
from html import escape
from importlib.resources import files
from typing import Any

from attnbench.benchmarks.comparison import Comparison
from attnbench.benchmarks.report import sections
from attnbench.benchmarks.report.cards import cards
from attnbench.benchmarks.report.examples import examples
from attnbench.benchmarks.report.findings import caveat, size
from attnbench.benchmarks.report.grid import overview
from attnbench.benchmarks.report.html_table import html_table
from attnbench.benchmarks.report.marks import marks
from attnbench.benchmarks.report.overall import overall

UNSAFE = {"<": "\\u003c", ">": "\\u003e", "&": "\\u0026", "\u2028": "\\u2028", "\u2029": "\\u2029"}


def page(comparison: Comparison) -> str:
    """The whole file."""
    drawn = marks(comparison)
    shown = [examples(table, drawn) for table in comparison.tables]
    style, script = part("page.css"), "".join(map(part, ("views.js", "tables.js", "legends.js", "page.js")))
    tasks = [
        sections.task(table, index, drawn, explorable=bool(shown[index]))
        for index, table in enumerate(comparison.tables)
    ]
    return filled(
        part("page.html"),
        {
            "policy": policy(style, script),
            "style": style,
            "size": escape(size(comparison)),
            "contents": sections.contents(comparison),
            "warnings": sections.warnings(comparison),
            "findings": cards(comparison, drawn),
            "overview": html_table(overview(comparison), drawn, "Mechanisms by task, on each task's primary measure"),
            "caveat": escape(caveat()),
            "tasks": "".join(tasks),
            "across": overall(comparison, drawn),
            "failed": sections.failed(comparison),
            "provenance": sections.provenance(comparison),
            "data": embedded(shown),
            "script": script,
        },
    )


def part(name: str) -> str:
    """A file that lies beside this one."""
    return (files("attnbench.benchmarks.report") / name).read_text("utf-8")


def filled(template: str, parts: dict[str, str]) -> str:
    """The template with every {{name}} replaced, in one pass: what is put in is never searched again."""
    return re.sub(r"\{\{(\w+)\}\}", lambda found: parts[found.group(1)], template)


def embedded(value: Any) -> str:
    """JSON that can stand inside a script element: no character in it can end the element."""
    text = json.dumps(value, ensure_ascii=False, allow_nan=False, separators=(",", ":"))
    return re.sub("[<>&\u2028\u2029]", lambda found: UNSAFE[found.group()], text)


def policy(style: str, script: str) -> str:
    """A content security policy that lets nothing in but this very style sheet, this script and pictures inside the file."""
    return (
        f"default-src 'none'; img-src data:; style-src '{digest(style)}'; script-src '{digest(script)}'; "
        "base-uri 'none'; form-action 'none'"
    )


def digest(text: str) -> str:
    """The hash by which a policy knows an inline element."""
    return f"sha256-{base64.b64encode(hashlib.sha256(text.encode()).digest()).decode()}"
