"""Parallel text: files, Multi30k, the hub; what is wrong with it is named, counted, and left out of train alone."""

import gzip
import json
from pathlib import Path
from typing import Any

import datasets
import pytest
from datasets import Dataset
from hydra import compose, initialize_config_module
from hydra.utils import instantiate

from attnbench.tasks.source import SPLITS, DataError, finding_line
from attnbench.tasks.translation import Translation
from attnbench.tasks.translation.pairs import Text
from attnbench.tasks.translation.parallel import TESTS, HubPairs, Multi30k, ParallelFiles, read_lines

CLEAN = ("a b\nc d\n", "x y\nz w\n")
FILES = {split: (f"{split}.en", f"{split}.de.gz") for split in SPLITS}


def write_pair(folder: Path, split: str, source: str, target: str) -> None:
    (folder / f"{split}.en").write_bytes(source.encode())
    (folder / f"{split}.de.gz").write_bytes(gzip.compress(target.encode()))


def pairs(
    folder: Path, text: Text = "raw", *, options: dict[str, Any] | None = None, **splits: tuple[str, str]
) -> ParallelFiles:
    for split in SPLITS:
        write_pair(folder, split, *splits.get(split, CLEAN if split == "train" else (f"e {split}\n", f"d {split}\n")))
    return ParallelFiles(data_dir=str(folder), files=FILES, text=text, **(options or {}))


def test_parallel_files_pair_up_by_line(tmp_path: Path) -> None:
    train = pairs(tmp_path, "tokenized").load()["train"]
    assert train["source"][:] == [["a", "b"], ["c", "d"]]
    assert train["target"][:] == [["x", "y"], ["z", "w"]]


def test_raw_text_stays_lines_and_can_be_tokenised_here(tmp_path: Path) -> None:
    told = ("A dog, running.\n", "Ein Hund rennt.\n")
    assert pairs(tmp_path, train=told).load()["train"]["source"][:] == ["A dog, running."]
    tokenised = pairs(tmp_path, "lowercased_13a", train=told).load()["train"]
    assert tokenised["source"][0] == ["a", "dog", ",", "running", "."]


def test_clean_text_has_no_findings(tmp_path: Path) -> None:
    source = pairs(tmp_path)
    assert source.findings() == {}
    source.load()
    assert source.findings() == {}


FAULTS = {
    "line empty": ("\n", "x\n", "train.en: line 3: ''"),
    "line without letters": ("one more\n", "@@ 12\n", "train.de.gz: line 3: '@@ 12'"),
    "line with lost characters": ("caf\ufffd\n", "x\n", "train.en: line 3: 'caf\ufffd'"),
    "line too long": ("a b c d\n", "x\n", "train.en: line 3: 'a b c d'"),
}


@pytest.mark.parametrize("kind", FAULTS)
def test_what_nothing_can_be_learnt_from_is_left_out_of_train_and_named(tmp_path: Path, kind: str) -> None:
    source, target, named = FAULTS[kind]
    data = pairs(tmp_path, train=(CLEAN[0] + source, CLEAN[1] + target), options={"most_words": 3})
    assert data.load()["train"]["source"][:] == ["a b", "c d"]
    assert data.findings() == {kind: {"count": 1, "left out": {"train": 1}, "first": [named]}}


@pytest.mark.parametrize("kind", [kind for kind in FAULTS if kind != "line empty"])
@pytest.mark.parametrize("split", ["validation", "test"])
def test_validation_and_test_stay_whole_and_tell(tmp_path: Path, kind: str, split: str) -> None:
    source, target, _ = FAULTS[kind]
    data = pairs(tmp_path, options={"most_words": 3}, **{split: (source, target)})
    assert data.load()[split]["source"][:] == [source[:-1]]
    assert data.findings()[kind]["kept"] == {split: 1}


@pytest.mark.parametrize("kind", [kind for kind in FAULTS if kind != "line empty"])
def test_train_stays_whole_where_that_is_asked_for(tmp_path: Path, kind: str) -> None:
    source, target, _ = FAULTS[kind]
    data = pairs(tmp_path, train=(source, target), options={"most_words": 3, "drop_unusable": False})
    assert len(data.load()["train"]) == 1
    assert data.findings()[kind]["kept"] == {"train": 1}


