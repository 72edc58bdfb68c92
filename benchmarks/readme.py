"""Writes the tables of a Markdown page from records: `python -m attnbench.benchmarks.readme README.md`."""

import re
import sys
from pathlib import Path

from attnbench.benchmarks.compare import compare
from attnbench.benchmarks.record import find_records
from attnbench.benchmarks.report import markdown_table

BLOCK = re.compile(r"(?P<head><!-- table: (?P<folder>\S+) -->\n).*?(?P<tail><!-- end -->)", re.DOTALL)


def with_tables(page: str, root: Path) -> str:
    """The page with each block between `<!-- table: FOLDER -->` and `<!-- end -->` made anew from the folder's records."""

    def table(block: re.Match[str]) -> str:
        made = markdown_table(compare(find_records([root / block["folder"]])))
        return f"{block['head']}{made.strip()}\n{block['tail']}"

    return BLOCK.sub(table, page)


def main() -> None:
    """Rewrites the pages named on the command line."""
    for name in sys.argv[1:]:
        path = Path(name)
        path.write_text(with_tables(path.read_text("utf-8"), path.resolve().parent), "utf-8")


if __name__ == "__main__":
    main()
