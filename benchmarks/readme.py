"""Writes the tables of a Markdown page from records: `python -m attnbench.benchmarks.readme README.md`."""

import json
import re
import sys
from pathlib import Path

from attnbench.benchmarks.compare import compare
from attnbench.benchmarks.record import find_records
from attnbench.benchmarks.report import markdown_details, markdown_table
from attnbench.benchmarks.speed.joeynmt import table as beside

BLOCK = re.compile(
    r"(?P<head><!-- (?P<kind>table|details|beside): (?P<place>[^\n]+?) -->\n).*?(?P<tail><!-- end -->)", re.DOTALL
)


def with_tables(page: str, root: Path) -> str:
    """The page with its blocks, which end with `<!-- end -->`, made anew.

    A block after `<!-- table: FOLDER ... -->` is made from the folders' records, as `attnbench compare FOLDER ...` compares them
    (`*` as a shell has it); one after `<!-- details: FOLDER ... -->` has all measures of every task; one after
    `<!-- beside: FILE -->` the figures of a run beside JoeyNMT's.
    """

    def table(block: re.Match[str]) -> str:
        if block["kind"] == "beside":
            made = beside(json.loads((root / block["place"]).read_text("utf-8")))
        else:
            places = [place for pattern in block["place"].split() for place in sorted(root.glob(pattern))]
            written = markdown_table if block["kind"] == "table" else markdown_details
            made = written(compare(find_records(places), places=places))
        return f"{block['head']}{made.strip()}\n{block['tail']}"

    return BLOCK.sub(table, page)


def main() -> None:
    """Rewrites the pages named on the command line."""
    for name in sys.argv[1:]:
        path = Path(name)
        path.write_text(with_tables(path.read_text("utf-8"), path.resolve().parent), "utf-8")


if __name__ == "__main__":
    main()
