"""What a translation is worth: sacrebleu's BLEU, chrF and TER, and exact match.

Raw text is scored as it is, by sacrebleu's own tokenization; text that is already tokenised by the blanks that it has.
"""

from collections.abc import Mapping, Sequence

from sacrebleu.metrics import BLEU, CHRF, TER

from attnbench.tasks.base import Prediction

Figure = BLEU | CHRF | TER


def figures(*, raw: bool, single: bool) -> dict[str, Figure]:
    """sacrebleu's figures of raw or of tokenised text.

    On raw text `bleu_lowercased_tokenized` is beside them: BLEU of the lower-cased text, output and reference tokenised by 13a.
    On text that is lower-cased and tokenised `bleu` is that figure itself. For `single` sentences BLEU has exponential smoothing
    and effective order, sacrebleu's form for them.
    """
    if not raw:
        return {"bleu": BLEU(tokenize="none", effective_order=single), "chrf": CHRF()}
    return {
        "bleu": BLEU(effective_order=single),
        "bleu_lowercased_tokenized": BLEU(lowercase=True, tokenize="13a", effective_order=single),
        "chrf": CHRF(),
        "ter": TER(),
    }


def said_and_truth(predictions: Sequence[Prediction]) -> tuple[list[str], list[str]]:
    """All translations and their references."""
    said = [text for prediction in predictions for text in prediction.said]
    truth = [references[0] for prediction in predictions for references in prediction.truth]
    return said, truth


def same(said: Sequence[str], truth: Sequence[str]) -> list[bool]:
    """Whether each is its reference, whatever the white space."""
    return [a.split() == b.split() for a, b in zip(said, truth, strict=True)]


def corpus_measures(
    predictions: Sequence[Prediction], *, raw: bool = False
) -> tuple[Mapping[str, float], Mapping[str, str]]:
    """BLEU, chrF and, of raw text, TER (0-100; TER may exceed it, lower is better), exact match (%); sacrebleu's signatures."""
    said, truth = said_and_truth(predictions)
    computed = figures(raw=raw, single=False)
    measures = {name: figure.corpus_score(said, [truth]).score for name, figure in computed.items()}
    matches = same(said, truth)
    signatures = {name: str(figure.get_signature()) for name, figure in computed.items()}
    return {**measures, "exact_match": 100 * sum(matches) / len(matches)}, signatures


def sentence_measures(predictions: Sequence[Prediction], *, raw: bool = False) -> Mapping[str, list[float]]:
    """The same a sentence."""
    said, truth = said_and_truth(predictions)
    pairs = list(zip(said, truth, strict=True))
    each = {
        name: [figure.sentence_score(a, [b]).score for a, b in pairs]
        for name, figure in figures(raw=raw, single=True).items()
    }
    return {**each, "exact_match": [100.0 * match for match in same(said, truth)]}
