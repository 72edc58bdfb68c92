"""What a caption is worth: BLEU-4 and CIDEr against all references, and whether what it states is true."""

from collections.abc import Mapping, Sequence

from sacrebleu.metrics import BLEU

from attnbench.tasks.base import Prediction
from attnbench.tasks.captioning.facts import Facts

References = list[list[str]]


def said_and_truth(predictions: Sequence[Prediction]) -> tuple[list[str], References]:
    """All captions, and each image's references: as many for every image, its first again where it has fewer."""
    said = [text for prediction in predictions for text in prediction.said]
    truth = [list(references) for prediction in predictions for references in prediction.truth]
    most = max(len(references) for references in truth)
    return said, [references + references[:1] * (most - len(references)) for references in truth]


def corpus_measures(predictions: Sequence[Prediction]) -> tuple[Mapping[str, float], Mapping[str, str]]:
    """BLEU-4 (0-100), CIDEr, fact accuracy (%) where facts are known; and sacrebleu's signature."""
    said, truth = said_and_truth(predictions)
    bleu = BLEU(tokenize="none", lowercase=True)
    measures = {
        "bleu4": bleu.corpus_score(said, [list(column) for column in zip(*truth, strict=True)]).score,
        "cider": mean(ciders(said, truth)),
    }
    facts = [about for prediction in predictions for about in prediction.about]
    if facts:
        measures["fact_accuracy"] = mean(truths(said, facts))
    return measures, {"bleu4": str(bleu.get_signature())}


def caption_measures(predictions: Sequence[Prediction]) -> Mapping[str, list[float]]:
    """The same a caption; BLEU-4 with exponential smoothing and effective order, sacrebleu's form for single sentences."""
    said, truth = said_and_truth(predictions)
    bleu = BLEU(tokenize="none", lowercase=True, effective_order=True)
    measures = {
        "bleu4": [
            bleu.sentence_score(text, list(references)).score for text, references in zip(said, truth, strict=True)
        ],
        "cider": ciders(said, truth),
    }
    facts = [about for prediction in predictions for about in prediction.about]
    return {**measures, "fact_accuracy": truths(said, facts)} if facts else measures


def ciders(said: Sequence[str], truth: References) -> list[float]:
    """Each image's CIDEr-D, 10 for what agrees in full; words are weighted by these references. Vedantam et al. 2015."""
    from pycocoevalcap.cider.cider import Cider

    names = range(len(said))
    _, scores = Cider().compute_score(dict(zip(names, truth, strict=True)), {name: [said[name]] for name in names})
    return [float(score) for score in scores]


def truths(said: Sequence[str], facts: Sequence[str]) -> list[float]:
    """100 for each caption whose statement is true of its scene, else 0."""
    return [100.0 * Facts.from_json(about).bear_out(text.split()) for text, about in zip(said, facts, strict=True)]


def mean(values: Sequence[float]) -> float:
    """Arithmetic mean."""
    return sum(values) / len(values)
