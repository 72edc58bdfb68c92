"""Words of a text and where they stand in it, so that what is said of words can be said of the text."""

import re
from bisect import bisect_left, bisect_right
from functools import lru_cache
from typing import NamedTuple

LETTER = r"[^\W_]"
MARK = (
    "[\u0300-\u036f\u1ab0-\u1aff\u1dc0-\u1dff\u20d0-\u20ff\ufe20-\ufe2f]"  # accents that stand apart from their letter
)
WORD = re.compile(
    rf"{LETTER}(?:{LETTER}|{MARK})*(?:(?<=\d)[.,]\d{LETTER}*)*"  # letters and digits: word, 1970s, 1,000.5
    rf"|['’](?:s|t|d|m|re|ve|ll)(?!{LETTER})"  # what English joins to a word
    r"|\S",  # anything else, one character a word
    re.IGNORECASE,
)


class Words(NamedTuple):
    """A text's words; word n is text[starts[n]:ends[n]], and what stands between words is white space."""

    words: list[str]
    starts: list[int]
    ends: list[int]

    def covering(self, start: int, end: int) -> tuple[int, int] | None:
        """First and last word of the fewest that hold all of text[start:end] but white space; None where there is no more."""
        first, last = bisect_right(self.ends, start), bisect_left(self.starts, end) - 1
        return (first, last) if first <= last else None

    def cut(self, first: int, after: int) -> "Words":
        """The words from `first` to before `after`; offsets stay those of the whole text."""
        return Words(self.words[first:after], self.starts[first:after], self.ends[first:after])


@lru_cache(maxsize=4096)  # documents have several questions each
def words_of(text: str) -> Words:
    """The text's words, in time that grows with its length alone."""
    found = list(WORD.finditer(text))
    return Words(
        [match.group() for match in found], [match.start() for match in found], [match.end() for match in found]
    )
