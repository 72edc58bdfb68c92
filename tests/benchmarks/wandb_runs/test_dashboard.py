"""The dashboard: what it shows as plain values, and what W&B's own library makes of them."""

import json
from dataclasses import replace
from pathlib import Path
from types import SimpleNamespace
from typing import Any

import pytest
import wandb
import wandb_workspaces.reports.v2 as wr

from attnbench.benchmarks.cli import main
from attnbench.benchmarks.dashboard.specification import Dashboard, dashboard
from attnbench.benchmarks.dashboard.workspace import report, saved, workspace
from attnbench.benchmarks.errors import InputError
from attnbench.benchmarks.record import Record, find_records
from attnbench.benchmarks.wandb_mode import Project

PROJECT = Project("team", "project")
INTERNAL = "UHJvamVjdEludGVybmFsSWQ6MQ=="


@pytest.fixture
def specified(made: Any) -> Dashboard:
    """Three records: two tables that share a measure's name, and a failed cell."""
    stories = made.record("reading", measures={"nll": 1.0, "accuracy": 50.0}, data='it\'s "odd" \\ here')
    facts = replace(stories, cell="other", task="babi", data="babi_1k")
    failed = made.record(status="failed", error="broken")
    return dashboard([stories, facts, failed], PROJECT)


class Service:
    """W&B's answers to what its library asks, which it remembers."""

    app_url = "https://wandb.example"

    def __init__(self) -> None:
        self.asked: list[dict[str, Any]] = []

    def execute_graphql(self, query: str, variables: dict[str, Any]) -> dict[str, Any]:
        self.asked.append(variables)
        spec = json.dumps({"blocks": []})
        project = {"name": "project", "entityName": "team", "id": INTERNAL}
        view = {"id": "id1", "name": "name1", "displayName": "shown", "spec": spec, "project": project, "type": "runs"}
        return {"project": {"internalId": INTERNAL}, "upsertView": {"view": view, "inserted": True}}


@pytest.fixture
def service(monkeypatch: pytest.MonkeyPatch) -> Service:
    """An Api that reaches it."""
    made = Service()
    api = SimpleNamespace(
        _service_api=made, default_entity="team", projects=lambda entity: [SimpleNamespace(name="project")]
    )
    monkeypatch.setattr(wandb, "Api", lambda: api)
    return made


def test_each_table_has_a_view_of_its_own_runs_alone(specified: Dashboard) -> None:
    assert [view.runs for view in specified.views] == [
        {"task": "babi", "data": "babi_1k", "model": "plain"},
        {"task": "reading", "data": 'it\'s "odd" \\ here', "model": "plain"},
    ]
    assert {view.group for view in specified.views} == {"attention"}


def test_panels_stand_by_what_they_show_and_the_primary_measure_comes_first(specified: Dashboard) -> None:
    sections = {section.name: section.panels for section in specified.views[0].sections}
    assert list(sections) == ["Quality", "Learning curves", "Attention", "Cost", "Examples"]
    assert [panel.metric for panel in sections["Quality"]] == ["test/accuracy", "test/nll"]
    assert [(panel.metric, panel.x) for panel in sections["Learning curves"]] == [
        ("val/accuracy", "epoch"),
        ("val/nll", "epoch"),
    ]
    assert [(panel.metric, panel.x) for panel in sections["Cost"]] == [
        ("test/accuracy", "cost/parameters"),
        ("test/accuracy", "cost/seconds"),
        ("test/accuracy", "cost/step_seconds"),
    ]


def test_every_panel_shows_something_that_runs_have_logged(swept: Path, offline: Any) -> None:
    records = list(find_records([swept]).values())
    for run in [run for run in offline.runs(swept) if run["job_type"] == "train"]:
        history = {key for row in run["history"] for key in row}
        for view in dashboard(records, PROJECT).views:
            assert {key: run["config"][key] for key in (*view.runs, view.group)} == {
                **view.runs,
                view.group: run["config"]["attention"],
            }
            for panel in [panel for section in view.sections for panel in section.panels]:
                there = set(run["summary"]) if panel.kind in ("bar", "scatter") else history
                wanted = {name for name in (panel.metric, panel.x) if name is not None}
                assert {name for name in wanted if not any(key.startswith(name) for key in there)} == set()


