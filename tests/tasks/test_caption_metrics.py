"""Caption metrics: words as the COCO evaluation's tokenizer makes them, figures as it computes them, and Java kept in hand."""

import json
import math
import os
import random
import stat
import sys
import time
from collections import Counter
from pathlib import Path

import numpy as np
import pytest
from pycocoevalcap.bleu.bleu import Bleu
from pycocoevalcap.cider.cider import Cider
from pycocoevalcap.rouge.rouge import Rouge

from attnbench.tasks.base import Prediction
from attnbench.tasks.captioning.measures import caption_measures, corpus_measures
from attnbench.tasks.captioning.metrics import figures, sentence_bleus
from attnbench.tasks.captioning.metrics import java as java_module
from attnbench.tasks.captioning.metrics import spice as spice_module
from attnbench.tasks.captioning.metrics.cider import ciders
from attnbench.tasks.captioning.metrics.java import Unavailable, finished, java_version, running
from attnbench.tasks.captioning.metrics.meteor import meteor
from attnbench.tasks.captioning.metrics.ptb import ptb_words
from attnbench.tasks.captioning.metrics.spice import MODELS, spice
from attnbench.tasks.captioning.words import caption_words

needs_java = pytest.mark.skipif(java_version() is None, reason="needs Java: there is none that runs")

WORDS = {
    "A Dog runs .": "a dog runs",
    "A man's dog doesn't bark, it's asleep!": "a man 's dog does n't bark it 's asleep",
    "You can't; I'm sure they'll say we've lost, he'd know.": "you ca n't i 'm sure they 'll say we 've lost he 'd know",
    "We cannot see what they're gonna do": "we can not see what they 're gon na do",
    "the dogs' toys": "the dogs toys",
    "A T-shirt-wearing boy on a merry-go-round -- alone - at last...": "a t-shirt-wearing boy on a merry-go-round alone at last",
    "a sign says \"Stop\" and ``go''": "a sign says stop and go",
    "“Stop”, it says – don’t": "stop it says do n't",
    "Mr. Smith and Dr. Jones on Elm St. in the U.S.": "mr. smith and dr. jones on elm st. in the u.s.",
    "a tall man in a hat.": "a tall man in a hat",
    "at 5:30 he pays $5.50, or 1,000": "at 5:30 he pays $ 5.50 or 1,000",
    "player #23 , 3rd": "player # 23 3rd",
    "a dog (brown) [or so]": "a dog -lrb- brown -rrb- -lsb- or so -rsb-",
    "black/white & red": "black/white & red",
    "what?! really??": "what ?! really ??",
    "rock 'n' roll at one o'clock": "rock 'n' roll at one o'clock",
    "A&amp;M beat Q&A": "a&m beat q&a",
    "café in a naïve   style\n": "café in a naïve style",
    " . , ": "",
    "": "",
}


@pytest.mark.parametrize(("text", "words"), WORDS.items(), ids=repr)
def test_a_captions_words_are(text: str, words: str) -> None:
    assert caption_words(text) == words.split()


@needs_java
def test_these_are_the_words_that_ptbtokenizer_makes() -> None:
    assert ptb_words(list(WORDS)) == [caption_words(text) for text in WORDS]


def raw_captions(count: int, seed: int) -> list[str]:
    """Sentences with capitals, contractions, quotes, brackets, hyphens, numbers and punctuation."""
    draw = random.Random(seed)
    things = [
        "dog",
        "T-shirt",
        "woman's hat",
        "merry-go-round",
        '"sign"',
        "boys'",
        "Mr. Lee",
        "U.S. flag",
        "(red) ball",
    ]
    acts = [
        "doesn't see",
        "can't lift",
        "is watching",
        "they're near",
        "cannot find",
        "jumps over;",
        "it's by",
        "holds",
    ]
    ends = [".", " .", "!", "", "...", " ?", ", too.", " - again", " at 5:30", " & 2 others", " #3.", " 'now'."]
    return [
        f"{draw.choice(['A', 'The', 'one', 'Two'])} {draw.choice(things)} {draw.choice(acts)} "
        f"{draw.choice(['a', 'the', 'his'])} {draw.choice(things)}{draw.choice(ends)}"
        for _ in range(count)
    ]


@needs_java
def test_made_up_captions_come_out_as_ptbtokenizer_has_them() -> None:
    texts = raw_captions(2000, 0)
    assert [caption_words(text) for text in texts] == ptb_words(texts)


