"""Beam search against all sentences there are, against a plain search with lists, and against teacher forcing."""

import itertools
import math
from collections.abc import Iterable, Mapping
from dataclasses import replace
from functools import partial
from typing import Any, Literal

import pytest
import torch
from hydra import compose, initialize_config_module
from hydra.utils import instantiate
from torch import Tensor

from attnbench.attention import AttentionFactory, Composed, Memory
from attnbench.attention.multi_head import MultiHead
from attnbench.attention.score.additive import Additive
from attnbench.attention.score.coverage import Coverage
from attnbench.attention.score.dot import Dot
from attnbench.attention.score.location_sensitive import LocationSensitive
from attnbench.attention.selection.chunkwise import Chunkwise
from attnbench.attention.selection.hard import Hard
from attnbench.attention.selection.softmax import Softmax
from attnbench.tasks.base import Output
from attnbench.tasks.sequence.beam import beam_search, largest
from attnbench.tasks.sequence.decoder import Decoder
from attnbench.tasks.sequence.recurrent import RecurrentDecoder
from attnbench.tasks.sequence.said import Said
from attnbench.tasks.sequence.search import Search, greedy
from attnbench.tasks.sequence.text import Vocabulary
from attnbench.tasks.sequence.transformer import TransformerDecoder
from attnbench.tasks.sequence.worth import UNSEEN, Worth
from attnbench.tasks.testing import check_task

WORDS, LIMIT, BATCH, POSITIONS, SIZE = 6, 4, 3, 5, 4
END = Vocabulary.end
SAYABLE = [word for word in range(WORDS) if word not in (Vocabulary.pad, Vocabulary.start)]
ALL = (len(SAYABLE) - 1) ** (LIMIT - 1) * len(SAYABLE)  # beginnings of LIMIT symbols: the most of any length
ALPHAS = [0.0, 0.6, 2.0]
Sentence = tuple[int, ...]
LOCATION_SENSITIVE = partial(LocationSensitive, hidden_dim=3, filters=2, width=3)
ATTENTIONS: dict[str, AttentionFactory] = {
    "soft": partial(Composed, score=Dot, selection=Softmax),
    "hard": partial(Composed, score=Dot, selection=Hard),
    "coverage": partial(Composed, score=partial(Coverage, hidden_dim=3), selection=Softmax),
    "heads": partial(MultiHead, heads=2, attention=partial(Composed, score=LOCATION_SENSITIVE, selection=Softmax)),
    "chunkwise": partial(Composed, score=partial(Additive, hidden_dim=3), selection=partial(Chunkwise, width=2)),
}
Kind = Literal["gru", "lstm", "transformer"]
PAIRS = list(itertools.product(("gru", "lstm", "transformer"), ATTENTIONS))
everywhere = pytest.mark.parametrize(("kind", "attention"), PAIRS, ids=map("-".join, PAIRS))


def decoder_of(kind: Kind = "gru", attention: str = "soft", *, seed: int = 0, ending: float = 0.0) -> Any:
    """Its sentences end the sooner the larger `ending` is."""
    torch.manual_seed(seed)
    sizes = {"memory_dim": SIZE, "hidden_dim": SIZE, "dropout": 0.0}
    if kind == "transformer":
        own = {"layers": 2, "heads": 2, "feed_forward_dim": SIZE, "tied": False}
        decoder: Any = TransformerDecoder(WORDS, ATTENTIONS[attention], **own, **sizes)
    else:
        own = {"start_dim": SIZE, "embedding_dim": SIZE}
        decoder = RecurrentDecoder(WORDS, ATTENTIONS[attention], cell=kind, **own, **sizes)
    decoder = decoder.double().eval()
    for parameter in decoder.parameters():
        parameter.data *= 2.0  # so that steps differ clearly
    decoder.output.weight.data *= 1.0 if kind == "transformer" else 3.0  # and the best sentences have several lengths
    decoder.output.bias.data[END] += ending
    return decoder


def read(decoder: Decoder[Any, Any], batch: int = BATCH) -> tuple[Tensor, Any]:
    """A summary and a memory of which each example shows one position less than the one before."""
    torch.manual_seed(1)
    annotations = torch.randn(batch, POSITIONS, SIZE, dtype=torch.float64) * 2
    mask = torch.arange(POSITIONS) < POSITIONS - torch.arange(batch).unsqueeze(1)
    return torch.randn(batch, SIZE, dtype=torch.float64), decoder.prepare(annotations, mask.unsqueeze(1))


