"""What a caption is worth: BLEU, ROUGE-L and CIDEr against all references, and whether what it states is true."""

from collections.abc import Mapping, Sequence

from attnbench.tasks.base import Prediction
from attnbench.tasks.captioning.facts import Facts
from attnbench.tasks.captioning.metrics import COCO_BLEU, figures, mean, sentence_bleus

References = list[list[str]]


def said_and_truth(predictions: Sequence[Prediction]) -> tuple[list[str], References]:
    """All captions and each image's references, in lower case."""
    said = [text.lower() for prediction in predictions for text in prediction.said]
    truth = [[text.lower() for text in texts] for prediction in predictions for texts in prediction.truth]
    return said, truth


def corpus_measures(predictions: Sequence[Prediction]) -> tuple[Mapping[str, float], Mapping[str, str]]:
    """What `figures` computes, and fact accuracy (%) where facts are known; and how the two forms of BLEU were computed."""
    said, truth = said_and_truth(predictions)
    found = figures(said, truth)
    measures = dict(found.corpus)
    facts = [about for prediction in predictions for about in prediction.about]
    if facts:
        measures["fact_accuracy"] = mean(truths(said, facts))
    return measures, {"bleu4": COCO_BLEU, "sacrebleu": found.signature}


def caption_measures(predictions: Sequence[Prediction]) -> Mapping[str, list[float]]:
    """Each caption's ROUGE-L, CIDErs and fact accuracy; for BLEU-4, which is 0 for most single captions, smoothed BLEU."""
    said, truth = said_and_truth(predictions)
    each = figures(said, truth).each
    measures = {"bleu4": sentence_bleus(said, truth)}
    measures |= {name: each[name] for name in ("rouge_l", "cider", "cider_unclipped")}
    facts = [about for prediction in predictions for about in prediction.about]
    return {**measures, "fact_accuracy": truths(said, facts)} if facts else measures


def truths(said: Sequence[str], facts: Sequence[str]) -> list[float]:
    """100 for each caption whose statement is true of its scene, else 0."""
    return [100.0 * Facts.from_json(about).bear_out(text.split()) for text, about in zip(said, facts, strict=True)]