@needs_java
@pytest.mark.needs_data
def test_all_captions_of_flickr8k_come_out_as_ptbtokenizer_has_them(data_dir: str) -> None:
    path = Path(data_dir, "flickr8k", "Flickr8k.token.txt")
    if not path.exists():
        pytest.skip(f"needs flickr8k/{path.name} in the folder of public data sets")
    texts = [line.partition("\t")[2] for line in path.read_text("utf-8").splitlines()]
    differing = sum(caption_words(text) != words for text, words in zip(texts, ptb_words(texts), strict=True))
    assert len(texts) > 40_000
    assert differing <= 0.001 * len(texts)


REPEATED = ("a", "a", "a", "dog", "dog", "runs", "on", "the", "grass", "by", "red", "trees")


def captions(draw: random.Random, most: int) -> str:
    """A caption of few words, some of which it repeats."""
    return " ".join(draw.choice(REPEATED) for _ in range(draw.randint(1, most)))


def corpus(seed: int, images: int = 30, *, references: int = 5, most: int = 12) -> tuple[list[str], list[list[str]]]:
    """Captions and, for each image, from 1 to `references` references."""
    draw = random.Random(seed)
    said = [captions(draw, most) for _ in range(images)]
    return said, [[captions(draw, most) for _ in range(draw.randint(1, references))] for _ in said]


CORPORA = {
    "random": corpus(0),
    "other numbers of references": corpus(1, references=9),
    "one reference": corpus(2, references=1),
    "short": corpus(3, most=3),
    "single image": corpus(4, images=1),
    "two images": corpus(5, images=2),
    "empty caption": (["", "a dog runs"], [["a dog", "the dog runs"], ["a dog runs"]]),
    "all captions empty": (["", ""], [["a dog"], ["the dog runs"]]),
    "longer than any reference": (
        ["a dog runs on the grass by the red trees"] * 2,
        [["a dog"], ["trees", "red trees"]],
    ),
    "repeated n-grams": (["a a a a a a", "dog dog runs runs"], [["a a dog", "a"], ["dog runs dog runs"]]),
    "nothing in common": (["one two three four five", "six"], [["a dog runs on grass"], ["trees"]]),
    "the references themselves": ([texts[0] for texts in corpus(6)[1]], corpus(6)[1]),
}


@pytest.mark.parametrize("name", CORPORA)
def test_figures_are_those_of_the_coco_evaluations_classes(name: str) -> None:
    said, truth = CORPORA[name]
    hypotheses, references = {i: [text] for i, text in enumerate(said)}, dict(enumerate(truth))
    bleus, bleus_each = Bleu(4).compute_score(references, hypotheses, verbose=0)
    rouge, rouge_each = Rouge().compute_score(references, hypotheses)
    cider, cider_each = Cider().compute_score(references, hypotheses)
    found = figures(said, truth)
    expected = {f"bleu{n}": 100 * bleu for n, bleu in enumerate(bleus, start=1)}
    expected |= {"rouge_l": 100 * rouge, "cider": cider}
    assert {key: found.corpus[key] for key in expected} == pytest.approx(expected, abs=1e-9)
    each = {f"bleu{n}": 100 * np.array(bleu) for n, bleu in enumerate(bleus_each, start=1)}
    each |= {"rouge_l": 100 * rouge_each, "cider": cider_each}
    for key, values in each.items():
        np.testing.assert_allclose(found.each[key], values, rtol=0, atol=1e-9)


def plain_cider(said: list[str], truth: list[list[str]]) -> list[float]:
    """CIDEr by its formula: dense vectors over all n-grams, term frequencies as shares, no clipping, no penalty."""

    def grams(text: str, n: int) -> list[str]:
        words = text.split()
        return [" ".join(words[i : i + n]) for i in range(len(words) - n + 1)]

    found = np.zeros(len(said))
    for n in range(1, 5):
        space = sorted({gram for text in [*said, *(t for texts in truth for t in texts)] for gram in grams(text, n)})
        images = [sum(any(gram in grams(text, n) for text in texts) for texts in truth) for gram in space]
        idf = np.array([math.log(len(said) / max(1, count)) for count in images])

        def weigh(text: str, n: int = n, space: list[str] = space, idf: np.ndarray = idf) -> np.ndarray:
            counts = Counter(grams(text, n))
            shares = np.array([counts[gram] for gram in space]) / max(1, counts.total())
            return shares * idf

        for index, (text, texts) in enumerate(zip(said, truth, strict=True)):
            for other in texts:
                a, b = weigh(text), weigh(other)
                size = np.linalg.norm(a) * np.linalg.norm(b)
                found[index] += 10 / 4 / len(texts) * (a @ b / size if size else 0)
    return found.tolist()


