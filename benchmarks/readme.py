"""Writes the tables of a Markdown page from records: `python -m attnbench.benchmarks.readme README.md`."""

import json
import re
import sys
from pathlib import Path

from attnbench.benchmarks.compare import compare
from attnbench.benchmarks.comparison import Comparison
from attnbench.benchmarks.record import find_records
from attnbench.benchmarks.report import markdown_by_task, markdown_details, markdown_listed, markdown_table
from attnbench.benchmarks.speed.joeynmt import table as beside

BLOCK = re.compile(
    r"(?P<head><!-- (?P<kind>table|details|beside|measure|listed)(?: (?P<measure>\w+))?: (?P<place>[^\n]+?) -->\n)"
    r".*?(?P<tail><!-- end -->)",
    re.DOTALL,
)


def with_tables(page: str, root: Path) -> str:
    """The page with its blocks, which end with `<!-- end -->`, made anew.

    A block after `<!-- table: FOLDER ... -->` is made from the folders' records, as `attnbench compare FOLDER ...` compares them
    (`*` as a shell has it); one after `<!-- details: FOLDER ... -->` has all measures of every task, after
    `<!-- measure NAME: FOLDER ... -->` that measure of every task, after `<!-- listed NAME: FOLDER ... -->` the tasks
    where it is not 0, and after `<!-- beside: FILE -->` the figures of a run beside JoeyNMT's.
    """

    def table(block: re.Match[str]) -> str:
        if block["kind"] == "beside":
            made = beside(json.loads((root / block["place"]).read_text("utf-8")))
        else:
            places = [place for pattern in block["place"].split() for place in sorted(root.glob(pattern))]
            made = written(block["kind"], block["measure"] or "", compare(find_records(places), places=places))
        return f"{block['head']}{made.strip()}\n{block['tail']}"

    return BLOCK.sub(table, page)


def written(kind: str, measure: str, comparison: Comparison) -> str:
    """The inside of a block that is made from records. Raises ValueError for a measure that no record has."""
    if kind in ("measure", "listed"):
        if not any(measure in row.all_measures for table in comparison.tables for row in table.rows):
            raise ValueError(f"{kind} {measure}: no record has this measure")
        return (markdown_by_task if kind == "measure" else markdown_listed)(comparison, measure)
    return (markdown_table if kind == "table" else markdown_details)(comparison)


def main() -> None:
    """Rewrites the pages named on the command line."""
    for name in sys.argv[1:]:
        path = Path(name)
        path.write_text(with_tables(path.read_text("utf-8"), path.resolve().parent), "utf-8")


if __name__ == "__main__":
    main()