def selected(memory: Any, rows: Tensor) -> Any:
    """The memory of the given rows, place by place where there are several."""
    return memory.select(rows) if isinstance(memory, Memory) else tuple(place.select(rows) for place in memory)


def searched(
    decoder: Decoder[Any, Any],
    *,
    beam: int,
    alpha: float = 0.0,
    beta: float = 0.0,
    early: bool = False,
    limit: int = LIMIT,
    n_best: int = 1,
) -> Said:
    options = {"length_penalty": alpha, "coverage_penalty": beta, "early_stopping": early}
    return beam_search(decoder, *read(decoder), beam=beam, limit=limit, n_best=n_best, **options)


@torch.no_grad()
def forced(decoder: Decoder[Any, Any], example: int, sentences: Iterable[Sentence]) -> Output:
    """One example's sentences, teacher-forced."""
    rows = [[Vocabulary.start, *sentence] for sentence in sentences]
    longest = max(map(len, rows))
    target = torch.tensor([row + [Vocabulary.pad] * (longest - len(row)) for row in rows])
    summary, memory = read(decoder)
    repeated = torch.full((len(rows),), example)
    output: Output = decoder(target, summary[repeated], selected(memory, repeated))
    return output


def all_sentences() -> list[Sentence]:
    """All that can be said in at most LIMIT symbols, ended or not."""
    going = [word for word in SAYABLE if word != END]
    begun = (words for length in range(LIMIT) for words in itertools.product(going, repeat=length))
    return [(*words, word) for words in begun for word in SAYABLE]


def log_probs(decoder: Decoder[Any, Any], example: int) -> dict[Sentence, float]:
    """Of all that can be said."""
    said = all_sentences()
    return dict(zip(said, (-forced(decoder, example, said).nll).tolist(), strict=True))


def coverages(decoder: Decoder[Any, Any], example: int) -> dict[Sentence, float]:
    """The coverage term of all that can be said, before it is weighed."""
    said = all_sentences()
    places = [place.weights.tolist() for place in forced(decoder, example, said).alignments]
    result = {}
    for row, words in enumerate(said):
        looked = [
            sum(place[row][query][position] for place in places for query in range(len(words))) / len(places)
            for position in range(POSITIONS - example)
        ]
        result[words] = sum(math.log(max(min(mass, 1.0), UNSEEN)) for mass in looked)
    return result


def complete(sentence: Sentence) -> bool:
    return sentence[-1] == END or len(sentence) == LIMIT


def worth(log_prob: float, length: int, alpha: float) -> float:
    return float(log_prob * 6**alpha / (5 + length) ** alpha)


def plain_search(
    likely: Mapping[Sentence, float],
    beam: int,
    alpha: float,
    n_best: int,
    covered: Mapping[Sentence, float],
    beta: float,
    early: bool,
) -> tuple[list[tuple[Sentence, float]], int]:
    """The n best, and the first length after which nothing unfinished could join them; it goes on to the limit all the same.

    Or, where it is to stop `early`, the n best at the first length at which nothing unfinished would join them.
    """
    unfinished: list[Sentence] = [()]
    finished: list[tuple[Sentence, float]] = []
    needed = LIMIT
    for length in range(1, LIMIT + 1):
        longer = [(*begun, word) for begun in unfinished for word in SAYABLE]
        kept = sorted(longer, key=lambda sentence: -likely[sentence])[:beam]
        finished += [
            (those, worth(likely[those], length, alpha) + beta * covered[those]) for those in kept if complete(those)
        ]
        finished.sort(key=lambda scored: -scored[1])
        unfinished = [those for those in kept if not complete(those)]
        hope = max(
            (worth(likely[those], length if early else LIMIT, alpha) for those in unfinished), default=-torch.inf
        )
        if not unfinished or (len(finished) >= n_best and hope <= finished[n_best - 1][1]):
            needed = min(needed, length)
            if early:
                break
    return finished[:n_best], needed


def ranked(said: Said) -> list[list[tuple[Sentence, float]]]:
    return [[(tuple(scored.words), scored.score) for scored in those] for those in said.ranked]


def assert_same(found: list[tuple[Sentence, float]], expected: list[tuple[Sentence, float]]) -> None:
    assert [words for words, _ in found] == [words for words, _ in expected]
    assert [score for _, score in found] == pytest.approx([score for _, score in expected], rel=1e-5)


def sentences(said: Said) -> list[Sentence]:
    return [tuple(word for word in row if word != Vocabulary.pad) for row in said.words.tolist()]


