"""Unknown words of a translation, replaced by what they were aligned to. Luong et al. 2015 (the rare word problem)."""

from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Literal, get_args

import torch
from jaxtyping import Float
from torch import Tensor

from attnbench.tasks.base import Candidate, Prediction
from attnbench.tasks.sequence.text import UNKNOWN
from attnbench.tasks.sequence.worth import mean_weights
from attnbench.tasks.source import DataError
from attnbench.tasks.translation.parallel import read_lines

Replace = Literal["none", "copy"]


def read_dictionary(path: Path) -> dict[str, str]:
    """Two columns, a source word and its translation, parted by white space. Raises DataError for lines of another form."""
    found: dict[str, str] = {}
    lines, _ = read_lines(path)
    for number, line in enumerate(lines, start=1):
        columns = line.split()
        if len(columns) != 2:
            raise DataError(f"{path}: line {number} has {len(columns)} columns; should be a word and its translation")
        word, translation = columns
        if found.setdefault(word, translation) != translation:
            raise DataError(f"{path}: line {number}: {word} has another translation, {found[word]}, before; keep one")
    return found


class UnknownWords:
    """Puts for each `<unk>` that was said the translation of the source word that it looked at most, or the word itself.

    What looked nowhere is left as it is, and so is every other word. With several places of attention it is their mean.
    """

    def __init__(self, replace: Replace, dictionary: Path | None = None) -> None:
        if replace not in get_args(Replace):
            raise ValueError(f"replace_unknown={replace}: must be one of {', '.join(get_args(Replace))}")
        if replace == "none" and dictionary is not None:
            raise ValueError(f"dictionary={dictionary}: is read with replace_unknown=copy alone")
        self.replace = replace
        self.dictionary: Mapping[str, str] = {} if dictionary is None else read_dictionary(dictionary)

    def __call__(self, prediction: Prediction) -> Prediction:
        """The prediction with its texts so changed; its queries still tell what the model said."""
        if self.replace == "none":
            return prediction
        weights = mean_weights(prediction.alignments)
        said = [
            self.known(text, *rest)
            for text, *rest in zip(prediction.said, prediction.queries, weights, prediction.memory, strict=True)
        ]
        ranked = [
            [self.candidate(candidate, memory) for candidate in candidates]
            for candidates, memory in zip(prediction.ranked, prediction.memory, strict=bool(prediction.ranked))
        ]
        return prediction._replace(said=said, ranked=ranked)

    def candidate(self, candidate: Candidate, memory: Sequence[str]) -> Candidate:
        """One of several."""
        text = self.known(candidate.said, candidate.queries, candidate.weights, memory)
        return candidate._replace(said=text)

    def known(
        self,
        text: str,
        queries: Sequence[str],
        weights: Float[Tensor, "query memory"],
        memory: Sequence[str],
    ) -> str:
        """The text, whose words between blanks are those of `queries` wherever these are unknown."""
        places = [place for place, word in enumerate(queries) if word == UNKNOWN]
        words = text.split(" ")
        if not places:
            return text
        read = weights[torch.tensor(places), : len(memory)]
        looked = zip((read.sum(dim=-1) > 0).tolist(), read.argmax(dim=-1).tolist(), strict=True)
        found = iter([self.translated(memory[at]) if anywhere else UNKNOWN for anywhere, at in looked])
        return " ".join(next(found) if word == UNKNOWN else word for word in words)

    def translated(self, word: str) -> str:
        """What stands for the source word."""
        return self.dictionary.get(word, word)
