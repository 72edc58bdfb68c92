"""Parallel text: from pairs of files, or from a data set on the hub."""

import gzip
from collections.abc import Mapping
from pathlib import Path
from typing import ClassVar

from datasets import Dataset, DatasetDict, DownloadConfig, load_dataset
from sacrebleu.tokenizers.tokenizer_13a import Tokenizer13a

from attnbench.tasks.source import SPLITS, DataError, Source, file_checksum, found

Pairs = list[tuple[str, str]]


def read_lines(path: Path) -> list[str]:
    """The lines of a UTF-8 text file, gzipped or not. Raises DataError where the file is cut short or no UTF-8."""
    try:
        data = gzip.decompress(path.read_bytes()) if path.suffix == ".gz" else path.read_bytes()
    except (EOFError, gzip.BadGzipFile, OSError) as error:
        raise DataError(f"{path}: cannot be read, cut short or damaged ({error}); fetch the file again") from None
    try:
        text = data.decode("utf-8")
    except UnicodeDecodeError as error:
        line = data[: error.start].count(b"\n") + 1
        raise DataError(f"{path}: line {line} is not UTF-8; convert the file") from None
    if text and not text.endswith("\n"):
        raise DataError(
            f"{path}: the last line does not end, so the file may be cut short; fetch it again or end the line"
        )
    return text.split("\n")[:-1]


def columns(source: list[str], target: list[str], *, tokenize: bool) -> Dataset:
    """Lines as a data set of word lists; `tokenize` lower-cases and splits off punctuation (sacrebleu's 13a)."""
    words = Tokenizer13a() if tokenize else str

    def split(line: str) -> list[str]:
        return words(line.lower() if tokenize else line).split()

    return Dataset.from_dict({"source": [split(line) for line in source], "target": [split(line) for line in target]})


class ParallelFiles(Source):
    """Sentence pairs from two files a split, one sentence a line; line n of one translates line n of the other."""

    name: ClassVar[str] = "parallel_files"

    def __init__(self, *, data_dir: str | None, files: Mapping[str, tuple[str, str]], tokenize: bool) -> None:
        self.data_dir = data_dir
        self.files = {split: tuple(pair) for split, pair in files.items()}
        self.tokenize = tokenize
        if set(self.files) != set(SPLITS) or any(len(pair) != 2 for pair in self.files.values()):
            raise ValueError(f"files={self.files}: must give [source, target] for each of {', '.join(SPLITS)}")

    def paths(self) -> dict[str, tuple[Path, Path]]:
        """Every split's two files. Raises DataError where one is missing."""
        return {s: (found(self.data_dir, a), found(self.data_dir, b)) for s, (a, b) in self.files.items()}

    def load(self) -> DatasetDict:
        """Reads all splits. Raises DataError where a pair's line counts differ or a line is empty."""
        return DatasetDict({split: self.read_pair(*pair) for split, pair in self.paths().items()})

    def read_pair(self, source_path: Path, target_path: Path) -> Dataset:
        """One split."""
        source, target = read_lines(source_path), read_lines(target_path)
        if len(source) != len(target):
            raise DataError(f"{source_path} has {len(source)} lines and {target_path} {len(target)}; they must pair up")
        for path, lines in ((source_path, source), (target_path, target)):
            empty = next((number for number, line in enumerate(lines, start=1) if not line.strip()), None)
            if empty is not None:
                raise DataError(f"{path}: line {empty} is empty; remove the pair")
        if not source:
            raise DataError(f"{source_path}: holds no sentence")
        return columns(source, target, tokenize=self.tokenize)

    def checksum(self) -> str:
        """Hash of all files' bytes."""
        return file_checksum([path for pair in self.paths().values() for path in pair])


class Multi30k(ParallelFiles):
    """Multi30k, task 1 (Elliott et al. 2016): its authors' lower-cased, tokenised text under `data_dir`/multi30k/tok."""

    name: ClassVar[str] = "multi30k"

    def __init__(self, *, data_dir: str | None, source: str, target: str, test: str) -> None:
        stems = {"train": "train", "validation": "val", "test": test}
        files = {
            s: (f"multi30k/tok/{stem}.{source}.gz", f"multi30k/tok/{stem}.{target}.gz") for s, stem in stems.items()
        }
        super().__init__(data_dir=data_dir, files=files, tokenize=False)


class HubPairs(Source):
    """Sentence pairs of a hub data set with one text column a language; lower-cased and tokenised by sacrebleu's 13a."""

    name: ClassVar[str] = "hub_pairs"

    def __init__(self, *, path: str, revision: str, source: str, target: str, offline: bool = False) -> None:
        self.path = path
        self.revision = revision
        self.source, self.target = source, target
        self.offline = offline

    def load(self) -> DatasetDict:
        """Downloads (or takes from the cache) and tokenises. Raises DataError where the hub cannot be reached."""
        download = DownloadConfig(local_files_only=self.offline)
        revision = None if Path(self.path).exists() else self.revision
        try:
            splits = load_dataset(self.path, revision=revision, download_config=download)
        except Exception as error:
            reason = str(error).splitlines()[0] if str(error) else type(error).__name__
            raise DataError(f"hub data set {self.path} (revision {self.revision}) cannot be had: {reason}") from None
        missing = [split for split in SPLITS if split not in splits]
        if missing:
            raise DataError(f"hub data set {self.path} has no split {', '.join(missing)}; it has {', '.join(splits)}")
        for column in (self.source, self.target):
            if column not in splits["train"].column_names:
                have = ", ".join(splits["train"].column_names)
                raise DataError(f"hub data set {self.path} has no column {column}; it has {have}")
        return DatasetDict(
            {s: columns(list(splits[s][self.source]), list(splits[s][self.target]), tokenize=True) for s in SPLITS}
        )

    def checksum(self) -> str:
        """The name and revision, or the bytes of a local copy; give a commit as revision to pin the content."""
        local = Path(self.path)
        if local.exists():
            return file_checksum(sorted(path for path in local.rglob("*") if path.is_file()))
        return f"{self.path}@{self.revision}"