@everywhere
def test_a_beam_with_room_for_all_finds_the_best_of_all_sentences(kind: Kind, attention: str) -> None:
    for seed in range(2):
        decoder = decoder_of(kind, attention, seed=seed)
        likely = [log_probs(decoder, example) for example in range(BATCH)]
        for alpha in ALPHAS:
            said = searched(decoder, beam=ALL, alpha=alpha, n_best=5)
            for example, those in enumerate(likely):
                every = [(words, worth(log_p, len(words), alpha)) for words, log_p in those.items() if complete(words)]
                best = sorted(every, key=lambda scored: -scored[1])[:5]
                assert_same(ranked(said)[example], best)
                assert sentences(said)[example] == best[0][0]


def test_the_penalty_decides_which_sentence_is_best_and_some_end_before_the_limit() -> None:
    plain, longer = (
        [words for seed in range(4) for words in sentences(searched(decoder_of(seed=seed), beam=ALL, alpha=alpha))]
        for alpha in (0.0, 2.0)
    )
    assert sum(map(len, plain)) < sum(map(len, longer))
    assert len({len(words) for words in plain + longer}) > 2


@pytest.mark.parametrize(
    ("kind", "attention"),
    [("gru", "soft"), ("lstm", "coverage"), ("gru", "hard"), ("transformer", "heads"), ("transformer", "chunkwise")],
)
def test_with_a_coverage_penalty_too_the_best_of_all_sentences_is_found(kind: Kind, attention: str) -> None:
    decoder = decoder_of(kind, attention)
    for example in range(BATCH):
        likely, covered = log_probs(decoder, example), coverages(decoder, example)
        for alpha, beta in itertools.product([0.0, 0.6], [0.3, 3.0]):
            said = searched(decoder, beam=ALL, alpha=alpha, beta=beta, n_best=5)
            every = [
                (words, worth(log_p, len(words), alpha) + beta * covered[words])
                for words, log_p in likely.items()
                if complete(words)
            ]
            best = sorted(every, key=lambda scored: -scored[1])[:5]
            assert_same(ranked(said)[example], best)
            assert sentences(said)[example] == best[0][0]


def test_the_coverage_penalty_decides_which_sentence_is_best() -> None:
    plain, covering = (
        [words for seed in range(4) for words in sentences(searched(decoder_of(seed=seed), beam=ALL, beta=beta))]
        for beta in (0.0, 0.5)
    )
    assert plain != covering
    assert sum(map(len, plain)) < sum(map(len, covering))


@everywhere
def test_it_finds_what_a_plain_search_finds_and_examples_leave_as_soon_as_that_is_safe(
    kind: Kind, attention: str
) -> None:
    decoder = decoder_of(kind, attention)
    likely = [log_probs(decoder, example) for example in range(BATCH)]
    covered = [coverages(decoder, example) for example in range(BATCH)]
    asked: list[int] = []
    decoder.embedding.register_forward_hook(lambda _module, _given, embedded: asked.append(len(embedded)))
    worths = [
        (0.0, 0.0, False),
        (0.6, 0.0, False),
        (2.0, 0.0, False),
        (0.6, 0.4, False),
        (2.0, 0.0, True),
        (0.6, 0.4, True),
    ]
    for beam, (alpha, beta, early) in itertools.product([1, 2, 3, 5], worths):
        for n_best in {1, beam}:
            plain = [
                plain_search(those, beam, alpha, n_best, looked, beta, early)
                for those, looked in zip(likely, covered, strict=True)
            ]
            asked.clear()
            said = searched(decoder, beam=beam, alpha=alpha, beta=beta, early=early, n_best=n_best)
            needed = [length for _, length in plain]
            assert asked == [beam * sum(length > step for length in needed) for step in range(max(needed))]
            for found, (best, _) in zip(ranked(said), plain, strict=True):
                assert_same(found, best)


@everywhere
def test_a_beam_of_one_is_greedy_search(kind: Kind, attention: str) -> None:
    for seed, alpha in itertools.product(range(3), ALPHAS):
        decoder = decoder_of(kind, attention, seed=seed)
        said, likeliest = searched(decoder, beam=1, alpha=alpha, limit=9), greedy(decoder, *read(decoder), limit=9)
        assert torch.equal(said.words, likeliest.words)
        torch.testing.assert_close(said.alignments, likeliest.alignments)