@pytest.mark.parametrize("name", CORPORA)
def test_unclipped_cider_is_its_formula(name: str) -> None:
    said, truth = CORPORA[name]
    assert ciders(said, truth)[1] == pytest.approx(plain_cider(said, truth), abs=1e-9)


def test_repeating_a_word_and_adding_others_is_punished_by_cider_alone() -> None:
    truth = [["red dog"], ["a cat on grass"], ["two trees"]]
    (fair, *_), (fair_unclipped, *_) = ciders(["red dog", "a", "a"], truth)
    (doubled, *_), (doubled_unclipped, *_) = ciders(["red dog red dog", "a", "a"], truth)
    assert fair == pytest.approx(fair_unclipped)
    assert fair == pytest.approx(10 * 2 / 4)  # two orders of n-grams agree in full, two are empty
    assert doubled / fair < 0.8 * doubled_unclipped / fair_unclipped


@pytest.mark.parametrize("references", [1, 2, 5, 9])
def test_sacrebleu_is_bleu4_where_some_4_gram_agrees(references: int) -> None:
    said, truth = corpus(7, images=300, references=references)
    found = figures(said, truth).corpus
    assert found["bleu4"] > 0.1
    assert found["sacrebleu"] == pytest.approx(found["bleu4"], abs=1e-6)


def test_an_image_with_fewer_references_than_another_is_not_given_a_shorter_one() -> None:
    said = ["dog", "a dog runs on grass"]
    found = figures(said, [["a dog on it"], ["a dog runs on grass", "some words"]]).corpus
    assert found["bleu4"] == pytest.approx(100 * math.exp(1 - 9 / 6), abs=1e-5)
    assert found["sacrebleu"] == pytest.approx(found["bleu4"], abs=1e-5)


def test_the_closest_reference_decides_the_length_and_of_two_as_close_the_shorter() -> None:
    said = ["a dog runs on grass now"]
    apart = [["a dog runs on grass", "a dog runs on grass now and then it rests"]]
    tied = [["a dog runs on grass", "a dog runs on the grass now"]]
    for truth in (apart, tied):  # a shorter reference: no penalty
        found = figures(said, truth).corpus
        assert found["bleu1"] == pytest.approx(100)
        assert found["sacrebleu"] == pytest.approx(found["bleu4"], abs=1e-6)
    longer = figures(said, [["a dog runs on grass now and then"]]).corpus
    assert longer["bleu1"] == pytest.approx(100 * math.exp(1 - 8 / 6), abs=1e-6)


def test_where_no_4_gram_agrees_sacrebleu_smooths_and_bleu4_is_0() -> None:
    found = figures(["a red dog runs"], [["a red cat runs"]]).corpus
    assert found["bleu4"] == pytest.approx(0, abs=1e-2)
    assert found["sacrebleu"] > 1


def test_case_counts() -> None:
    assert figures(["A DOG RUNS HERE"], [["a dog runs here"]]).corpus["bleu1"] == pytest.approx(0, abs=1e-6)


def test_a_runs_measures_are_these_figures_of_lower_cased_captions() -> None:
    said, truth = corpus(8)
    shouted = [text.upper() for text in said]
    whole, signatures = corpus_measures([Prediction(shouted, truth, [], [], [])])
    found = figures(said, truth)
    assert whole == found.corpus
    assert set(signatures) == {"bleu4", "sacrebleu"}
    each = caption_measures([Prediction(shouted, truth, [], [], [])])
    assert each["bleu4"] == sentence_bleus(said, truth)
    assert each["rouge_l"] == found.each["rouge_l"]


def test_a_single_captions_bleu_is_smoothed() -> None:
    (some,) = sentence_bleus(["a red dog runs"], [["a red cat runs"]])
    assert 1 < some < 100


def pretend_java(folder: Path, monkeypatch: pytest.MonkeyPatch, body: str) -> None:
    """Puts a program named java first on the path: a Python script."""
    program = folder / "java"
    program.write_text(f"#!{sys.executable}\nimport json, os, subprocess, sys, time\n{body}\n", "utf-8")
    program.chmod(program.stat().st_mode | stat.S_IXUSR)
    monkeypatch.setenv("PATH", str(folder), prepend=os.pathsep)


def alive(pid: int) -> bool:
    """Whether there is such a process that has not ended; one that has ended and is not reaped counts as alive."""
    try:
        os.kill(pid, 0)
    except ProcessLookupError:
        return False
    return True


ONE = (["a dog"], [["a dog", "the dog"]])
BAD_JAVA = {
    "sys.exit('boom')": "METEOR failed: boom",
    "print('gar bage'); print('x', flush=True); sys.stdin.read()": "METEOR failed: could not convert string to float",
    "sys.stdin.readline()": "METEOR failed: it ended early",
    "sys.stdin.close(); time.sleep(0.2)": "METEOR failed",
    "[print('NaN', flush=True) for _ in range(4)]": "METEOR failed: a figure is no number",
}


