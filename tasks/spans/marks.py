"""What a reader is told of each word beside the word: whether the other text has it, how often, how near such words are."""

from collections import Counter
from collections.abc import Sequence

import numpy as np
from jaxtyping import Float
from numpy.typing import NDArray

from attnbench.tasks.spans.lexicon import Known, Lexicon

DECAY = 0.85  # by which a word of the question counts less with each word's distance
MARKS = 7  # numbers a word of the document
ASKED = 3  # numbers a word of the question


def shared(
    words: Sequence[str], known: Sequence[Known], others: Sequence[str], lexicon: Lexicon
) -> NDArray[np.float32]:
    """For each word 1 where the other text has it: as it stands, lower-cased, begun alike. Chen et al. 2017, §3.2 (f_exact)."""
    theirs = [lexicon[word] for word in others]
    same, lower, stem = set(others), {other.lower for other in theirs}, {other.stem for other in theirs}
    rows = [(word in same, one.lower in lower, one.stem in stem) for word, one in zip(words, known, strict=True)]
    return np.asarray(rows, dtype=np.float32)


def document_marks(
    words: Sequence[str], question: Sequence[str], lexicon: Lexicon
) -> Float[NDArray[np.float32], "memory 7"]:
    """Three of `shared`; frequency; rarity where the question has the word; and how much of that lies before it and behind it.

    f_tf(i) = count of word i / words, 10 times (Chen et al. 2017, §3.2). Nearness: Σ_{j<i} 0.85^{i-j} m_j, and the same from
    behind, where m_j is the rarity of a word that the question has, else 0: how much of the question is about here.
    """
    known = [lexicon[word] for word in words]
    flags = shared(words, known, question, lexicon)
    counts = Counter(one.lower for one in known)
    frequency = np.asarray([10 * counts[one.lower] / len(words) for one in known], dtype=np.float32)
    met = flags[:, 2] * np.asarray([one.rarity for one in known], dtype=np.float32)
    return np.column_stack([flags, frequency, met, nearness(met), nearness(met[::-1])[::-1]])


def question_marks(
    words: Sequence[str], document: Sequence[str], lexicon: Lexicon
) -> Float[NDArray[np.float32], "length 3"]:
    """Whether the document has the word, lower-cased and begun alike; and its rarity."""
    known = [lexicon[word] for word in words]
    rarity = np.asarray([one.rarity for one in known], dtype=np.float32)
    return np.column_stack([shared(words, known, document, lexicon)[:, 1:], rarity])


def nearness(met: Float[NDArray[np.float32], " memory"]) -> Float[NDArray[np.float32], " memory"]:
    """Σ_{j<i} decay^{i-j} m_j."""
    sums, running = np.zeros_like(met), 0.0
    for place, value in enumerate(met.tolist()):
        sums[place] = running * DECAY
        running = running * DECAY + value
    return sums
