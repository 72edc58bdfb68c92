"""Records read back from W&B: what comes back is what went there, and what is anything else is refused in a line."""

import inspect
import json
from collections.abc import Mapping
from dataclasses import replace
from pathlib import Path
from types import SimpleNamespace
from typing import Any

import pytest
import wandb
from wandb.sdk.artifacts.artifact_manifest_entry import ArtifactManifestEntry

from attnbench.benchmarks.cli import main
from attnbench.benchmarks.places import records_at
from attnbench.benchmarks.record import Record, find_records, record_text
from attnbench.benchmarks.wandb_artifacts import record_artifact

PLACE = "wandb://team/project"
Files = Mapping[str, bytes]


class Entry:
    """A file of an artifact, as a manifest has it."""

    def __init__(self, path: str, content: bytes, *, ref: str | None = None, size: int | None = None) -> None:
        self.path, self.content, self.ref = path, content, ref
        self.size = len(content) if size is None else size

    def download(self, root: str | None = None, skip_cache: bool | None = None) -> str:
        file = Path(str(root)) / self.path
        file.parent.mkdir(parents=True, exist_ok=True)
        file.write_bytes(self.content)
        return str(file)


class Server:
    """What W&B holds, and `wandb.Api` for it."""

    def __init__(self) -> None:
        self.held: dict[str, list[dict[str, Entry]]] = {}

    def __call__(self) -> "Server":
        return self

    def take(self, name: str, *entries: Entry) -> None:
        """A new version of an artifact of type `record`."""
        self.held.setdefault(name, []).append({entry.path: entry for entry in entries})

    def take_artifact(self, artifact: wandb.Artifact) -> None:
        """What a run has logged."""
        entries = artifact.manifest.entries.items()
        self.take(artifact.name, *(Entry(path, Path(entry.local_path).read_bytes()) for path, entry in entries))

    def artifact_collections(self, project_name: str, type_name: str) -> list[Any]:
        assert (project_name, type_name) == ("team/project", "record")
        return [SimpleNamespace(name=name) for name in self.held]

    def artifact(self, name: str, type: str | None = None) -> Any:  # noqa: A002
        place, _, alias = name.rpartition(":")
        assert (alias, type) == ("latest", "record")
        return SimpleNamespace(manifest=SimpleNamespace(entries=self.held[place.removeprefix("team/project/")][-1]))


@pytest.fixture
def server(tmp_path: Path, offline: Any, monkeypatch: pytest.MonkeyPatch) -> Server:
    made = Server()
    monkeypatch.setattr(wandb, "Api", made)
    monkeypatch.setenv("WANDB_MODE", "online")
    monkeypatch.setenv("ATTNBENCH_CACHE", str(tmp_path / "cache"))
    return made


def told(capsys: pytest.CaptureFixture[str], *words: str) -> str:
    """What the command says as it fails, which is one line."""
    with pytest.raises(SystemExit) as stop:
        main(["compare", *words])
    assert stop.value.code == 1
    (line,) = capsys.readouterr().err.splitlines()
    return line


def test_the_server_here_has_the_interface_of_the_real_one() -> None:
    inspect.signature(wandb.Api.artifact_collections).bind(None, "team/project", "record")
    inspect.signature(wandb.Api.artifact).bind(None, "team/project/name:latest", type="record")
    inspect.signature(ArtifactManifestEntry.download).bind(None, root="folder", skip_cache=True)
    assert {"path", "ref", "size"} <= set(ArtifactManifestEntry.model_fields)
    assert isinstance(inspect.getattr_static(wandb.Artifact, "manifest"), property)


def test_what_is_read_back_is_what_was_logged(made: Any, server: Server, tmp_path: Path) -> None:
    exhibits = [made.exhibit["translation"]("additive_soft", 0)]
    failed = made.record(attention="uniform", status="failed", error="broken")
    folders = {record.cell: made.keep(tmp_path / "runs", record, exhibits) for record in (made.record(), failed)}
    kept = find_records([tmp_path / "runs"])
    for folder, record in kept.items():
        server.take_artifact(record_artifact(record, folder))
    found = {record.cell: (folder, record) for folder, record in records_at([PLACE]).items()}
    assert {cell: record for cell, (_, record) in found.items()} == {record.cell: record for record in kept.values()}
    for name in ("record.json", "examples.json", "exhibits.json"):
        cell = made.record().cell
        assert (found[cell][0] / name).read_bytes() == (folders[cell] / name).read_bytes()
    assert not (found[failed.cell][0] / "examples.json").exists()


