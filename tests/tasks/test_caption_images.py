"""Images of every kind are decoded as they should look, and looked at once."""

import errno
import hashlib
import io
import json
import os
import re
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

import numpy as np
import PIL.Image
import pytest

from attnbench.tasks.captioning.data import examined as module
from attnbench.tasks.captioning.data.examined import Look, cache_file, cache_root, examined
from attnbench.tasks.captioning.picture import Picture
from attnbench.tasks.source import DataError

SIZE = (48, 40)  # width, height
RAMP = np.linspace(0, 255, SIZE[0] * SIZE[1]).astype(np.uint8).reshape(SIZE[::-1])


def noise(seed: int = 0) -> PIL.Image.Image:
    return PIL.Image.fromarray(np.random.default_rng(seed).integers(0, 256, (*SIZE[::-1], 3), dtype=np.uint8))


def grey(values: np.ndarray) -> np.ndarray:
    return np.stack([values] * 3, axis=-1)


def encoded(image: PIL.Image.Image, form: str, **options: object) -> Picture:
    buffer = io.BytesIO()
    image.save(buffer, format=form, **options)
    return Picture(buffer.getvalue(), None)


def seen(image: PIL.Image.Image, form: str, **options: object) -> np.ndarray:
    opened = encoded(image, form, **options).open()
    assert opened.mode == "RGB"
    return np.asarray(opened)


def test_grey_is_the_same_in_all_three_colours() -> None:
    assert (seen(PIL.Image.fromarray(RAMP), "PNG") == grey(RAMP)).all()


@pytest.mark.parametrize("form", ["PNG", "TIFF"])
def test_sixteen_bits_are_scaled_and_not_cut_off(form: str) -> None:
    deep = RAMP.astype(np.uint16) * 257
    assert (seen(PIL.Image.fromarray(deep), form) == grey(RAMP)).all()


def test_sixteen_bits_are_turned_too() -> None:
    exif = PIL.Image.Exif()
    exif[0x0112] = 6
    deep = RAMP.astype(np.uint16) * 257
    assert (seen(PIL.Image.fromarray(deep), "PNG", exif=exif) == grey(np.rot90(RAMP, -1))).all()


@pytest.mark.parametrize("values", [np.float32, np.int32])
def test_pixels_whose_range_nobody_knows_are_refused(values: type) -> None:
    with pytest.raises(DataError, match="an image in memory: damaged: 32 bits a pixel"):
        encoded(PIL.Image.fromarray(RAMP.astype(values)), "TIFF").open()


def test_cmyk_becomes_the_colours_it_prints() -> None:
    red = PIL.Image.new("CMYK", SIZE, (0, 255, 255, 0))
    assert np.abs(seen(red, "JPEG").astype(int) - [255, 0, 0]).max() < 8


def test_a_palette_gives_its_colours() -> None:
    image = noise().quantize(16)
    assert (seen(image, "PNG") == np.asarray(image.convert("RGB"))).all()


