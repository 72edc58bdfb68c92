"""Cloze questions in files of the form in which CNN and Daily Mail are given, one question a file."""

import hashlib
from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import ClassVar

from attnbench.tasks.reading.checks import Fault
from attnbench.tasks.reading.cloze import ClozeSource
from attnbench.tasks.reading.numbering import Example, markers
from attnbench.tasks.source import SPLITS, DataError, found

PARTS = "address, document, question, answer and entities, parted by empty lines"


@dataclass(kw_only=True, eq=False)
class QuestionFiles(ClozeSource):
    """Files `*.question` in the folders training, validation and test below `data_dir`/`folder`. Hermann et al. 2015, §2.

    A file has five parts with an empty line between them: the article's address, the document, the question with its
    @placeholder, the answer, and a line `@entity7:Name` an entity. The names are not read further.
    """

    name: ClassVar[str] = "question_files"

    data_dir: str | None
    folder: str

    def files(self, split: str) -> list[Path]:
        """The split's files in the order of their names. Raises DataError where there is none."""
        folder = found(self.data_dir, self.folder, "training" if split == "train" else split)
        files = sorted(folder.glob("*.question"))
        if not files:
            raise DataError(f"{folder}: holds no file that ends in .question")
        return files

    def given(self) -> Mapping[str, Iterable[Example | Fault]]:
        """File after file."""
        return {split: map(read_question, self.files(split)) for split in SPLITS}

    def content(self) -> str:
        """Hash of all files' names and bytes."""
        digest = hashlib.sha256()
        for split in SPLITS:
            for path in self.files(split):
                digest.update(f"{split}/{path.name} {hashlib.sha256(path.read_bytes()).hexdigest()}\n".encode())
        return digest.hexdigest()


def read_question(path: Path) -> Example | Fault:
    """One file, or what is wrong with its form."""
    try:
        text = path.read_bytes().decode("utf-8")
    except UnicodeDecodeError:
        return Fault(str(path), "is not UTF-8")
    except OSError as error:
        return Fault(str(path), f"cannot be read ({error.strerror})")
    parts = [part.strip("\n") for part in text.replace("\r\n", "\n").strip("\n").split("\n\n", 4)]
    if len(parts) != 5:
        return Fault(str(path), f"has {len(parts)} of the five parts {PARTS}")
    _, document, question, answer, entities = parts
    listed = {line.split(":", 1)[0] for line in entities.splitlines() if ":" in line}
    if not listed or markers(sorted(listed)) != listed:
        return Fault(str(path), "its last part should have a line such as @entity7:Name for each entity")
    return Example(str(path), path.stem, document.split(), question.split(), answer.strip(), listed)
