"""Every fault of caption data is found, told under its name and dealt with; every form gives the same splits."""

import hashlib
import json
import shutil
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import numpy as np
import PIL.Image
import pytest
from datasets import Dataset, DatasetDict, Features, Image, List, Value
from hydra.utils import instantiate
from omegaconf import OmegaConf

from attnbench.tasks.captioning.data.builder import CaptionSource
from attnbench.tasks.captioning.data.coco import CocoCaptions
from attnbench.tasks.captioning.data.flickr8k import CAPTIONS, LISTS, Flickr8k
from attnbench.tasks.captioning.data.hub import HubCaptions
from attnbench.tasks.captioning.data.karpathy import KarpathyCaptions
from attnbench.tasks.source import DataError, finding_line

CONFIGS = Path(__file__).parents[2] / "conf" / "task" / "data"
SPLITS = {"train": ["t1.jpg", "t2.jpg", "t3.jpg"], "validation": ["v1.jpg", "v2.jpg"], "test": ["e1.jpg", "e2.jpg"]}
NAMES = [name for names in SPLITS.values() for name in names]
SAID = {name: [f"A brown dog runs to {name[0]}", f"two children play with {name[1]} red balls"] for name in NAMES}
TOKENS = {name: [text.lower() for text in said] for name, said in SAID.items()}


def picture(path: Path, seed: int) -> None:
    pixels = np.random.default_rng(seed).integers(0, 256, (40, 48, 3), dtype=np.uint8)
    PIL.Image.fromarray(pixels).save(path)


class Folder:
    """Flickr8k in little, below `path`/flickr8k; a fault is planted before `source` is asked."""

    def __init__(self, path: Path) -> None:
        self.path = path
        self.images = path / "flickr8k" / "images"
        self.images.mkdir(parents=True)
        for seed, name in enumerate(NAMES):
            picture(self.images / name, seed)
        lines = [f"{name}#{number}\t{text}\n" for name, said in SAID.items() for number, text in enumerate(said)]
        self.text(CAPTIONS).write_text("".join(lines), "utf-8")
        for split, names in SPLITS.items():
            self.text(LISTS[split]).write_text("".join(f"{name}\n" for name in names), "utf-8")

    def text(self, name: str) -> Path:
        return self.path / "flickr8k" / name

    def add(self, name: str, text: str) -> None:
        with self.text(name).open("a", encoding="utf-8") as file:
            file.write(f"{text}\n")

    def drop_captions(self, image: str) -> None:
        lines = self.text(CAPTIONS).read_text("utf-8").splitlines(keepends=True)
        self.text(CAPTIONS).write_text("".join(line for line in lines if not line.startswith(image)), "utf-8")

    def source(self, **options: Any) -> Flickr8k:
        return Flickr8k(data_dir=str(self.path), cache_dir=str(self.path / "cache"), **options)


@pytest.fixture
def folder(tmp_path: Path) -> Folder:
    return Folder(tmp_path / "data")


def names_of(splits: DatasetDict) -> dict[str, list[str]]:
    return {split: list(rows["image_id"]) for split, rows in splits.items()}


def without(name: str) -> dict[str, list[str]]:
    return {split: [other for other in names if other != name] for split, names in SPLITS.items()}


def test_a_sound_folder_gives_its_splits_and_no_finding(folder: Folder) -> None:
    source = folder.source()
    splits = source.load()
    assert names_of(splits) == SPLITS
    assert source.findings() == {}
    for row in (row for rows in splits.values() for row in rows):
        file = folder.images / row["image_id"]
        assert row["captions"] == TOKENS[row["image_id"]]
        assert row["image"] == {"bytes": None, "path": str(file)}
        assert row["checksum"] == hashlib.sha256(file.read_bytes()).hexdigest()


def test_building_a_source_reads_nothing() -> None:
    source = Flickr8k(data_dir="/nowhere")
    assert source.findings() == {}
    for ask in (source.load, source.checksum):
        with pytest.raises(DataError, match="data_dir=/nowhere: no such folder"):
            ask()


def no_file(folder: Folder, name: str) -> None:
    (folder.images / name).unlink()


def no_picture(folder: Folder, name: str) -> None:
    (folder.images / name).write_text("<html>not found</html>", "utf-8")