def test_a_project_and_a_folder_are_compared_together(
    made: Any, server: Server, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    made.keep(tmp_path / "runs", made.record(attention="dot_soft"))
    server.take_artifact(record_artifact(made.record(), tmp_path))
    main(["compare", PLACE, str(tmp_path / "runs")])
    shown = capsys.readouterr().out
    assert "additive_soft" in shown
    assert "dot_soft" in shown
    assert (tmp_path / "cache" / "wandb" / "team" / "project" / "report" / "report.html").is_file()


def test_the_latest_version_counts_and_what_is_gone_from_there_is_gone_here(
    made: Any, server: Server, tmp_path: Path
) -> None:
    other = made.record(attention="dot_soft")
    first = replace(made.record(), status="failed", error="broken")
    made.keep(tmp_path / "runs", made.record(), [made.exhibit["translation"]("additive_soft", 0)])
    (folder,) = find_records([tmp_path / "runs"])
    server.take_artifact(record_artifact(made.record(), folder))
    server.take_artifact(record_artifact(other, tmp_path))
    assert len(records_at([PLACE])) == 2
    server.take_artifact(record_artifact(first, folder))
    del server.held[f"record-{other.cell}"]
    ((kept, record),) = records_at([PLACE]).items()
    assert record_text(record) == record_text(first)
    assert [file.name for file in kept.iterdir()] == ["record.json"]


def content(record: Record) -> bytes:
    return record_text(record).encode()


@pytest.mark.parametrize(
    "name",
    ["../../record-0123456789abcdef", "record-0123456789abcdef/..", "record-..", "mine", "record-0123456789ABCDEF"],
)
def test_an_artifact_whose_name_is_no_cells_is_refused_and_nothing_is_written(
    name: str, made: Any, server: Server, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    server.take(name, Entry("record.json", content(made.record())))
    assert told(capsys, PLACE).startswith(f"attnbench: {PLACE}: the artifact {name!r} of type record is no cell's")
    assert not list(tmp_path.iterdir())


def test_only_a_records_own_files_are_taken(made: Any, server: Server, tmp_path: Path) -> None:
    record = made.record()
    extra = [
        Entry(path, b"x") for path in ("../../../evil.py", "/etc/evil", "best.ckpt", "config.yaml", "a/record.json")
    ]
    server.take(f"record-{record.cell}", Entry("record.json", content(record)), *extra)
    (folder,) = records_at([PLACE])
    assert [file for file in tmp_path.rglob("*") if file.is_file()] == [folder / "record.json"]


def test_an_entry_that_claims_anothers_name_is_refused(
    made: Any, server: Server, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    record = made.record()
    server.held[f"record-{record.cell}"] = [{"record.json": Entry("../../../evil.json", content(record))}]
    assert "record.json is no plain file" in told(capsys, PLACE)
    assert not list(tmp_path.rglob("evil.json"))


@pytest.mark.parametrize("odd", [{"ref": "file:///etc/passwd"}, {"size": 2**28 + 1}], ids=["reference", "huge"])
@pytest.mark.parametrize("name", ["record.json", "exhibits.json"])
def test_files_elsewhere_and_files_beyond_reason_are_not_fetched(
    odd: dict[str, Any], name: str, made: Any, server: Server, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    record = made.record()
    plain = Entry("record.json", content(record))
    server.take(f"record-{record.cell}", plain, Entry(name, b"{}", **odd))
    assert f"record-{record.cell}: {name} is no plain file" in told(capsys, PLACE)
    assert not [file for file in tmp_path.rglob(name) if name != "record.json"]


def damaged(record: Record) -> dict[str, tuple[bytes, str]]:
    """Contents that are no record of the cell, and what is said of them."""
    raw = json.loads(record_text(record))
    changed = {
        "a measure that is a word": {"measures": {"bleu": "high"}},
        "measures that are a list": {"measures": [1.0]},
        "a seed that is a word": {"seed": "0"},
        "a status that is none": {"status": "perfect"},
        "a curve of words": {"curves": {"val/bleu": ["<script>"]}},
    }
    cases = {name: (json.dumps({**raw, **change}).encode(), "not a record") for name, change in changed.items()}
    other = json.dumps({**raw, "cell": "0123456789abcdef"}).encode()
    return {
        **cases,
        "another cell's": (other, "the record of another cell ('0123456789abcdef')"),
        "cut off": (record_text(record).encode()[:100], "not a record"),
        "no text": (b"\x80\x04\x95pickle\xff", "not a record"),
        "a list": (b"[]", "not a record of format 1"),
        "a foreign key": (
            json.dumps({**raw, "__reduce__": "os.system"}).encode(),
            "its keys are not those of a record",
        ),
    }


@pytest.mark.parametrize(
    "kind",
    [
        "a measure that is a word",
        "measures that are a list",
        "a seed that is a word",
        "a status that is none",
        "a curve of words",
        "another cell's",
        "cut off",
        "no text",
        "a list",
        "a foreign key",
    ],
)
@pytest.mark.usefixtures("unchecked_types")
def test_a_damaged_record_is_named_with_what_is_wrong(
    kind: str, made: Any, server: Server, capsys: pytest.CaptureFixture[str]
) -> None:
    record = made.record()
    cases = damaged(record)
    written, reason = cases[kind]
    server.take(f"record-{record.cell}", Entry("record.json", written))
    line = told(capsys, PLACE)
    assert f"record-{record.cell}" in line
    assert reason in line
    assert len(cases) == 10


def test_an_artifact_without_a_record_is_named(made: Any, server: Server, capsys: pytest.CaptureFixture[str]) -> None:
    server.take("record-0123456789abcdef", Entry("examples.json", b"{}"))
    assert "record-0123456789abcdef" in told(capsys, PLACE)


def test_an_empty_project_is_told(server: Server, capsys: pytest.CaptureFixture[str]) -> None:
    assert told(capsys, PLACE) == f"attnbench: {PLACE}: holds no records; runs with logger=wandb bring theirs"


def test_a_server_that_fails_is_told_in_a_line(
    server: Server, capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    def lost(project_name: str, type_name: str) -> list[Any]:
        raise wandb.errors.CommError("HTTP 404:\nproject not found")

    monkeypatch.setattr(server, "artifact_collections", lost)
    expected = f"attnbench: {PLACE}: cannot be read from W&B (HTTP 404: project not found)"
    assert told(capsys, PLACE) == expected


@pytest.mark.parametrize("place", ["wandb://project", "wandb://", "wandb://../x", "wandb://a/b/c", "wandb://team/.."])
def test_a_place_that_names_no_project_is_refused(
    place: str, server: Server, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    assert "ENTITY/" in told(capsys, place)
    assert not list(tmp_path.iterdir())


def test_offline_the_api_is_not_even_asked(
    server: Server, capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("WANDB_MODE", "offline")
    monkeypatch.setattr(wandb, "Api", None)
    assert told(capsys, PLACE).startswith(f"attnbench: {PLACE}: W&B is offline here; log in")
