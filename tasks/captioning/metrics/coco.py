"""Captions and references in COCO's file forms, read and matched by image."""

import json
from collections import Counter
from collections.abc import Collection, Mapping, Sequence
from pathlib import Path
from typing import Any, NamedTuple

from attnbench.tasks.source import DataError

ImageId = int | str
SHOWN = 3  # ids named in a message


class Matched(NamedTuple):
    """Images with what was said of them and their references, in the references' order; and images left out."""

    images: list[ImageId]
    said: list[str]
    truth: list[list[str]]
    without_prediction: list[ImageId]


def matched(predictions: Path, references: Path, *, partial: bool) -> Matched:
    """The images of both files.

    Raises DataError where a file is not what it should be, a predicted image has no reference or, unless `partial`, an
    image with references has no prediction.
    """
    said = results(predictions)
    truth = annotations(references)
    strangers = [image for image in said if image not in truth]
    if strangers:
        raise DataError(
            f"{predictions}: {named(strangers)} {'has' if len(strangers) == 1 else 'have'} no reference in {references}"
            + other_type(strangers, truth)
        )
    silent = [image for image in truth if image not in said]
    if silent and not partial:
        raise DataError(
            f"{references}: {named(silent)} of {len(truth)} {'has' if len(silent) == 1 else 'have'} no prediction in "
            f"{predictions}; standard figures need all, --partial scores the others"
        )
    images = [image for image in truth if image in said]
    return Matched(images, [said[image] for image in images], [truth[image] for image in images], silent)


def results(path: Path) -> dict[ImageId, str]:
    """Each image's caption, from COCO's result form. Raises DataError."""
    rows = rows_of(path, content(path), "a list of {image_id, caption}")
    if not rows:
        raise DataError(f"{path}: holds no predictions")
    captions = [captioned(path, row, index) for index, row in enumerate(rows)]
    refuse_twice(path, "image_id", [image for image, _ in captions])
    return dict(captions)


def annotations(path: Path) -> dict[ImageId, list[str]]:
    """Each image's references, from COCO's annotation form. Raises DataError."""
    found = content(path)
    if not isinstance(found, dict) or "annotations" not in found:
        raise DataError(f'{path}: must be COCO\'s annotation form, {{"images": [...], "annotations": [...]}}')
    rows = rows_of(path, found["annotations"], "annotations: a list of {image_id, id, caption}")
    references: dict[ImageId, list[str]] = {}
    for index, row in enumerate(rows):
        image, caption = captioned(path, row, index)
        references.setdefault(image, []).append(caption)
    if not references:
        raise DataError(f"{path}: holds no references")
    refuse_twice(path, "id of an annotation", [row["id"] for row in rows if isinstance(row.get("id"), int | str)])
    if "images" in found:
        listed = rows_of(path, found["images"], "images: a list of {id}")
        known = {row.get("id") for row in listed if isinstance(row.get("id"), int | str)}
        unknown = [image for image in references if image not in known]
        if unknown:
            raise DataError(f"{path}: {named(unknown)} of the annotations {is_or_are(unknown)} not among its images")
    return references


def content(path: Path) -> Any:
    """A file's JSON. Raises DataError."""
    try:
        return json.loads(path.read_text("utf-8-sig"))
    except FileNotFoundError:
        raise DataError(f"{path}: no such file") from None
    except OSError as error:
        raise DataError(f"{path}: cannot be read ({error.strerror})") from None
    except UnicodeDecodeError:
        raise DataError(f"{path}: not JSON (not UTF-8)") from None
    except (ValueError, RecursionError) as error:
        raise DataError(f"{path}: not JSON ({error})") from None


def rows_of(path: Path, found: Any, wanted: str) -> list[dict[str, Any]]:
    """The rows of a list of objects. Raises DataError."""
    if not isinstance(found, list):
        raise DataError(f"{path}: must be {wanted}, not {kind(found)}")
    for index, row in enumerate(found):
        if not isinstance(row, dict):
            raise DataError(f"{path}: must be {wanted}; entry {index} is {kind(row)}")
    return found


def kind(value: Any) -> str:
    """What JSON calls a value of this type."""
    names = {dict: "an object", list: "a list", str: "a string", bool: "true or false", type(None): "null"}
    return names.get(type(value), "a number with a fraction" if isinstance(value, float) else "a number")


def captioned(path: Path, row: Mapping[str, Any], index: int) -> tuple[ImageId, str]:
    """A row's image and caption. Raises DataError."""
    for key in ("image_id", "caption"):
        if key not in row:
            raise DataError(f"{path}: entry {index} has no {key}; it has {', '.join(map(str, row)) or 'nothing'}")
    image, caption = row["image_id"], row["caption"]
    if isinstance(image, bool) or not isinstance(image, int | str):
        raise DataError(f"{path}: entry {index}: image_id is {kind(image)}: must be a whole number or a string")
    if not isinstance(caption, str):
        raise DataError(f"{path}: entry {index}: the caption of image {image} is {kind(caption)}, not a string")
    if not caption.strip():
        raise DataError(f"{path}: entry {index}: the caption of image {image} is empty")
    return image, caption


def refuse_twice(path: Path, what: str, ids: Collection[ImageId]) -> None:
    """Raises DataError where an id occurs twice."""
    twice = [one for one, count in Counter(ids).items() if count > 1]
    if twice:
        more = f" and {len(twice) - SHOWN} more" if len(twice) > SHOWN else ""
        raise DataError(f"{path}: {what} {', '.join(map(str, twice[:SHOWN]))}{more}: occurs more than once")


def named(images: Sequence[ImageId]) -> str:
    """`image 7`, `5 images (1, 2, 3, ...)`."""
    if len(images) == 1:
        return f"image {images[0]}"
    more = ", ..." if len(images) > SHOWN else ""
    return f"{len(images)} images ({', '.join(map(str, images[:SHOWN]))}{more})"


def is_or_are(images: Sequence[ImageId]) -> str:
    """The verb for so many."""
    return "is" if len(images) == 1 else "are"


def other_type(strangers: Sequence[ImageId], known: Mapping[ImageId, Any]) -> str:
    """A hint where ids are numbers in one file and strings in the other."""
    texts = {str(image) for image in known}
    same = str(strangers[0]) in texts
    return "; ids are numbers in one of the files and strings in the other" if same else ""