@everywhere
def test_an_example_alone_says_what_it_says_in_a_batch(kind: Kind, attention: str) -> None:
    decoder = decoder_of(kind, attention)
    together = searched(decoder, beam=3, alpha=0.6, limit=9, n_best=3)
    summary, memory = read(decoder)
    for example, words in enumerate(sentences(together)):
        row = torch.tensor([example])
        one = selected(memory, row)
        alone = beam_search(decoder, summary[row], one, beam=3, limit=9, length_penalty=0.6, n_best=3)
        assert sentences(alone) == [words]
        assert alone.words.shape[1] == len(words)
        for own, all_of_them in zip(alone.alignments, together.alignments, strict=True):
            weights = all_of_them.weights[example]
            torch.testing.assert_close(own.weights[0], weights[: len(words)])
            assert not weights[len(words) :].any()
        assert_same(ranked(alone)[0], ranked(together)[example])


@everywhere
def test_scores_and_alignments_are_those_of_teacher_forcing(kind: Kind, attention: str) -> None:
    lengths = set()
    for seed, alpha in itertools.product(range(3), ALPHAS):
        decoder = decoder_of(kind, attention, seed=seed)
        said = searched(decoder, beam=4, alpha=alpha, limit=9, n_best=4)
        for example, those in enumerate(ranked(said)):
            output = forced(decoder, example, [words for words, _ in those])
            scores = [
                worth(-nll, len(words), alpha) for (words, _), nll in zip(those, output.nll.tolist(), strict=True)
            ]
            assert [score for _, score in those] == pytest.approx(scores, rel=1e-5)
            for scored, row in zip(said.ranked[example], range(len(those)), strict=True):
                places = [place.weights[row, : len(scored.words)] for place in output.alignments]
                torch.testing.assert_close(scored.weights, torch.stack(places).mean(dim=0))
            best = len(those[0][0])
            own, expected = (
                [[None if part is None else part[row, :best] for part in alignment] for alignment in alignments]
                for row, alignments in ((example, said.alignments), (0, output.alignments))
            )
            torch.testing.assert_close(own, expected)
            lengths.add(best)
    assert len(lengths) > 1


@pytest.mark.parametrize("alpha", ALPHAS)
def test_no_beam_finds_better_than_one_with_room_for_all(alpha: float) -> None:
    for seed in range(3):
        decoder = decoder_of(seed=seed)
        best = [those[0][1] for those in ranked(searched(decoder, beam=ALL, alpha=alpha))]
        for beam in (1, 2, 4, 8, 16):
            found = [those[0][1] for those in ranked(searched(decoder, beam=beam, alpha=alpha))]
            assert all(a <= b + 1e-12 for a, b in zip(found, best, strict=True))


def test_the_n_best_are_sorted_and_distinct_and_the_first_is_said() -> None:
    said = searched(decoder_of(), beam=6, alpha=0.6, limit=9, n_best=6)
    for those, words in zip(ranked(said), sentences(said), strict=True):
        scores = [score for _, score in those]
        assert len({sentence for sentence, _ in those}) == 6
        assert scores == sorted(scores, reverse=True)
        assert those[0][0] == words


def test_there_are_fewer_than_n_where_no_more_can_be_said() -> None:
    found = ranked(searched(decoder_of(), beam=9, limit=1, n_best=9))
    assert [{words for words, _ in those} for those in found] == [{(word,) for word in SAYABLE}] * BATCH


def test_at_the_limit_unfinished_sentences_count_as_they_are() -> None:
    said = searched(decoder_of(ending=-100.0), beam=3, limit=7, n_best=3)
    assert said.words.shape == (BATCH, 7)
    assert all(len(words) == 7 and END not in words for those in ranked(said) for words, _ in those)


def test_neither_padding_nor_start_is_said_however_likely_and_both_keep_their_probability() -> None:
    decoder = decoder_of()
    decoder.output.bias.data[[Vocabulary.pad, Vocabulary.start]] += 5.0
    for example, those in enumerate(ranked(searched(decoder, beam=4, n_best=4))):
        assert all(set(words) <= set(SAYABLE) for words, _ in those)
        nll = forced(decoder, example, [words for words, _ in those]).nll
        assert [score for _, score in those] == pytest.approx((-nll).tolist(), rel=1e-5)


def test_search_stops_when_all_have_certainly_ended() -> None:
    said = searched(decoder_of(ending=100.0), beam=3, limit=50)
    assert said.words.tolist() == [[END]] * BATCH


def test_search_passes_no_gradient() -> None:
    assert not searched(decoder_of(), beam=2).alignments[0].weights.requires_grad


