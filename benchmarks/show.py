"""The command `attnbench show RUN`: what a run's model says of one example, or of any image, and where it looked."""

import argparse
import io
import os
from collections.abc import Sequence
from dataclasses import replace
from pathlib import Path

from attnbench.benchmarks.arguments import Arguments
from attnbench.benchmarks.errors import InputError
from attnbench.benchmarks.exhibit import Exhibit, data_url, exhibit
from attnbench.benchmarks.exhibit_picture import picture
from attnbench.benchmarks.record import read_record
from attnbench.benchmarks.restored import Restored, restored
from attnbench.tasks.base import Prediction
from attnbench.tasks.captioning import Captioning
from attnbench.tasks.captioning.picture import Picture

BEAM = "task.model.beam"


class Parser(Arguments):
    """What the command line may say."""

    def __init__(self) -> None:
        super().__init__("attnbench show", __doc__)
        self.add_argument("run", type=Path, metavar="RUN", help="a run's folder, which holds record.json and best.ckpt")
        what = self.add_mutually_exclusive_group(required=True)
        what.add_argument("--example", type=int, metavar="N", help="the Nth example of the split, from 1")
        what.add_argument("--image", type=Path, metavar="FILE", help="any image, for a captioning run; needs no data")
        self.add_argument("--split", choices=("test", "validation"), default="test", help="of --example (test)")
        self.add_argument("--place", type=int, metavar="N", help="the Nth place of attention alone (the mean of all)")
        self.add_argument("--beam", type=int, metavar="N", help="hypotheses kept a step (the run's own)")
        self.add_argument(
            "--out", type=Path, metavar="FILE", help="the picture (RUN/example-N.png, RUN/image-NAME.png)"
        )
        self.add_argument(
            "--data-dir", default=os.environ.get("ATTNBENCH_DATA"), help="where data sets lie (ATTNBENCH_DATA)"
        )


def show(arguments: Sequence[str]) -> Path:
    """Prints what is said and what is true, writes the picture and returns where it is. Raises InputError, DataError."""
    given = Parser().parse_args(arguments)
    out = given.out or default_out(given)
    read_record(given.run)
    refuse_odd_out(out)
    image = None if given.image is None else opened(given.image)
    places = {"data_dir": given.data_dir, "cache_dir": os.environ.get("ATTNBENCH_CACHE")}
    run = restored(given.run, places, {} if given.beam is None else {BEAM: given.beam})
    place = given.place
    shown = of_example(run, given.split, given.example, place) if image is None else of_image(run, image, place)
    for line in told(shown):
        print(line)  # noqa: T201
    picture(shown).save(out, format="PNG")
    print(f"picture: {out}")  # noqa: T201
    return out


def default_out(given: argparse.Namespace) -> Path:
    """Where the picture goes if nothing is said of it: into the run's folder."""
    folder: Path = given.run if given.run.is_dir() else given.run.parent
    place = "" if given.place is None else f"-place-{given.place}"
    if given.image is not None:
        return folder / f"image-{given.image.stem}{place}.png"
    split = "" if given.split == "test" else f"{given.split}-"
    return folder / f"{split}example-{given.example}{place}.png"


def refuse_odd_out(out: Path) -> None:
    """Raises InputError where the picture could not be written, or would not be what its name says."""
    if out.suffix.lower() != ".png":
        raise InputError(f"--out {out}: must end in .png")
    if out.is_dir():
        raise InputError(f"--out {out}: is a folder; give a file")
    if not out.absolute().parent.is_dir():
        raise InputError(f"--out {out}: there is no folder {out.parent}")


def opened(path: Path) -> Picture:
    """The picture of that file, found to be one before anything is built. Raises InputError, DataError."""
    if not path.is_file():
        raise InputError(f"--image {path}: no such file")
    image = Picture(None, str(path))
    image.open()
    return image


def of_example(run: Restored, split: str, number: int, place: int | None) -> Exhibit:
    """The example of that number, which counts from 1 as the report does. Raises InputError where there is none."""
    data = run.task.data
    checksum = data.source.checksum()
    if checksum != run.record.provenance.get("data_checksum", checksum):
        raise InputError(f"data {run.record.data}: not those of the run; their checksum is {checksum} now")
    rows = data.splits[split]
    if not 1 <= number <= len(rows):
        raise InputError(f"--example {number}: the {split} split has examples 1 to {len(rows)}")
    if not run.model.attends:
        raise InputError(f"task/model={run.record.model}: looks nowhere, so there is nothing to draw")
    prediction = run.task.completed(run.model.predict(data.collate(rows[number - 1 : number])))
    return looked_at(prediction, number - 1, place)


def of_image(run: Restored, image: Picture, place: int | None) -> Exhibit:
    """Any image. Raises InputError where the run is none of captioning."""
    task = run.task
    if not isinstance(task, Captioning):
        raise InputError(f"--image: the run's task is {run.record.task}; only runs of task=captioning describe images")
    read = sized(task, run, image)
    prediction = run.model.predict(
        task.collate({"image": [{"bytes": read.data, "path": read.path}], "captions": [[""]]})
    )
    shown = replace(looked_at(prediction, 0, place), truth=[])
    return shown if read is image else replace(shown, image=data_url(image.open()))


def looked_at(prediction: Prediction, index: int, place: int | None) -> Exhibit:
    """The one example of a batch. Raises InputError where there is no such place of attention."""
    count = len(prediction.alignments)
    if place is not None and not 1 <= place <= count:
        raise InputError(f"--place {place}: the run's model has places of attention 1 to {count}")
    return exhibit(prediction, 0, index=index, place=place)


def sized(task: Captioning, run: Restored, image: Picture) -> Picture:
    """The image in the size of the training images, where the encoder takes images as they are."""
    if task.encoder.size is not None:
        return image
    width, height = run.model.kept.get("image_size") or task.image_size()
    buffer = io.BytesIO()
    image.open().resize((width, height)).save(buffer, format="PNG")
    return Picture(buffer.getvalue(), None)


def told(shown: Exhibit) -> list[str]:
    """What is said, what is true, and what is drawn of several places of attention, a line each."""
    drawn = [] if shown.place is None else [f"drawn:   {shown.place}"]
    return [f"said:    {shown.said}", *(f"truth:   {text}" for text in shown.truth), *drawn]