@pytest.mark.parametrize("body", BAD_JAVA)
def test_a_java_that_breaks_is_told_in_one_line(body: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    pretend_java(tmp_path, monkeypatch, body)
    with pytest.raises(Unavailable, match=BAD_JAVA[body]) as caught:
        meteor(*ONE)
    assert "\n" not in str(caught.value)


@pytest.mark.skipif(os.name != "posix", reason="processes are ended by group on POSIX alone")
@pytest.mark.parametrize("way", ["answer", "read_all"])
def test_a_java_that_hangs_is_stopped_with_all_that_it_started(
    way: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    body = (
        f"child = subprocess.Popen(['{sys.executable}', '-c', 'import time; time.sleep(30)'])\n"
        f"open('{tmp_path}/pids', 'w').write(f'{{os.getpid()}} {{child.pid}}')\ntime.sleep(30)"
    )
    pretend_java(tmp_path, monkeypatch, body)
    started = time.monotonic()
    with pytest.raises(Unavailable, match="Some gave no answer within 2 s and was stopped"):  # noqa: PT012
        if way == "read_all":
            finished("Some", [], "text", 2.0)
        else:
            with running("Some", [], 2.0) as program:
                program.answer("a line")
    assert time.monotonic() - started < 25  # it would have slept 30 s
    parent, child = map(int, (tmp_path / "pids").read_text().split())
    assert not alive(parent)  # reaped, no zombie
    for _ in range(100):  # the child is reaped by whoever inherits it
        if not alive(child) or Path(f"/proc/{child}/stat").read_text().split()[2] == "Z":
            break
        time.sleep(0.05)
    else:
        pytest.fail("the child still runs")


def test_without_java_every_program_says_so(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("PATH", str(tmp_path))
    assert java_version() is None
    with pytest.raises(Unavailable, match="METEOR needs Java, and there is none"):
        meteor(*ONE)
    with pytest.raises(Unavailable, match="PTBTokenizer needs Java"):
        ptb_words(["a dog"])


def test_a_java_that_is_a_mere_stub_is_none(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    pretend_java(tmp_path, monkeypatch, "sys.exit('No Java runtime present, requesting install.')")
    assert java_version() is None


def test_a_tokenizer_that_loses_lines_is_not_believed(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    pretend_java(tmp_path, monkeypatch, "print(sys.stdin.readline())")
    with pytest.raises(Unavailable, match="PTBTokenizer made 2 lines of 3 captions"):
        ptb_words(["a dog", "a cat", "a cow"])


def test_spice_without_its_models_starts_nothing(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    pretend_java(tmp_path, monkeypatch, f"open('{tmp_path}/started', 'w')")
    monkeypatch.setattr(spice_module, "shipped", tmp_path.joinpath)
    with pytest.raises(Unavailable, match=f"SPICE's models are not installed \\({MODELS[0]}"):
        spice(*ONE)
    assert not (tmp_path / "started").exists()


@pytest.mark.parametrize("f", [0.25, None])
def test_spice_with_its_models_gives_what_its_program_writes(
    f: float | None, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    for name in MODELS:
        (tmp_path / "spice" / "lib").mkdir(parents=True, exist_ok=True)
        (tmp_path / "spice" / "lib" / name).touch()
    monkeypatch.setattr(spice_module, "shipped", tmp_path.joinpath)
    scores = json.dumps([0.5, f])
    body = (
        "words = sys.argv\nrows = json.load(open(words[words.index('-out') - 1]))\n"
        "assert [row['test'] for row in rows] == ['a dog', 'a cat'], rows\n"
        "assert [row['refs'] for row in rows] == [['dogs'], ['cats', 'a cat']], rows\n"
        f"values = json.loads('{scores}')\n"
        "found = [{'image_id': row['image_id'], 'scores': {'All': {'f': v}}} for row, v in zip(rows, values)]\n"
        "json.dump(found[::-1], open(words[words.index('-out') + 1], 'w'))"
    )
    pretend_java(tmp_path, monkeypatch, body)
    given = (["a dog", "a cat"], [["dogs"], ["cats", "a cat"]])
    if f is None:
        with pytest.raises(Unavailable, match="SPICE wrote no scores"):
            spice(*given)
    else:
        assert spice(*given) == (pytest.approx(37.5), [50.0, 25.0])


def test_the_time_a_program_may_take_grows_with_the_captions() -> None:
    assert java_module.time_for(40_000) > 10 * java_module.time_for(1)