def test_a_beam_of_more_than_one_is_beam_search_and_of_one_greedy() -> None:
    decoder = decoder_of()
    one = Search(limit=LIMIT, beam=1, length_penalty=2.0)(decoder, *read(decoder))
    three = Search(limit=LIMIT, beam=3, length_penalty=2.0)(decoder, *read(decoder))
    assert torch.equal(one.words, greedy(decoder, *read(decoder), limit=LIMIT).words)
    assert ranked(three) == ranked(searched(decoder, beam=3, alpha=2.0))


def test_one_that_is_to_be_scored_is_scored_by_beam_search() -> None:
    decoder = decoder_of()
    plain = Search(limit=LIMIT, beam=1, length_penalty=0.0)
    scored = replace(plain, n_best=1, coverage_penalty=0.5)(decoder, *read(decoder))
    assert torch.equal(scored.words, plain(decoder, *read(decoder)).words)
    assert ranked(scored) == ranked(searched(decoder, beam=1, beta=0.5))
    assert [len(those) for those in replace(plain, beam=3, n_best=2)(decoder, *read(decoder)).ranked] == [2] * BATCH


@pytest.mark.parametrize("length", [5, 64 * 10, 64 * 11, 64 * 20 + 7])
def test_the_largest_are_those_of_topk_wherever_they_stand(length: int) -> None:
    torch.manual_seed(0)
    spread = torch.randn(40, length)
    together = spread.clone()
    together[:, -5:] += 100  # in one group, or behind the last
    few = torch.full((40, length), -torch.inf)
    few[:, 1] = 0.0
    for values in (spread, together, spread.round(), few):
        found, places = largest(values, 5)
        torch.testing.assert_close(found, values.topk(5, dim=1).values)
        torch.testing.assert_close(values.gather(1, places), found)
        assert all(len(set(row)) == 5 for row in places.tolist())


@pytest.mark.parametrize(
    ("options", "message"),
    [
        ({"beam": 0}, "beam=0: must be at least 1"),
        ({"limit": 0}, "limit=0: must be at least 1"),
        ({"length_penalty": -0.5}, r"length_penalty=-0\.5: must be a number of at least 0"),
        ({"length_penalty": float("nan")}, "length_penalty=nan: must be a number"),
        ({"coverage_penalty": -0.1}, r"coverage_penalty=-0\.1: must be a number of at least 0"),
        ({"n_best": 4}, "n_best=4: must be at least 1 and at most beam=3"),
        ({"n_best": 0}, "n_best=0: must be at least 1"),
    ],
)
def test_an_impossible_search_is_refused(options: dict[str, Any], message: str) -> None:
    decoder = decoder_of()
    with pytest.raises(ValueError, match=message):
        beam_search(decoder, *read(decoder), **{"beam": 3, "limit": 5, "length_penalty": 0.0, **options})
    with pytest.raises(ValueError, match=message):
        Search(**{"beam": 3, "limit": 5, "length_penalty": 0.0, **options})


@pytest.mark.parametrize("task", ["captioning", "translation"])
def test_a_config_asks_for_a_beam_and_the_contract_holds(task: str) -> None:
    sizes = "task.data.sizes={train: 12, validation: 4, test: 4}"
    words = [f"task={task}", sizes, "budget.width=8", "task.model.limit=6"]
    with initialize_config_module("attnbench.conf", version_base="1.3"):
        plain = compose("run", words)
        penalties = ["task.model.length_penalty=0.6", "task.model.coverage_penalty=0.2"]
        config = compose("run", [*words, "task.model.beam=3", "task.model.early_stopping=true", *penalties])
    assert (plain.task.model.beam, plain.task.model.length_penalty, plain.task.model.coverage_penalty) == (1, 0.0, 0.0)
    built = instantiate(config.task)
    assert built.model(ATTENTIONS["soft"]).search == Search(
        limit=6, beam=3, length_penalty=0.6, coverage_penalty=0.2, early_stopping=True
    )
    check_task(built, ATTENTIONS["soft"])


def test_no_end_of_a_sentence_is_worth_more_than_the_bound_of_its_beginning() -> None:
    worth_of = Worth(length_penalty=0.6, coverage_penalty=0.4)
    visible = torch.ones(1, 3, dtype=torch.bool)
    begun, grown = torch.tensor([[[0.9, 0.05, 0.05]]]), torch.tensor([[[1.1, 1.0, 0.9]]])
    log_prob = torch.tensor([[-1.0]])
    assert worth_of(log_prob, 1, begun, visible) < worth_of(log_prob, 3, grown, visible)
    assert worth_of(log_prob, 3, grown, visible) <= worth_of.bound(log_prob, 3)