@pytest.mark.parametrize(
    ("split", "options"), [("validation", {}), ("test", {}), ("train", {"drop_unusable": False})], ids=str
)
def test_an_empty_line_that_would_stay_is_an_error(tmp_path: Path, split: str, options: dict[str, Any]) -> None:
    data = pairs(tmp_path, options=options, **{split: ("a\n \u00a0\n", "x\ny\n")})
    with pytest.raises(DataError, match=rf"{split}\.en: line 2 is empty; remove the pair"):
        data.load()


@pytest.mark.parametrize(
    ("kind", "option", "more"),
    [
        ("source is target", "drop_identical", ("New York\n", "New York\n")),
        ("pair twice", "drop_duplicates", ("a b\n", "x y\n")),
    ],
)
def test_what_says_nothing_new_stays_unless_it_is_to_be_dropped(
    tmp_path: Path, kind: str, option: str, more: tuple[str, str]
) -> None:
    told = (CLEAN[0] + more[0], CLEAN[1] + more[1])
    data = pairs(tmp_path, train=told)
    assert len(data.load()["train"]) == 3
    assert data.findings()[kind]["kept"] == {"train": 1}
    assert "train.en: line 3" in data.findings()[kind]["first"][0]
    data = pairs(tmp_path, train=told, test=told, options={option: True})
    splits = data.load()
    assert (len(splits["train"]), len(splits["test"])) == (2, 3)
    assert data.findings()[kind]["left out"] == {"train": 1}
    assert data.findings()[kind]["kept"] == {"test": 1}


def test_a_pair_of_train_in_test_is_told(tmp_path: Path) -> None:
    data = pairs(tmp_path, test=("c d\n", "z w\n"))
    assert len(data.load()["test"]) == 1
    assert data.findings()["pair in two splits"]["first"] == ["test.en: line 1: 'c d' (also in train)"]


def test_white_space_is_normalised_in_train_and_told_everywhere(tmp_path: Path) -> None:
    data = pairs(tmp_path, train=(" a\u00a0b  c\t\n", "x y\n"), test=("a\n", "x\u00a0y\n"))
    splits = data.load()
    assert splits["train"]["source"][:] == ["a b c"]
    assert splits["test"]["target"][:] == ["x\u00a0y"], "references stay as they were published"
    finding = data.findings()["white space normalised"]
    assert finding["kept"] == {"train": 1, "test": 1}
    assert finding["first"][1].startswith("test.de.gz: line 1")


def test_a_last_line_without_end_is_read_and_told(tmp_path: Path) -> None:
    data = pairs(tmp_path, train=("a\nb", "x\ny\n"))
    assert data.load()["train"]["source"][:] == ["a", "b"]
    assert data.findings()["last line without end"]["first"] == ["train.en: line 2: 'b'"]


def test_a_byte_order_mark_and_carriage_returns_are_no_text(tmp_path: Path) -> None:
    path = tmp_path / "windows.txt"
    path.write_bytes(b"\xef\xbb\xbfa b\r\nc\r\n")
    assert read_lines(path) == (["a b", "c"], True)


def test_findings_are_plain_and_told_in_a_line(tmp_path: Path) -> None:
    data = pairs(tmp_path, train=(CLEAN[0] + "@@\n" * 7, CLEAN[1] + "@@\n" * 7))
    data.load()
    assert json.loads(json.dumps(data.findings())) == data.findings()
    (line,) = [finding_line(kind, finding) for kind, finding in data.findings().items()]
    assert line.startswith("line without letters: 7 (left out: train 7): train.en: line 3: '@@', ")
    assert line.endswith(", ...")


@pytest.mark.parametrize(
    ("source", "target", "message"),
    [
        ("a\nb\n", "x\n", r"train\.en has 2 lines and .*train\.de\.gz 1; they must pair up"),
        ("", "", "holds no sentence"),
        ("@@\n", "x\n", "no pair can be used"),
    ],
)
def test_files_that_do_not_pair_up_are_named(tmp_path: Path, source: str, target: str, message: str) -> None:
    with pytest.raises(DataError, match=message):
        pairs(tmp_path, train=(source, target)).load()