def cut(folder: Folder, name: str) -> None:
    data = (folder.images / name).read_bytes()
    (folder.images / name).write_bytes(data[: len(data) // 2])


def empty(folder: Folder, name: str) -> None:
    (folder.images / name).write_bytes(b"")


def tiny(folder: Folder, name: str) -> None:
    PIL.Image.new("RGB", (1, 1)).save(folder.images / name)


def flat(folder: Folder, name: str) -> None:
    PIL.Image.new("RGB", (500, 31)).save(folder.images / name)


def silent(folder: Folder, name: str) -> None:
    folder.drop_captions(name)


def blank(folder: Folder, name: str) -> None:
    folder.drop_captions(name)
    folder.add(CAPTIONS, f"{name}#0\t . ")


Plant = Callable[[Folder, str], None]
IMAGE_FAULTS: list[tuple[Plant, str, str]] = [
    (no_file, "image missing", "{}"),
    (no_picture, "image damaged", "{} (no image)"),
    (cut, "image damaged", "{} (damaged: "),
    (empty, "image damaged", "{} (no image)"),
    (tiny, "image too small", "{} (1x1)"),
    (flat, "image too small", "{} (500x31)"),
    (silent, "image without caption", "{}"),
    (blank, "image without caption", "{}"),
]


@pytest.mark.parametrize(("plant", "kind", "what"), IMAGE_FAULTS)
def test_a_faulty_training_image_is_left_out_and_told(folder: Folder, plant: Plant, kind: str, what: str) -> None:
    plant(folder, "t2.jpg")
    source = folder.source()
    assert names_of(source.load()) == without("t2.jpg")
    finding = source.findings()[kind]
    assert (finding["count"], finding["left out"]) == (1, {"train": 1})
    assert finding["first"][0].startswith(what.format("t2.jpg"))


@pytest.mark.parametrize(("name", "split"), [("v2.jpg", "validation"), ("e1.jpg", "test")])
@pytest.mark.parametrize(("plant", "kind", "what"), IMAGE_FAULTS)
def test_a_faulty_image_of_the_standard_splits_is_an_error_unless_allowed(
    folder: Folder, plant: Plant, kind: str, what: str, name: str, split: str
) -> None:
    plant(folder, name)
    with pytest.raises(DataError) as error:
        folder.source().load()
    assert f"flickr8k: {split} is not whole: {kind} 1 ({what.format(name)}" in str(error.value)
    assert "drop_damaged=true" in str(error.value)
    source = folder.source(drop_damaged=True)
    assert names_of(source.load()) == without(name)
    assert source.findings()[kind]["left out"] == {split: 1}


def test_a_split_without_an_example_is_an_error(folder: Folder) -> None:
    shutil.rmtree(folder.images)
    folder.images.mkdir()
    with pytest.raises(DataError, match="flickr8k: train has no example; image missing 3"):
        folder.source(drop_damaged=True).load()


@pytest.mark.parametrize(
    ("text", "kind"),
    [
        ("A", "caption too short"),
        ("broken image", "caption too short"),
        ("1 2 3 4", "caption without letters"),
        ("dog " * 101, "caption too long"),
    ],
)
def test_captions_that_say_nothing_train_nobody_and_stay_references(folder: Folder, text: str, kind: str) -> None:
    for name in ("t1.jpg", "v1.jpg", "e1.jpg"):
        folder.add(CAPTIONS, f"{name}#2\t{text}")
    source = folder.source()
    splits = source.load()
    assert splits["train"][0]["captions"] == TOKENS["t1.jpg"]
    for split, name in (("validation", "v1.jpg"), ("test", "e1.jpg")):
        assert splits[split][0]["captions"] == [*TOKENS[name], " ".join(text.lower().split())]
    finding = source.findings()[kind]
    assert (finding["count"], finding["left out"], finding["kept"]) == (3, {"train": 1}, {"validation": 1, "test": 1})
    assert finding["first"][0] == f"t1.jpg: {text.strip()[:40]!r}"


def test_an_image_of_which_nothing_is_said_trains_nobody(folder: Folder) -> None:
    folder.drop_captions("t1.jpg")
    folder.add(CAPTIONS, "t1.jpg#0\tbroken image")
    source = folder.source()
    assert names_of(source.load()) == without("t1.jpg")
    assert source.findings()["image without caption"]["first"] == ["t1.jpg"]


def test_an_empty_caption_is_no_reference(folder: Folder) -> None:
    folder.add(CAPTIONS, "e1.jpg#2\t")
    source = folder.source()
    assert source.load()["test"][0]["captions"] == TOKENS["e1.jpg"]
    assert source.findings()["caption empty"]["left out"] == {"test": 1}


def test_a_caption_said_twice_is_kept_and_told(folder: Folder) -> None:
    folder.add(CAPTIONS, f"t1.jpg#2\t{SAID['t1.jpg'][0].upper()}")
    source = folder.source()
    assert source.load()["train"][0]["captions"] == [*TOKENS["t1.jpg"], TOKENS["t1.jpg"][0]]
    assert source.findings()["caption twice"]["kept"] == {"train": 1}


def test_the_limits_are_options(folder: Folder) -> None:
    source = folder.source(least_words=7, most_words=7, least_side=40)
    assert source.load()["train"][0]["captions"] == [TOKENS["t1.jpg"][1]]
    assert source.findings()["caption too short"]["count"] == len(NAMES)
    with pytest.raises(DataError, match="image too small"):
        folder.source(least_side=41).load()


@pytest.mark.parametrize(
    ("one", "other", "kind", "where"),
    [
        ("t1.jpg", "t3.jpg", "image twice", "train"),
        ("t1.jpg", "e2.jpg", "image in two splits", "train and test"),
        ("v1.jpg", "e2.jpg", "image in two splits", "validation and test"),
    ],
)
@pytest.mark.parametrize("how", ["the same file", "the same pixels"])
def test_one_image_under_two_names_is_kept_and_told(
    folder: Folder, one: str, other: str, kind: str, where: str, how: str
) -> None:
    if how == "the same file":
        shutil.copy(folder.images / one, folder.images / other)
    else:
        with PIL.Image.open(folder.images / one) as image:
            image.save(folder.images / other, format="PNG")
    source = folder.source()
    assert names_of(source.load()) == SPLITS
    assert set(source.findings()) == {kind}
    finding = source.findings()[kind]
    assert (finding["count"], finding["kept"]) == (1, {where: 1})
    first, _, last = where.partition(" and ")
    assert finding["first"] == [f"{one} ({first}) = {other} ({last or first}), {how}"]


def test_what_is_listed_for_training_and_test_is_tested_on_alone(folder: Folder) -> None:
    folder.add(LISTS["train"], "e1.jpg")
    source = folder.source()
    assert names_of(source.load()) == SPLITS
    assert source.findings()["name in two splits"]["first"] == ["e1.jpg (also in test)"]
    assert source.findings()["name in two splits"]["left out"] == {"train": 1}


def test_what_is_listed_for_validation_and_test_is_an_error(folder: Folder) -> None:
    folder.add(LISTS["validation"], "e1.jpg")
    with pytest.raises(DataError, match=r"validation is not whole: name in two splits 1 \(e1.jpg \(also in test\)\)"):
        folder.source().load()
    assert names_of(folder.source(drop_damaged=True).load()) == SPLITS


def test_what_is_in_no_split_is_left_out_and_told(folder: Folder) -> None:
    picture(folder.images / "said.jpg", 90)
    folder.add(CAPTIONS, "said.jpg#0\tA brown dog runs")
    picture(folder.images / "beside.jpg", 91)
    folder.add(CAPTIONS, "gone.jpg.1#0\tA brown dog runs")
    source = folder.source()
    assert names_of(source.load()) == SPLITS
    assert source.findings()["image in no split"]["first"] == ["said.jpg", "beside.jpg"]
    assert source.findings()["captions without image"]["first"] == ["gone.jpg.1"]


@pytest.mark.parametrize(
    ("file", "line", "message"),
    [
        (CAPTIONS, "t1.jpg#5 A dog runs", "line 15 is 't1.jpg#5 A dog runs'; should be <image>#<number>, a tab, the"),
        (CAPTIONS, "t1.jpg\tA dog runs", "line 15 is 't1.jpg.tA dog runs'; should be"),
        (CAPTIONS, "", "line 15 is ''; should be"),
        (CAPTIONS, "t1.jpg#0\tA dog runs", "line 15: t1.jpg#0 is there twice"),
        (CAPTIONS, "../t1.jpg#0\tA dog runs", "'../t1.jpg' is no file name below"),
        (LISTS["train"], "t1.jpg", "line 4: t1.jpg is there twice"),
        (LISTS["test"], "", "line 3 is empty"),
        (LISTS["test"], "/etc/e1.jpg", "'/etc/e1.jpg' is no file name below"),
    ],
)
def test_a_line_that_cannot_be_right_is_named(folder: Folder, file: str, line: str, message: str) -> None:
    folder.add(file, line)
    with pytest.raises(DataError) as error:
        folder.source().load()
    assert message.replace("t1.jpg.t", "t1.jpg\\t") in str(error.value)
    assert file in str(error.value) or CAPTIONS in str(error.value)
    assert "\n" not in str(error.value)


@pytest.mark.parametrize(
    ("content", "message"),
    [
        (b"", "is empty"),
        (b"\n\n", "is empty"),
        (b"t1.jpg#0\tA dog\nt1.jpg#1\tcaf\xe9\n", "line 2 is not UTF-8"),
        (b"t1.jpg#0\tA do", "the last line does not end"),
    ],
)
@pytest.mark.parametrize("file", [CAPTIONS, LISTS["test"]])
def test_a_text_file_that_cannot_be_right_is_named(folder: Folder, file: str, content: bytes, message: str) -> None:
    folder.text(file).write_bytes(content)
    with pytest.raises(DataError, match=f"{file}: {message}"):
        folder.source().load()


@pytest.mark.parametrize("file", [CAPTIONS, *LISTS.values(), "images"])
def test_a_missing_file_is_named(folder: Folder, file: str) -> None:
    folder.text(file).rename(folder.text("elsewhere"))
    with pytest.raises(DataError, match=f"{file}: no such file"):
        folder.source().load()


@pytest.mark.usefixtures("unchecked_types")
@pytest.mark.parametrize(
    ("options", "message"),
    [
        ({"least_side": 0}, "least_side=0: must be a whole number, 1 or more"),
        ({"least_words": 2.5}, "least_words=2.5: must be"),
        ({"least_words": 5, "most_words": 4}, "most_words=4: must be at least least_words=5"),
    ],
)
def test_a_setting_that_cannot_be_right_is_refused(options: dict[str, Any], message: str) -> None:
    with pytest.raises(ValueError, match=message):
        Flickr8k(data_dir=None, **options)


def test_windows_line_ends_and_a_byte_order_mark_are_no_content(folder: Folder) -> None:
    before = folder.source().checksum()
    for file in (CAPTIONS, *LISTS.values()):
        content = folder.text(file).read_bytes().replace(b"\n", b"\r\n")
        folder.text(file).write_bytes(b"\xef\xbb\xbf" + content)
    assert folder.source().checksum() == before


def replaced(folder: Folder) -> None:
    picture(folder.images / "t1.jpg", 77)


def said_otherwise(folder: Folder) -> None:
    text = folder.text(CAPTIONS).read_text("utf-8")
    folder.text(CAPTIONS).write_text(text.replace("brown", "white", 1), "utf-8")


def moved(folder: Folder) -> None:
    folder.drop_captions("t3.jpg")
    folder.text(LISTS["train"]).write_text("t1.jpg\nt2.jpg\n", "utf-8")


@pytest.mark.parametrize("change", [replaced, said_otherwise, moved, lambda folder: no_file(folder, "t1.jpg")])
def test_the_checksum_changes_with_the_content(folder: Folder, change: Callable[[Folder], None]) -> None:
    before = folder.source().checksum()
    change(folder)
    assert folder.source().checksum() != before


@pytest.mark.parametrize("option", [{"drop_damaged": True}, {"least_side": 33}, {"least_words": 2}, {"most_words": 99}])
def test_the_checksum_changes_with_the_checks(folder: Folder, option: dict[str, Any]) -> None:
    assert folder.source(**option).checksum() != folder.source().checksum()


def test_the_checksum_does_not_change_with_places(folder: Folder, tmp_path: Path) -> None:
    before = folder.source().checksum()
    picture(folder.images / "beside.jpg", 91)
    original = tmp_path / "other" / "archive"
    (original / "Flickr8k_text").mkdir(parents=True)
    shutil.copytree(folder.images, original / "Flickr8k_Dataset")
    for file in (CAPTIONS, *LISTS.values()):
        shutil.copy(folder.text(file), original / "Flickr8k_text")
    layout = {"folder": "archive", "images": "Flickr8k_Dataset", "text": "Flickr8k_text"}
    elsewhere = Flickr8k(data_dir=str(tmp_path / "other"), cache_dir=str(tmp_path / "cache"), **layout)
    assert elsewhere.checksum() == before
    assert names_of(elsewhere.load()) == SPLITS


def test_findings_are_plain_and_told_in_a_line(folder: Folder) -> None:
    for number in range(7):
        folder.add(CAPTIONS, f"gone{number}.jpg#0\tA brown dog runs")
    folder.add(CAPTIONS, "t1.jpg#2\tA")
    folder.add(CAPTIONS, "e1.jpg#2\tA")
    source = folder.source()
    source.load()
    assert json.loads(json.dumps(source.findings())) == source.findings()
    gone = ", ".join(f"gone{number}.jpg" for number in range(5))
    assert [finding_line(kind, finding) for kind, finding in source.findings().items()] == [
        f"captions without image: 7 (left out: no split 7): {gone}, ...",
        "caption too short: 2 (left out: train 1; kept: test 1): t1.jpg: 'A', e1.jpg: 'A'",
    ]


Json = dict[str, Any]


class Forms:
    """The same little data set in JSON and table forms."""

    def __init__(self, folder: Folder) -> None:
        self.folder = folder
        self.options = {"data_dir": str(folder.path), "cache_dir": str(folder.path / "cache")}

    def karpathy(self, change: Callable[[Json], object] = lambda whole: None, **options: Any) -> CaptionSource:
        theirs = {"train": "train", "validation": "val", "test": "test"}
        images = [
            {
                "filename": name,
                "split": theirs[split],
                "sentences": [{"raw": text, "tokens": text.lower().split()} for text in SAID[name]],
            }
            for split, names in SPLITS.items()
            for name in names
        ]
        whole: Json = {"images": images}
        change(whole)
        (self.folder.path / "dataset.json").write_text(json.dumps(whole), "utf-8")
        return KarpathyCaptions(annotations="dataset.json", images="flickr8k/images", **self.options, **options)

    def coco(self, change: Callable[[Json], object] = lambda wholes: None, **options: Any) -> CaptionSource:
        wholes: Json = {}
        for start, (split, names) in enumerate(SPLITS.items()):
            ids = {name: 100 * start + number for number, name in enumerate(names)}
            said = [(ids[name], text) for name in names for text in SAID[name]]
            wholes[split] = {
                "images": [{"id": key, "file_name": name} for name, key in ids.items()],
                "annotations": [{"id": n, "image_id": key, "caption": text} for n, (key, text) in enumerate(said)],
            }
        change(wholes)
        for split, whole in wholes.items():
            (self.folder.path / f"{split}.json").write_text(json.dumps(whole), "utf-8")
        files = {split: {"annotations": f"{split}.json", "images": "flickr8k/images"} for split in wholes}
        return CocoCaptions(**{**files, **self.options, **options})

    def hub(self, path: Path, **options: Any) -> CaptionSource:
        return HubCaptions(path=str(path), revision="main", cache_dir=self.options["cache_dir"], **options)


@pytest.fixture
def forms(folder: Folder, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[Forms]:
    monkeypatch.setattr("datasets.config.HF_DATASETS_CACHE", tmp_path / "hub")
    return Forms(folder)


def content(splits: DatasetDict) -> dict[str, list[tuple[list[str], str]]]:
    return {split: list(zip(rows["captions"], rows["checksum"], strict=True)) for split, rows in splits.items()}


@pytest.mark.parametrize("tokens", ["given", "ours"])
def test_karpathys_form_gives_the_same_splits(forms: Forms, tokens: str) -> None:
    source = forms.karpathy(tokens=tokens)
    assert content(source.load()) == content(forms.folder.source().load())
    assert source.findings() == {}


def test_karpathys_own_words_are_used_unless_ours_are_asked_for(forms: Forms) -> None:
    def other(whole: Json) -> None:
        for image in whole["images"]:
            for sentence in image["sentences"]:
                sentence.update(raw="they can't swim", tokens=["They", "can't", "swim"])

    given, ours = forms.karpathy(other), forms.karpathy(other, tokens="ours")
    assert given.load()["train"][0]["captions"][0] == "they can't swim"
    assert ours.load()["train"][0]["captions"][0] == "they ca n't swim"


def test_whose_words_are_used_is_part_of_the_checksum(forms: Forms) -> None:
    def same(whole: Json) -> None:
        for image in whole["images"]:
            for sentence in image["sentences"]:
                sentence["raw"] = " ".join(sentence["tokens"])

    assert forms.karpathy(same).checksum() != forms.karpathy(same, tokens="ours").checksum()


def test_karpathys_restval_is_trained_on_unless_left_out(forms: Forms) -> None:
    def rest(whole: Json) -> None:
        whole["images"][2].update(split="restval", cocoid=391895)

    assert names_of(forms.karpathy(rest).load())["train"] == ["t1.jpg", "t2.jpg", "391895"]
    without_rest = forms.karpathy(rest, restval=False)
    assert names_of(without_rest.load())["train"] == ["t1.jpg", "t2.jpg"]
    assert without_rest.findings()["image in no split"]["first"] == ["t3.jpg"]


def test_karpathys_folders_are_followed(forms: Forms) -> None:
    (forms.folder.images / "val2014").mkdir()
    shutil.move(forms.folder.images / "t1.jpg", forms.folder.images / "val2014")
    picture(forms.folder.images / "val2014" / "beside.jpg", 90)
    source = forms.karpathy(lambda whole: whole["images"][0].update(filepath="val2014"))
    assert source.load()["train"][0]["image"]["path"] == str(forms.folder.images / "val2014" / "t1.jpg")
    assert source.findings()["image in no split"]["first"] == ["beside.jpg"]


@pytest.mark.parametrize(
    ("change", "message"),
    [
        (lambda whole: whole.pop("images"), "dataset.json: images must be a list, and is 'None'"),
        (lambda whole: whole["images"].insert(1, 7), r"images\[1\]: filename must be a str"),
        (lambda whole: whole["images"][1].pop("filename"), r"images\[1\]: filename must be a str"),
        (lambda whole: whole["images"][1].update(filename=""), r"images\[1\]: '' is no file name"),
        (lambda whole: whole["images"][1].update(filepath="../.."), r"images\[1\]: '../../t2.jpg' is no file name"),
        (lambda whole: whole["images"][1].update(split="dev"), r"images\[1\]: split is 'dev'; should be one of"),
        (lambda whole: whole["images"][1].update(filename="t1.jpg"), r"images\[1\]: t1.jpg is there twice"),
        (lambda whole: whole["images"][1].update(sentences="A dog"), r"images\[1\]: sentences must be a list"),
        (lambda whole: whole["images"][1]["sentences"][0].pop("tokens"), r"images\[1\]: tokens must be a list"),
        (lambda whole: whole["images"][1]["sentences"][0].update(tokens=["a b"]), r"images\[1\]: tokens is \['a b'\]"),
    ],
)
def test_karpathys_form_that_cannot_be_right_is_named(
    forms: Forms, change: Callable[[Json], object], message: str
) -> None:
    with pytest.raises(DataError, match=message):
        forms.karpathy(change).load()


@pytest.mark.parametrize(
    ("data", "message"),
    [(b'{"images": [', "is no JSON"), (b"\xff\xfe{", "is no JSON"), (b"[]", "holds a list"), (b"", "is no JSON")],
)
def test_a_file_that_is_no_json_object_is_named(forms: Forms, data: bytes, message: str) -> None:
    source = forms.karpathy()
    (forms.folder.path / "dataset.json").write_bytes(data)
    with pytest.raises(DataError, match=f"dataset.json: {message}"):
        source.load()


def test_cocos_form_gives_the_same_splits(forms: Forms) -> None:
    source = forms.coco()
    assert content(source.load()) == content(forms.folder.source().load())
    assert source.findings() == {}
    assert names_of(source.load())["validation"] == ["100", "101"]


def test_cocos_captions_without_image_and_shared_images_are_told(forms: Forms) -> None:
    def odd(wholes: Json) -> None:
        wholes["train"]["annotations"].append({"id": 99, "image_id": 42, "caption": "A dog runs"})
        wholes["train"]["images"].append({"id": 43, "file_name": "e1.jpg"})

    source = forms.coco(odd)
    assert content(source.load()) == content(forms.folder.source().load())
    assert source.findings()["captions without image"]["first"] == ["train.json: image_id 42"]
    assert source.findings()["name in two splits"]["first"] == ["images/e1.jpg (also in test)"]


def test_coco_holds_out_the_same_training_images_everywhere(forms: Forms) -> None:
    held = names_of(forms.coco(validation=None, held_out=1).load())
    assert len(held["validation"]) == 1
    assert sorted(held["train"] + held["validation"]) == ["0", "1", "2"]
    turned = forms.coco(lambda wholes: wholes["train"]["images"].reverse(), validation=None, held_out=1)
    assert names_of(turned.load())["validation"] == held["validation"]


@pytest.mark.parametrize("options", [{"held_out": 3}, {"validation": None}, {"train": {"annotations": "train.json"}}])
def test_coco_is_told_what_is_validated_on(forms: Forms, options: dict[str, Any]) -> None:
    with pytest.raises(ValueError, match=r"must (be a number of training images|give annotations and images)"):
        forms.coco(**options)


@pytest.mark.parametrize(
    ("change", "message"),
    [
        (lambda w: w["images"][1].update(id=0), r"images\[1\]: id 0 is there twice"),
        (lambda w: w["images"][1].update(file_name="t1.jpg"), "images/t1.jpg is two images"),
        (lambda w: w["images"][1].update(id="one"), r"images\[1\]: id must be a int"),
        (lambda w: w["annotations"][1].update(id=0), r"annotations\[1\]: id 0 is there twice"),
        (lambda w: w["annotations"][1].update(caption=None), r"annotations\[1\]: caption must be a str"),
        (lambda w: w.pop("annotations"), "annotations must be a list"),
    ],
)
def test_cocos_form_that_cannot_be_right_is_named(forms: Forms, change: Callable[[Json], object], message: str) -> None:
    with pytest.raises(DataError, match=message):
        forms.coco(lambda wholes: change(wholes["train"])).load()


def packed(folder: Folder, names: list[str]) -> Dataset:
    """A table with the images' bytes inside, as the hub has them."""
    columns = {
        "image": [{"bytes": (folder.images / name).read_bytes(), "path": name} for name in names],
        "captions": [SAID[name] for name in names],
        "first": [SAID[name][0] for name in names],
        "second": [SAID[name][1] for name in names],
        "filename": names,
        "part": [split for name in names for split, those in SPLITS.items() if name in those],
    }
    features = Features({"image": Image(), "captions": List(Value("string"))})
    return Dataset.from_dict(columns, features=Features({**{k: Value("string") for k in columns}, **features}))


@pytest.fixture
def parquet(folder: Folder, tmp_path: Path) -> Path:
    (tmp_path / "parquet").mkdir()
    for split, names in SPLITS.items():
        packed(folder, names).to_parquet(tmp_path / "parquet" / f"{split}-00000-of-00001.parquet")
    return tmp_path / "parquet"


@pytest.mark.parametrize("captions", ["captions", ["first", "second"]])
def test_a_hub_data_set_gives_the_same_splits(forms: Forms, parquet: Path, captions: str | list[str]) -> None:
    source = forms.hub(parquet, captions=captions, image_id="filename")
    splits = source.load()
    assert content(splits) == content(forms.folder.source().load())
    assert names_of(splits) == SPLITS
    assert source.findings() == {}
    assert all(row["image"]["bytes"] is None for rows in splits.values() for row in rows)


def test_a_hub_data_sets_images_are_unpacked_once_and_again_where_one_is_gone(forms: Forms, parquet: Path) -> None:
    first = forms.hub(parquet).load()["train"][0]["image"]["path"]
    written = Path(first).stat().st_mtime_ns
    assert forms.hub(parquet).load()["train"][0]["image"]["path"] == first
    assert Path(first).stat().st_mtime_ns == written
    Path(first).unlink()
    assert names_of(forms.hub(parquet, image_id="filename").load()) == SPLITS
    folders = list((forms.folder.path / "cache" / "unpacked").iterdir())
    assert len(folders) == len(SPLITS)


def test_a_column_can_say_the_split(forms: Forms, tmp_path: Path) -> None:
    (tmp_path / "one").mkdir()
    packed(forms.folder, NAMES).to_parquet(tmp_path / "one" / "test-00000-of-00001.parquet")
    options = {"split_column": "part", "image_id": "filename"}
    assert names_of(forms.hub(tmp_path / "one", **options).load()) == SPLITS
    renamed = forms.hub(
        tmp_path / "one", splits={"train": ["train", "validation"], "validation": "test", "test": "held"}, **options
    )
    with pytest.raises(DataError, match="has no split held; it has test, train, validation: give splits"):
        renamed.load()


def test_a_folder_of_images_with_a_list_is_read(forms: Forms, tmp_path: Path) -> None:
    for split, names in SPLITS.items():
        part = tmp_path / "folder" / split
        part.mkdir(parents=True)
        for name in names:
            shutil.copy(forms.folder.images / name, part)
        lines = [json.dumps({"file_name": name, "captions": SAID[name]}) for name in names]
        (part / "metadata.jsonl").write_text("\n".join(lines) + "\n", "utf-8")
    splits = forms.hub(tmp_path / "folder").load()
    assert content(splits) == content(forms.folder.source().load())
    assert splits["train"][0]["image"]["path"] == str(tmp_path / "folder" / "train" / "t1.jpg")


def test_a_list_of_paths_is_read(forms: Forms) -> None:
    for split, names in SPLITS.items():
        rows = [{"image": f"flickr8k/images/{name}", "captions": SAID[name]} for name in names]
        text = "".join(f"{json.dumps(row)}\n" for row in rows)
        (forms.folder.path / "lists").mkdir(exist_ok=True)
        (forms.folder.path / "lists" / f"{split}.jsonl").write_text(text, "utf-8")
    shutil.move(forms.folder.path / "flickr8k", forms.folder.path / "lists")
    expected = {split: [TOKENS[name] for name in names] for split, names in SPLITS.items()}
    splits = forms.hub(forms.folder.path / "lists").load()
    assert {split: list(rows["captions"]) for split, rows in splits.items()} == expected
    lists = forms.folder.path / "lists" / "flickr8k" / "images"
    assert splits["test"][1]["image"]["path"] == str(lists / "e2.jpg")


@pytest.mark.parametrize(
    ("options", "message"),
    [
        ({"image": "picture"}, "has no column picture; it has image, captions, first"),
        ({"captions": "texts"}, "has no column texts"),
        ({"image": "first"}, "image missing"),
        ({"splits": {"train": "train", "validation": "val", "test": "test"}}, "has no split val; it has"),
    ],
)
def test_what_a_hub_data_set_lacks_is_named(forms: Forms, parquet: Path, options: dict[str, Any], message: str) -> None:
    with pytest.raises(DataError, match=message):
        forms.hub(parquet, **options).load()


def test_a_hub_data_set_that_cannot_be_had_is_named(forms: Forms, tmp_path: Path) -> None:
    with pytest.raises(DataError, match=r"hub data set .*nowhere \(revision main\) cannot be had: "):
        forms.hub(tmp_path / "nowhere", offline=True).load()


def test_splits_of_the_hub_are_used_for_one_purpose_each() -> None:
    with pytest.raises(ValueError, match="must name for each of train, validation, test splits of its own"):
        HubCaptions(path="x", revision="main", splits={"train": "train", "validation": "test", "test": "test"})


@pytest.mark.parametrize("choice", ["flickr8k", "captions_karpathy", "captions_coco", "captions_hub"])
def test_the_config_builds_its_source(choice: str, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("ATTNBENCH_CACHE", "/a/cache")
    config = OmegaConf.merge({"data_dir": "/a/folder"}, OmegaConf.load(CONFIGS / f"{choice}.yaml"))
    source = instantiate(config.task.data)
    assert isinstance(source, CaptionSource)
    assert (source.name, source.cache_dir) == (choice, "/a/cache")


@pytest.mark.needs_data
def test_flickr8k_is_whole_and_its_known_dirt_is_found(data_dir: str, tmp_path: Path) -> None:
    if not (Path(data_dir) / "flickr8k").is_dir():
        pytest.skip("needs flickr8k below ATTNBENCH_DATA")
    source = Flickr8k(data_dir=data_dir, cache_dir=str(tmp_path))
    splits = source.load()
    found = source.findings()
    assert {split: len(rows) for split, rows in splits.items()} == {"train": 6000, "validation": 1000, "test": 1000}
    short = found["caption too short"]
    assert sum(map(len, splits["train"]["captions"])) == 30000 - short["left out"]["train"]
    for split in ("validation", "test"):
        assert {len(captions) for captions in splits[split]["captions"]} == {5}
    said = [" " + caption for captions in splits["train"]["captions"] for caption in captions]
    assert not {" a", " broken image"} & set(said)
    assert found["image in no split"]["count"] == 91
    assert found["captions without image"]["first"] == ["2258277193_586949ec62.jpg.1"]
    twins = "3050606344_af711c726c.jpg (train) = 2851198725_37b6027625.jpg (train)"
    assert found["image twice"]["first"][0].startswith(twins)
    assert "image in two splits" not in found