def test_a_view_becomes_a_workspace_with_its_filters_groups_and_panels(specified: Dashboard) -> None:
    for view in specified.views:
        spec = workspace(specified, view)._to_model().spec.section
        (runs,) = spec.run_sets
        asked = [(item["key"]["name"], item["op"], item["value"]) for item in runs.filters["filters"]]
        assert asked == [(key, "=", value) for key, value in view.runs.items()]
        assert [key.name for key in runs.grouping] == ["attention.value"]
        built = {section.name: section.panels for section in spec.panel_bank_config.sections}
        assert {name: len(panels) for name, panels in built.items()} == {s.name: len(s.panels) for s in view.sections}
        line = built["Learning curves"][0].config
        assert (line.metrics, line.x_axis, line.group_by, line.group_agg, line.group_area) == (
            ["val/accuracy"],
            "epoch",
            "attention.value",
            "mean",
            "stddev",
        )
        assert built["Quality"][0].config.metrics == ["test/accuracy"]
        scatter = built["Cost"][0].config
        assert (scatter.x_axis, scatter.y_axis) == ("summary:cost/parameters", "summary:test/accuracy")
        assert built["Examples"][0].config.media_keys == ["test/attention"]


def test_the_report_has_a_grid_a_section_of_that_tables_runs_alone(specified: Dashboard, service: Service) -> None:
    grids = [block for block in report(specified).blocks if isinstance(block, wr.PanelGrid)]
    assert len(grids) == 2 * 5
    for grid, view in zip(grids, [view for view in specified.views for _ in range(5)], strict=True):
        (runset,) = grid.runsets
        model = runset._to_model()
        assert [item["value"] for item in model.filters["filters"]] == list(view.runs.values())
        assert [key.name for key in model.grouping] == ["attention.value"]
        corners = [(panel.layout.x, panel.layout.y) for panel in grid.panels]
        assert len(set(corners)) == len(corners), "panels lie on each other"
        assert all(panel.layout.x + panel.layout.w <= 24 for panel in grid.panels)


def test_views_and_report_are_stored_in_the_project(specified: Dashboard, service: Service) -> None:
    addresses = saved(specified)
    stored = [asked for asked in service.asked if "displayName" in asked]
    assert [asked["displayName"] for asked in stored] == [
        *(view.title for view in specified.views),
        "Attention mechanisms: project",
    ]
    assert {(asked["entityName"], asked["projectName"]) for asked in stored} == {("team", "project")}
    assert len(addresses) == 3
    assert all(address.startswith("https://wandb.example/team/project") for address in addresses)


def test_where_nothing_has_finished_there_is_nothing_to_show(made: Any) -> None:
    failed: Record = made.record(status="failed", error="broken")
    with pytest.raises(InputError, match="no cell has finished"):
        dashboard([failed], PROJECT)


@pytest.mark.parametrize(("mode", "words"), [("offline", []), ("online", ["--print"])])
def test_offline_or_on_request_the_specification_is_printed(
    mode: str, words: list[str], made: Any, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: Any
) -> None:
    monkeypatch.setenv("WANDB_MODE", mode)
    made.keep(tmp_path, made.record())
    main(["dashboard", "team/project", str(tmp_path), *words])
    shown = capsys.readouterr()
    printed = json.loads(shown.out)
    assert (printed["entity"], printed["project"]) == ("team", "project")
    (view,) = printed["views"]
    assert view["runs"] == {"task": "translation", "data": "phrases", "model": "plain"}
    assert shown.err.startswith("1 view and a report with ")
    assert "in team/project" in shown.err


def test_online_it_is_built_and_its_addresses_are_told(
    made: Any, service: Service, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: Any
) -> None:
    monkeypatch.setenv("WANDB_MODE", "online")
    made.keep(tmp_path, made.record())
    main(["dashboard", "team/project", str(tmp_path)])
    lines = capsys.readouterr().out.splitlines()
    assert [line.partition("?")[0] for line in lines][:1] == ["https://wandb.example/team/project"]
    assert "/reports/" in lines[1]


@pytest.mark.parametrize(
    ("words", "line"),
    [
        (["project"], "wandb://project: names no entity; give wandb://ENTITY/project"),
        (["team/project"], "team/project: W&B is offline here; log in by `wandb login`, or give folders of RUNS"),
        (["team/project", "nowhere"], "nowhere: no such file or folder; give folders that hold runs, such as runs/"),
        ([], "the following arguments are required: ENTITY/PROJECT, RUNS; see attnbench dashboard --help"),
    ],
)
def test_what_cannot_be_is_told_in_a_line(
    words: list[str], line: str, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.setenv("WANDB_MODE", "offline")
    with pytest.raises(SystemExit) as stop:
        main(["dashboard", *words])
    assert stop.value.code == 1
    assert capsys.readouterr().err == f"attnbench: {line}\n"


def test_without_the_library_the_extra_is_named(
    made: Any, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.setenv("WANDB_MODE", "online")
    monkeypatch.setattr("importlib.util.find_spec", lambda name: None)
    made.keep(tmp_path, made.record())
    with pytest.raises(SystemExit):
        main(["dashboard", "team/project", str(tmp_path)])
    assert "pip install 'attention-bench[dashboard]'" in capsys.readouterr().err