def test_a_truncated_file_is_named(tmp_path: Path) -> None:
    path = tmp_path / "cut.gz"
    path.write_bytes(gzip.compress(b"a line of text\n" * 100)[:-20])
    with pytest.raises(DataError, match=r"cut\.gz: cannot be read, cut short or damaged"):
        read_lines(path)


def test_bytes_that_are_no_utf8_are_named_with_their_line(tmp_path: Path) -> None:
    path = tmp_path / "latin1.txt"
    path.write_bytes("gut\nschön\n".encode("latin-1"))
    with pytest.raises(DataError, match="line 2 is not UTF-8"):
        read_lines(path)


def test_the_checksum_follows_the_bytes_and_what_is_done_with_them(tmp_path: Path) -> None:
    before = pairs(tmp_path).checksum()
    assert before == pairs(tmp_path).checksum()
    assert before != pairs(tmp_path, options={"most_words": 9}).checksum()
    assert before != pairs(tmp_path, "tokenized").checksum()
    assert before != pairs(tmp_path, train=("a b\nc d\n", "x y\nz v\n")).checksum()


@pytest.mark.usefixtures("unchecked_types")
@pytest.mark.parametrize(
    ("option", "message"),
    [
        ({"text": "cooked"}, "text=cooked: must be one of raw, tokenized, lowercased_13a"),
        ({"most_words": 0}, "most_words=0: must be a whole number, 1 or more"),
        (
            {"files": {"train": ("a", "b")}},
            r"files=.* must give \[source, target\] for each of train, validation, test",
        ),
    ],
)
def test_options_that_cannot_be_are_refused(option: dict[str, Any], message: str) -> None:
    with pytest.raises(ValueError, match=message):
        ParallelFiles(**{"data_dir": None, "files": FILES, "text": "raw", **option})


def hub(folder: Path, rows: dict[str, Any], **options: Any) -> HubPairs:
    for split in options.get("splits", {split: split for split in SPLITS}).values():
        Dataset.from_dict(rows).to_json(folder / f"{split}.jsonl")
    return HubPairs(path=str(folder), revision="main", **options)


def test_a_hub_data_set_is_read_by_name_here_a_local_copy(tmp_path: Path) -> None:
    rows = {"en": ["A dog, running."], "de": ["Ein Hund rennt."]}
    splits = hub(tmp_path, rows, source="en", target="de").load()
    assert splits["train"]["source"][0] == ["a", "dog", ",", "running", "."]
    with pytest.raises(DataError, match="has no column fr; it has"):
        HubPairs(path=str(tmp_path), revision="main", source="en", target="fr").load()


def test_a_hub_column_of_translations_is_read_by_language(tmp_path: Path) -> None:
    rows = {"translation": [{"de": "Ein Hund.", "en": "A dog."}, {"de": "@@", "en": "b"}]}
    data = hub(tmp_path, rows, source="en", target="de", column="translation", text="raw")
    assert data.load()["train"]["target"][:] == ["Ein Hund."]
    assert data.findings()["line without letters"]["first"][0] == "train.de: row 2: '@@'"
    with pytest.raises(DataError, match="column translation has no language fr; it has"):
        HubPairs(path=str(tmp_path), revision="main", source="en", target="fr", column="translation").load()
    with pytest.raises(DataError, match="has no column text; it has translation"):
        HubPairs(path=str(tmp_path), revision="main", source="en", target="de", column="text").load()


def test_a_hub_column_that_holds_no_text_is_named(tmp_path: Path) -> None:
    with pytest.raises(DataError, match="column en: row 1 is '5'; should be text"):
        hub(tmp_path, {"en": [5], "de": ["x"]}, source="en", target="de").load()
    with pytest.raises(DataError, match=r"column en holds '5'; should be \{language: text\}"):
        hub(tmp_path, {"en": [5], "de": ["x"]}, source="en", target="de", column="en").load()


