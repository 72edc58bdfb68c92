"""A dashboard's plain values handed over to W&B's own library, which knows how its pages are stored."""

from typing import Any

import wandb_workspaces.reports.v2 as wr
import wandb_workspaces.workspaces as ws
from wandb_workspaces import expr

from attnbench.benchmarks.dashboard.specification import Dashboard, Panel, View

RUNS = 100  # shown at most in a panel
ABOUT = (
    "Bars and lines are means over the runs of a mechanism, one a seed, with their standard deviation. "
    "Which differences are established is said by attnbench compare."
)
WIDE, HIGH, ACROSS = 12, 8, 24  # a panel's size on a report's grid, and how wide the grid is


def saved(dashboard: Dashboard) -> list[str]:
    """Stores every view and the report at W&B; their addresses, the report's last."""
    views = [workspace(dashboard, view).save().url for view in dashboard.views]
    page = report(dashboard)
    page.save()
    return [*views, page.url]


def workspace(dashboard: Dashboard, view: View) -> ws.Workspace:
    """A view's saved workspace."""
    return ws.Workspace(
        entity=dashboard.entity,
        project=dashboard.project,
        name=view.title,
        sections=[
            ws.Section(name=section.name, panels=[drawn(panel, view.group) for panel in section.panels], is_open=True)
            for section in view.sections
        ],
        settings=ws.WorkspaceSettings(max_runs=RUNS),
        runset_settings=ws.RunsetSettings(filters=filters(view), groupby=[expr.Config(view.group)]),
    )


def report(dashboard: Dashboard) -> wr.Report:
    """All views one below the other."""
    blocks: list[Any] = [wr.P(ABOUT), wr.TableOfContents()]
    for view in dashboard.views:
        blocks.append(wr.H1(view.title))
        for section in view.sections:
            blocks += [wr.H2(section.name), grid(dashboard, view, [drawn(p, view.group) for p in section.panels])]
    return wr.Report(
        entity=dashboard.entity, project=dashboard.project, title=dashboard.title, blocks=blocks, width="fluid"
    )


def grid(dashboard: Dashboard, view: View, panels: list[Any]) -> wr.PanelGrid:
    """Panels side by side, of this view's runs alone."""
    across = ACROSS // WIDE
    for place, panel in enumerate(panels):
        panel.layout = wr.Layout(x=place % across * WIDE, y=place // across * HIGH, w=WIDE, h=HIGH)
    runset = wr.Runset(
        entity=dashboard.entity,
        project=dashboard.project,
        name=view.title,
        filters=filters(view),
        groupby=[f"config.{view.group}"],
    )
    return wr.PanelGrid(runsets=[runset], panels=panels)


def filters(view: View) -> str:
    """Only runs whose config has the view's values, as an expression: the library's own objects leave quotes as they are."""
    return " and ".join(f"Config({key!r}) == {value!r}" for key, value in view.runs.items())


def drawn(panel: Panel, group: str) -> Any:
    """The panel as W&B has it."""
    grouped: dict[str, Any] = {"groupby": wr.Config(group), "groupby_aggfunc": "mean", "groupby_rangefunc": "stddev"}
    match panel.kind:
        case "line":
            return wr.LinePlot(title=panel.title, x=panel.x, y=[panel.metric], max_runs_to_show=RUNS, **grouped)
        case "bar":
            return wr.BarPlot(title=panel.title, metrics=[panel.metric], max_runs_to_show=RUNS, **grouped)
        case "scatter":
            return wr.ScatterPlot(title=panel.title, x=wr.SummaryMetric(str(panel.x)), y=wr.SummaryMetric(panel.metric))
        case "media":
            return wr.MediaBrowser(title=panel.title, media_keys=[panel.metric])
