"""How cost grows, as one SVG: time and peak memory against each size that grows, both axes logarithmic."""

from collections.abc import Sequence
from html import escape

from attnbench.benchmarks.speed.panel import HEIGHT, WIDTH, panel
from attnbench.benchmarks.speed.plan import Plan
from attnbench.benchmarks.speed.row import Row
from attnbench.benchmarks.speed.series import Series, all_series

MARGIN, LINE, LETTER = 16.0, 20.0, 6.9
LEAST_WIDTH = 640.0
LIGHT = (
    "--surface:#fff;--ink:#1b2129;--quiet:#5a6573;--rule:#dfe3e8;"
    "--m0:#0072b2;--m1:#d55e00;--m2:#009e73;--m3:#c0619a;--m4:#c98a00;--m5:#3a9fd6"
)
DARK = (
    "--surface:#1a2027;--ink:#e6eaee;--quiet:#9aa6b2;--rule:#303943;"
    "--m0:#4aa8e0;--m1:#f0803c;--m2:#2fc79b;--m3:#e08fc0;--m4:#e6b23c;--m5:#8fd0f5"
)
STYLE = (
    f"svg{{{LIGHT}}}@media(prefers-color-scheme:dark){{svg{{{DARK}}}}}"
    + "".join(f".m{index}{{--c:var(--m{index})}}" for index in range(6))
    + ".page{fill:var(--surface)}text{font:12px system-ui,sans-serif;fill:var(--quiet)}"
    ".title{font-size:14px;font-weight:600;fill:var(--ink)}.name{fill:var(--ink)}"
    ".rule{stroke:var(--rule);fill:none}.frame{stroke:var(--quiet);fill:none;stroke-width:.8}"
    ".mark{fill:var(--c);stroke:var(--surface);stroke-width:.8}.mark.cross{stroke:var(--c);stroke-width:2}"
    ".spread{stroke:var(--c);stroke-width:1.2;opacity:.6;fill:none}"
    ".curve{fill:none;stroke:var(--c);stroke-width:1.8;stroke-linejoin:round}"
    ".compiled{stroke-dasharray:6 3}.context{stroke-dasharray:2 2}"
)


def picture(rows: Sequence[Row], plan: Plan, title: str) -> str:
    """The drawing. A mechanism that was not measured at a size has a cross there, at the top."""
    series = all_series(rows)
    width = max(MARGIN * 2 + WIDTH * len(plan.passes), LEAST_WIDTH)
    words, top = heading(series, rows, plan, title, width)
    parts = []
    for dimension in plan.growth or {"memory": (plan.base.memory,)}:
        for measure in ("seconds", "peak_bytes"):
            for column, kind in enumerate(plan.passes):
                shown = [row for row in rows if row.kind == kind and along(row, plan, dimension)]
                drawn = panel(shown, series, dimension, measure, kind)
                parts.append(f'<g transform="translate({MARGIN + column * WIDTH:.1f} {top:.1f})">{drawn}</g>')
            top += HEIGHT
    return (
        f'<svg xmlns="http://www.w3.org/2000/svg" viewBox="0 0 {width:.0f} {top + MARGIN:.0f}" width="{width:.0f}" '
        f'height="{top + MARGIN:.0f}" role="img" aria-label="{escape(f"Cost of attention mechanisms: {title}")}">'
        f'<style>{STYLE}</style><rect class="page" width="100%" height="100%"/>{words}{"".join(parts)}</svg>\n'
    )


def along(row: Row, plan: Plan, dimension: str) -> bool:
    """Whether the row belongs to the growth of the dimension: all its other sizes are the base's, and it is one asked for."""
    base = plan.base._asdict()
    same = all(value == base[name] for name, value in row.sizes._asdict().items() if name != dimension)
    return same and row.sizes._asdict()[dimension] in plan.growth.get(dimension, (base[dimension],))


def heading(series: Sequence[Series], rows: Sequence[Row], plan: Plan, title: str, width: float) -> tuple[str, float]:
    """Title, the sizes that stay, and the legend; and where they end."""
    stays = ", ".join(f"{name} {value}" for name, value in plan.base._asdict().items())
    start = "from a prepared memory" if plan.prepared else "preparation included"
    y = MARGIN + 10
    parts = [
        f'<text class="title" x="{MARGIN}" y="{y:.1f}">Cost of attention mechanisms: {escape(title)}</text>',
        f'<text x="{MARGIN}" y="{y + LINE:.1f}">{stays}, but for what grows; {start}; medians with quartiles</text>',
    ]
    words, end = legend(series, width, y + 2 * LINE + 4, crosses=any(row.seconds is None for row in rows))
    return "".join(parts) + words, end + LINE


def legend(series: Sequence[Series], width: float, y: float, *, crosses: bool) -> tuple[str, float]:
    """Every line's swatch and name, in as many lines as they need; and where the last one stands."""
    entries = [(one.swatch, one.label) for one in series]
    if crosses:
        entries.append(
            (
                '<path class="frame" d="M4 -8L12 0M4 0L12 -8"/>',
                "cross at the top: not measured (did not fit, or was refused)",
            )
        )
    parts, x = [], MARGIN
    for swatch, label in entries:
        extent = 36 + LETTER * len(label)
        if x > MARGIN and x + extent > width - MARGIN:
            x, y = MARGIN, y + LINE
        parts.append(
            f'<g transform="translate({x:.1f} {y:.1f})">{swatch}<text class="name" x="30">{escape(label)}</text></g>'
        )
        x += extent
    return "".join(parts), y
