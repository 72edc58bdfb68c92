"""Pieces of words: byte-pair encoding (Sennrich et al. 2016) by Hugging Face's tokenizers."""

import json
import unicodedata
from collections import Counter
from collections.abc import Iterable, Sequence
from typing import Any

from tokenizers import Tokenizer, decoders, models, pre_tokenizers, trainers

from attnbench.tasks.sequence.text import SPECIAL, Vocabulary

BLANK = "▁"  # begins a piece before which a blank stands
BYTES = tuple(f"<0x{byte:02X}>" for byte in range(256))  # what rare characters are written in
FIXED = (*SPECIAL, *BYTES)


def normalized(line: str, *, lowercase: bool = False) -> str:
    """A line as pieces give it back: NFC, one blank for any white space, none outside, `_` for `▁`; lower-cased if asked for."""
    text = " ".join(unicodedata.normalize("NFC", line).replace(BLANK, "_").split())
    return text.lower() if lowercase else text


def parting() -> pre_tokenizers.PreTokenizer:
    """Where no piece reaches across: before a blank, and around each punctuation mark.

    So no text makes a piece that reads like a special symbol or a byte.
    """
    blanks = pre_tokenizers.Metaspace(replacement=BLANK, prepend_scheme="always")
    return pre_tokenizers.Sequence([blanks, pre_tokenizers.Punctuation("isolated")])


class Pieces(Vocabulary):
    """The special symbols, the 256 bytes, and pieces of words; with the merges, in order, that put pieces together.

    A character that is no piece is written in its UTF-8 bytes, so nothing is unknown: text(split(line)) is normalized(line).
    """

    def __init__(self, words: Sequence[str], merges: Sequence[str], *, lowercase: bool) -> None:
        self.number(words)
        self.merges = list(merges)
        self.lowercase = lowercase
        pairs = [(first, second) for first, _, second in (merge.partition(" ") for merge in self.merges)]
        self.splitter = Tokenizer(models.BPE(self.numbers, pairs, byte_fallback=True))
        self.splitter.pre_tokenizer = parting()
        blanks = decoders.Metaspace(replacement=BLANK, prepend_scheme="always")
        self.known: dict[str, list[str]] = {}  # words that were split before
        self.joiner = decoders.Sequence([decoders.ByteFallback(), blanks])

    @classmethod
    def learnt(cls, lines: Iterable[str], *, size: int, least_count: int, lowercase: bool) -> "Pieces":
        """At most `size` pieces; a character is one, and a pair is merged, where it occurs at least `least_count` times.

        Raises ValueError where the characters alone are more.
        """
        text = [normalized(line, lowercase=lowercase) for line in lines]
        counts = Counter(character for line in text for character in line if character != " ")
        characters = 1 + sum(count >= least_count for count in counts.values())  # and the blank
        least = len(FIXED) + characters
        if size < least:
            raise ValueError(
                f"size={size}: must be at least {least}, the special symbols, the bytes and the {characters} characters"
            )
        learner = Tokenizer(models.BPE())
        learner.pre_tokenizer = parting()
        learner.train_from_iterator(
            text,
            trainers.BpeTrainer(
                vocab_size=size - len(FIXED),
                min_frequency=least_count,
                limit_alphabet=characters,
                show_progress=False,
            ),
        )
        found = json.loads(learner.to_str())["model"]
        pieces = sorted(found["vocab"], key=found["vocab"].__getitem__)
        return cls([*FIXED, *pieces], [" ".join(pair) for pair in found["merges"]], lowercase=lowercase)

    def plain(self) -> dict[str, Any]:
        """Pieces, merges and the one option."""
        return {"words": self.words, "merges": self.merges, "lowercase": self.lowercase}

    def split(self, sentence: str) -> list[str]:
        """A sentence's pieces."""
        words = normalized(sentence, lowercase=self.lowercase).split()
        return [piece for word in words for piece in self.split_word(word)]

    def split_word(self, word: str) -> list[str]:
        """A word's pieces, the first behind a blank."""
        if word not in self.known:
            self.known[word] = list(self.splitter.encode(word).tokens)
        return self.known[word]

    def text(self, words: Sequence[str]) -> str:
        """The sentence that the pieces make; bytes that are no UTF-8 become U+FFFD."""
        return str(self.joiner.decode(list(words)))