def test_a_hub_data_sets_own_names_of_splits_are_followed(tmp_path: Path) -> None:
    splits = {"train": "train", "validation": "test", "test": "validation"}
    data = hub(tmp_path, {"en": ["a"], "de": ["x"]}, source="en", target="de", splits=splits)
    assert set(data.load()) == set(SPLITS)
    wrong = HubPairs(path=str(tmp_path), revision="main", source="en", target="de", splits={**splits, "test": "dev"})
    with pytest.raises(DataError, match=r"has no split dev; it has .*: give task\.data\.splits"):
        wrong.load()
    with pytest.raises(ValueError, match="must name for each of train, validation, test"):
        HubPairs(path="p", revision="main", source="en", target="de", splits={"train": "train"})


def test_offline_a_hub_data_set_that_is_not_kept_is_one_line_and_nobody_is_asked(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    asked: list[Any] = []

    def address(*where: Any, **_: Any) -> None:
        asked.append(where)
        raise OSError("no network")

    monkeypatch.setattr("socket.getaddrinfo", address)
    monkeypatch.setattr(datasets.config, "HF_HUB_OFFLINE", False)
    with pytest.raises(DataError, match="hub data set nobody/nothing") as caught:
        HubPairs(path="nobody/nothing", revision="main", source="en", target="de", offline=True).load()
    assert "\n" not in str(caught.value)
    assert not asked
    assert not datasets.config.HF_HUB_OFFLINE  # for others it is as before


def test_a_test_set_that_multi30k_does_not_have_is_refused() -> None:
    with pytest.raises(ValueError, match="test=test_2020: must be one of test_2016_flickr, "):
        Multi30k(data_dir=None, source="en", target="de", test="test_2020")


@pytest.mark.needs_data
def test_multi30k_reads_its_authors_tokenised_text(data_dir: str) -> None:
    data = Multi30k(data_dir=data_dir, source="en", target="de", test="test_2016_flickr", drop_unusable=False)
    splits = data.load()
    assert {name: len(rows) for name, rows in splits.items()} == {"train": 29000, "validation": 1014, "test": 1000}
    assert splits["train"][0]["source"][:3] == ["two", "young", ","]
    assert data.findings()["line without letters"]["kept"] == {"train": 2}


@pytest.mark.needs_data
def test_multi30k_raw_tells_its_known_dirt(data_dir: str) -> None:
    data = Multi30k(data_dir=data_dir, source="en", target="de", test="test_2017_mscoco", text="raw")
    splits = data.load()
    assert {name: len(rows) for name, rows in splits.items()} == {"train": 28998, "validation": 1014, "test": 461}
    found = data.findings()
    assert found["line without letters"] == {
        "count": 2,
        "left out": {"train": 2},
        "first": ["multi30k/raw/train.de.gz: line 16510: '@@'", "multi30k/raw/train.de.gz: line 16664: '@@'"],
    }
    assert found["pair twice"]["kept"] == {"train": 3}
    assert found["white space normalised"]["kept"]["validation"] == 1


@pytest.mark.needs_data
@pytest.mark.parametrize("test", TESTS)
@pytest.mark.parametrize("text", ["raw", "tokenized"])
def test_every_test_set_of_multi30k_pairs_up(data_dir: str, test: str, text: Text) -> None:
    data = Multi30k(data_dir=data_dir, source="de", target="en", test=test, text=text)
    first, second = data.given()["test"]
    assert len(first.lines) == len(second.lines) == (461 if test == "test_2017_mscoco" else 1000)


@pytest.mark.parametrize("name", ["multi30k", "multi30k_raw", "multi30k_hub", "text_pairs", "text_pairs_hub"])
def test_the_configs_build_a_task_without_reading(name: str) -> None:
    with initialize_config_module("attnbench.conf", version_base="1.3"):
        task = instantiate(compose("run", overrides=["task=translation", f"task/data={name}"]).task)
    assert isinstance(task, Translation)
    assert task.raw == (name in ("multi30k_raw", "text_pairs", "text_pairs_hub")) == task.units.raw