@pytest.mark.parametrize("mode", ["RGBA", "LA"])
def test_what_shines_through_is_white(mode: str) -> None:
    image = PIL.Image.new("RGBA", SIZE, (0, 0, 0, 0))
    image.paste((0, 0, 0, 255), (0, 0, SIZE[0] // 2, SIZE[1]))
    pixels = seen(image.convert(mode), "PNG")
    assert (pixels[:, : SIZE[0] // 2] == 0).all()
    assert (pixels[:, SIZE[0] // 2 :] == 255).all()


def test_a_transparent_palette_colour_is_white() -> None:
    image = PIL.Image.new("P", SIZE, 1)
    image.putpalette([10, 20, 30, 40, 50, 60])
    image.paste(0, (0, 0, 4, 4))
    pixels = seen(image, "PNG", transparency=0)
    assert (pixels[:4, :4] == 255).all()
    assert (pixels[4:, 4:] == [40, 50, 60]).all()


@pytest.mark.parametrize(
    ("orientation", "as_seen"),
    [
        (1, lambda pixels: pixels),
        (2, lambda pixels: pixels[:, ::-1]),
        (3, lambda pixels: pixels[::-1, ::-1]),
        (6, lambda pixels: np.rot90(pixels, -1)),
        (8, np.rot90),
    ],
)
def test_an_image_stands_upright(orientation: int, as_seen: Callable[[np.ndarray], np.ndarray]) -> None:
    exif = PIL.Image.Exif()
    exif[0x0112] = orientation
    assert (seen(noise(), "PNG", exif=exif) == as_seen(np.asarray(noise()))).all()


def test_damaged_words_about_the_camera_do_not_matter() -> None:
    whole = encoded(noise(), "WEBP", lossless=True, exif=b"Exif\0\0MM\0*\0\0\0\x08\0\0")
    assert whole.data is not None
    for bad in (whole.data.replace(b"MM\0*", b"\xe2M\0*"), whole.data):
        assert (np.asarray(Picture(bad, None).open()) == np.asarray(noise())).all()


def save(folder: Path, *names: str) -> list[Path]:
    folder.mkdir(exist_ok=True)
    for seed, name in enumerate(names):
        noise(seed).save(folder / name)
    return [folder / name for name in names]


def unseen(file: Path, state: tuple[int, int]) -> Look:
    raise AssertionError(f"{file.name} is looked at")


def test_a_look_says_what_a_file_is(tmp_path: Path) -> None:
    files = save(tmp_path / "images", "a.png", "b.bmp")
    noise(0).save(tmp_path / "images" / "same.bmp")
    same = tmp_path / "images" / "same.bmp"
    looks = examined([*files, same], str(tmp_path / "cache"))
    first = looks[files[0]]
    assert first.checksum == hashlib.sha256(files[0].read_bytes()).hexdigest()
    assert (first.width, first.height, first.fault) == (*SIZE, "")
    assert looks[same].pixels == first.pixels
    assert looks[same].checksum != first.checksum
    assert looks[files[1]].pixels != first.pixels


def test_pixels_of_another_shape_are_other_pixels(tmp_path: Path) -> None:
    shapes = [(32, 64), (64, 32)]
    files = [tmp_path / f"{width}.png" for width, _ in shapes]
    for shape, file in zip(shapes, files, strict=True):
        PIL.Image.new("RGB", shape, "grey").save(file)
    looks = examined(files, str(tmp_path / "cache"))
    assert looks[files[0]].pixels != looks[files[1]].pixels


def test_what_is_not_there_has_no_look(tmp_path: Path) -> None:
    (tmp_path / "folder.jpg").mkdir()
    assert examined([tmp_path / "none.jpg", tmp_path / "folder.jpg"], str(tmp_path / "cache")) == {}


def test_an_image_is_looked_at_once(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    files = save(tmp_path / "images", "a.png", "b.png")
    first = examined(files, str(tmp_path / "cache"))
    monkeypatch.setattr(module, "look", unseen)
    assert examined(files, str(tmp_path / "cache")) == first


def test_a_changed_image_is_looked_at_again(tmp_path: Path) -> None:
    (file,) = save(tmp_path / "images", "a.bmp")
    before = examined([file], str(tmp_path / "cache"))[file]
    noise(9).save(file)  # as many bytes
    os.utime(file, ns=(0, before.modified + 1))
    after = examined([file], str(tmp_path / "cache"))[file]
    assert after.size == before.size
    assert after.checksum == hashlib.sha256(file.read_bytes()).hexdigest() != before.checksum


@pytest.mark.parametrize(
    "damage",
    [
        lambda text: text[: len(text) // 2],
        lambda text: "",
        lambda text: "[]",
        lambda text: json.dumps({**json.loads(text), "images": {"a.png": [1, 2]}}),
        lambda text: json.dumps({**json.loads(text), "images": ["a.png"]}),
        lambda text: re.sub(r'"[0-9a-f]{64}", "[0-9a-f]{64}"', "null, null", text),
        lambda text: json.dumps({**json.loads(text), "made_by": "other code"}),
    ],
    ids=["cut", "empty", "list", "short row", "no names", "no hashes", "other code"],
)
def test_a_damaged_cache_is_made_again(tmp_path: Path, damage: Callable[[str], str]) -> None:
    (file,) = save(tmp_path / "images", "a.png")
    good = examined([file], str(tmp_path / "cache"))
    cache = cache_file(file.parent, str(tmp_path / "cache"))
    text = cache.read_text("utf-8")
    cache.write_text(damage(text), "utf-8")
    assert examined([file], str(tmp_path / "cache")) == good
    assert cache.read_text("utf-8") == text


def test_several_at_once_leave_one_whole_cache(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    files = save(tmp_path / "images", *(f"{number}.png" for number in range(12)))
    with ThreadPoolExecutor(4) as pool:
        list(pool.map(lambda start: examined(files[start:], str(tmp_path / "cache")), (0, 3, 6, 9)))
    assert [path.suffix for path in (tmp_path / "cache" / "images").iterdir()] == [".json"]
    monkeypatch.setattr(module, "look", unseen)
    assert len(examined(files[9:], str(tmp_path / "cache"))) == 3


def test_what_another_has_written_meanwhile_is_kept(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    one, other = save(tmp_path / "images", "a.png", "b.png")
    look = module.look

    def slow(file: Path, state: tuple[int, int]) -> Look:
        monkeypatch.setattr(module, "look", look)
        examined([other], str(tmp_path / "cache"))
        return look(file, state)

    monkeypatch.setattr(module, "look", slow)
    examined([one], str(tmp_path / "cache"))
    monkeypatch.setattr(module, "look", unseen)
    assert set(examined([one, other], str(tmp_path / "cache"))) == {one, other}


def test_an_interruption_keeps_what_was_seen(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    files = save(tmp_path / "images", "a.png", "b.png")
    look = module.look

    def interrupted(file: Path, state: tuple[int, int]) -> Look:
        if file.name == "b.png":
            raise KeyboardInterrupt
        return look(file, state)

    monkeypatch.setattr(module, "look", interrupted)
    with pytest.raises(KeyboardInterrupt):
        examined(files, str(tmp_path / "cache"))
    monkeypatch.setattr(module, "look", unseen)
    assert examined(files[:1], str(tmp_path / "cache"))[files[0]].fault == ""


def test_a_cache_that_cannot_be_written_is_told_before_any_look(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    files = save(tmp_path / "images", "a.png")
    (tmp_path / "file").touch()
    monkeypatch.setattr(module, "look", unseen)
    with pytest.raises(DataError, match=r"file/images: cannot be written .* give a folder by cache_dir"):
        examined(files, str(tmp_path / "file"))


def test_a_full_disk_leaves_the_cache_as_it_was(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    one, other = save(tmp_path / "images", "a.png", "b.png")
    examined([one], str(tmp_path / "cache"))
    cache = cache_file(one.parent, str(tmp_path / "cache"))
    before = cache.read_bytes()

    def full(part: str, whole: Path) -> None:
        raise OSError(errno.ENOSPC, "No space left on device")

    monkeypatch.setattr("os.replace", full)
    with pytest.raises(DataError, match=r"json: cannot be written \(No space left on device\); free some space"):
        examined([one, other], str(tmp_path / "cache"))
    assert cache.read_bytes() == before
    assert list(cache.parent.iterdir()) == [cache]


def test_the_cache_is_the_users_own_unless_given(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("XDG_CACHE_HOME", "/somewhere")
    assert cache_root(None) == Path("/somewhere/attention-bench")
    monkeypatch.delenv("XDG_CACHE_HOME")
    monkeypatch.setenv("HOME", "/a/user")
    assert cache_root(None) == Path("/a/user/.cache/attention-bench")
    assert cache_root("/given") == Path("/given")
