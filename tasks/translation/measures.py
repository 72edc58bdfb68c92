"""What a translation is worth: sacrebleu's BLEU and chrF on text that is already tokenised, and exact match."""

from collections.abc import Mapping, Sequence

from sacrebleu.metrics import BLEU, CHRF

from attnbench.tasks.base import Prediction


def said_and_truth(predictions: Sequence[Prediction]) -> tuple[list[str], list[str]]:
    """All translations and their references."""
    said = [text for prediction in predictions for text in prediction.said]
    truth = [references[0] for prediction in predictions for references in prediction.truth]
    return said, truth


def corpus_measures(predictions: Sequence[Prediction]) -> tuple[Mapping[str, float], Mapping[str, str]]:
    """BLEU and chrF (0-100) and exact match (%), and sacrebleu's signatures of the first two."""
    said, truth = said_and_truth(predictions)
    bleu, chrf = BLEU(tokenize="none"), CHRF()
    measures = {
        "bleu": bleu.corpus_score(said, [truth]).score,
        "chrf": chrf.corpus_score(said, [truth]).score,
        "exact_match": 100 * sum(a == b for a, b in zip(said, truth, strict=True)) / len(said),
    }
    return measures, {"bleu": str(bleu.get_signature()), "chrf": str(chrf.get_signature())}


def sentence_measures(predictions: Sequence[Prediction]) -> Mapping[str, list[float]]:
    """The same a sentence; BLEU with exponential smoothing and effective order, sacrebleu's form for single sentences."""
    said, truth = said_and_truth(predictions)
    bleu, chrf = BLEU(tokenize="none", effective_order=True), CHRF()
    pairs = list(zip(said, truth, strict=True))
    return {
        "bleu": [bleu.sentence_score(a, [b]).score for a, b in pairs],
        "chrf": [chrf.sentence_score(a, [b]).score for a, b in pairs],
        "exact_match": [100.0 * (a == b) for a, b in pairs],
    }
