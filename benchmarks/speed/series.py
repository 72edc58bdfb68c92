"""Which lines a picture has: a mechanism in one form, with its colour, shape and dash."""

from collections.abc import Sequence
from typing import NamedTuple

from attnbench.benchmarks.report.marks import COLOURS, Mark
from attnbench.benchmarks.speed.forms import COMPILED, CONTEXT, LEAN, PLAIN
from attnbench.benchmarks.speed.row import Row

SHAPES = {PLAIN: "circle", LEAN: "square", CONTEXT: "diamond", COMPILED: "triangle"}


class Series(NamedTuple):
    """One line of the picture."""

    mechanism: str
    form: str
    mark: Mark

    @property
    def label(self) -> str:
        """What the legend says."""
        return f"{self.mechanism}, {self.form}"

    @property
    def swatch(self) -> str:
        """A piece of the line with its mark, as high as a line of text."""
        return f'<path class="curve {self.mark.colour} {self.form}" d="M0 -4H24"/>{self.mark.at(12.0, -4.0)}'

    def holds(self, row: Row) -> bool:
        """Whether the row lies on this line."""
        return (row.mechanism, row.form) == (self.mechanism, self.form)


def all_series(rows: Sequence[Row]) -> list[Series]:
    """The lines in order of appearance.

    Colour tells mechanisms apart, or the forms where there is but one mechanism; shape and dash tell forms apart.
    """
    mechanisms = list(dict.fromkeys(row.mechanism for row in rows))
    forms = list(dict.fromkeys(row.form for row in rows))
    found = []
    for mechanism, form in dict.fromkeys((row.mechanism, row.form) for row in rows):
        colour = forms.index(form) if len(mechanisms) == 1 else mechanisms.index(mechanism)
        found.append(Series(mechanism, form, Mark(f"m{colour % COLOURS}", SHAPES[form])))
    return found
