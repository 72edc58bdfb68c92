"""Equal budgets: what is solved, what cannot be, and that nothing else changes."""

from collections.abc import Callable, Iterator
from dataclasses import replace
from itertools import product
from pathlib import Path

import pytest
import torch
from hydra import compose, initialize_config_module
from hydra.core.hydra_config import HydraConfig
from hydra.core.singleton import Singleton
from omegaconf import open_dict

from attnbench.attention import Attention
from attnbench.benchmarks.cell import Cell, cell_of
from attnbench.benchmarks.cost import parameters
from attnbench.benchmarks.matching import LARGEST, Matching, free_sizes, nearest, resized, scaled
from attnbench.benchmarks.progress import Silent
from attnbench.benchmarks.record import read_record, write_record
from attnbench.benchmarks.run import train_and_test
from attnbench.benchmarks.training import Built, build
from attnbench.tasks.base import Model

pytestmark = pytest.mark.filterwarnings("ignore:TF32 acceleration")  # torch warns whenever oneDNN is turned off

TINY = [
    "task.data.sizes={train: 40, validation: 8, test: 8}",
    "budget.epochs=1",
    "budget.width=8",
    "budget.batch_size=8",
    "trainer=cpu",
]
FAR = "attention.score.hidden_dim=7"


@pytest.fixture(autouse=True)
def own_hydra() -> Iterator[None]:
    """Leaves Hydra's state as it was."""
    state = Singleton.get_state()
    yield
    Singleton.set_state(state)


def cell(*words: str, out: Path | None = None) -> Cell:
    """The cell that these words would name on the command line."""
    with initialize_config_module("attnbench.conf", version_base="1.3"):
        config = compose("run", [*TINY, f"out={out}", *words], return_hydra_config=True)
        HydraConfig.instance().set_config(config)
        with open_dict(config):
            del config["hydra"]
        return cell_of(config)


def matched(by: str, *words: str) -> tuple[Built, Matching]:
    """What such a cell builds, and how its budget was matched."""
    built = build(cell(f"budget.match={by}", *words))
    assert built.matching is not None
    return built, built.matching


@pytest.mark.parametrize("by", ["parameters", "flops"])
@pytest.mark.parametrize("task", ["translation", "captioning", "reading"])
def test_a_free_size_far_off_is_solved_to_that_of_the_reference(by: str, task: str) -> None:
    _, matching = matched(by, FAR, f"task={task}")
    assert matching.sizes == {"score.hidden_dim": 128}
    assert (matching.reached, matching.residual) == (matching.target, 0.0)


@pytest.mark.parametrize("by", ["parameters", "flops"])
def test_another_mechanism_comes_within_one_percent(by: str) -> None:
    _, matching = matched(by, "budget.reference=dot_soft")
    assert 0 < abs(matching.residual) < 0.01
    assert matching.residual == (matching.reached - matching.target) / matching.target


def test_the_model_that_is_trained_has_the_solved_size() -> None:
    built, matching = matched("parameters", FAR)
    assert parameters(built.lit.model) == matching.reached
    assert built.attention["score"]["hidden_dim"] == 128


def test_a_mechanism_without_a_free_size_stays_and_shows_how_far_off_it_is() -> None:
    built, matching = matched("parameters", "attention=dot_soft")
    plain = build(cell("attention=dot_soft"))
    assert (built.attention, matching.sizes) == (plain.attention, {})
    assert matching.reached == parameters(plain.lit.model) == parameters(built.lit.model)
    assert matching.residual < -0.01


def outside(model: Model) -> dict[str, torch.Tensor]:
    """All values outside the attentions."""
    inside = {id(p) for module in model.modules() if isinstance(module, Attention) for p in module.parameters()}
    return {name: p.detach() for name, p in model.named_parameters() if id(p) not in inside}


def test_initial_values_outside_the_attention_are_those_of_every_other_cell() -> None:
    expected = outside(build(cell("attention=uniform")).lit.model)
    assert len(expected) > 5
    for built in (matched("parameters", FAR)[0], matched("flops", FAR)[0], build(cell(FAR))):
        found = outside(built.lit.model)
        assert found.keys() == expected.keys()
        assert all(torch.equal(found[name], expected[name]) for name in expected)


class StopsAfterAnEpoch(Silent):
    """Interrupts a run when its first epoch is over."""

    def advance(self, share: float, doing: str) -> None:
        if share > 0.5:
            raise InterruptedError


def test_an_interrupted_cell_goes_on_with_the_same_size(tmp_path: Path) -> None:
    made = cell(FAR, "budget.match=flops", "budget.epochs=2", out=tmp_path)
    with pytest.raises(InterruptedError):
        train_and_test(made, StopsAfterAnEpoch())
    (checkpoint,) = tmp_path.rglob("last.ckpt")
    kept = torch.load(checkpoint, weights_only=True)["state_dict"]["model.decoder.attention.score.query.weight"]
    torch.rand(100)  # whatever else this process draws
    resumed = train_and_test(made, Silent())
    assert resumed.matching is not None
    assert resumed.matching["sizes"] == {"score.hidden_dim": len(kept)}
    assert len(resumed.curves["val/bleu"]) == 2


def test_the_record_holds_the_matching_and_reads_back(tmp_path: Path) -> None:
    made = train_and_test(cell(FAR, "budget.match=flops", out=tmp_path), Silent())
    write_record(tmp_path, made)
    record = read_record(tmp_path)
    assert record.matching is not None
    assert (record.matching["by"], record.matching["reference"]) == ("flops", "additive_soft")
    assert record.matching["sizes"] == {"score.hidden_dim": 128}
    assert record.cost["flops_per_example"] == record.matching["reached"]
    assert (record.budget["match"], record.budget["reference"]) == ("flops", "additive_soft")


def test_the_reference_decides_nothing_where_nothing_is_matched() -> None:
    usual, other = cell(), cell("budget.reference=dot_soft")
    assert usual.address == other.address
    assert "reference" not in other.budget
    assert build(other).matching is None


def test_what_is_matched_and_to_what_is_another_cell_and_so_is_another_reference_of_that_name() -> None:
    cells = [cell(*w) for w in ([], ["budget.match=flops"], ["budget.match=flops", "budget.reference=dot_soft"])]
    cells.append(cell("budget.match=parameters"))
    cells.append(replace(cells[1], reference=resized(cells[1].reference or {}, {"score.hidden_dim": 64})))
    assert len({each.address for each in cells}) == len(cells)


GROWTHS = {
    "even": lambda n: 10 + 3 * n,
    "fast": lambda n: n * n,
    "slow": lambda n: 90 - 80 / n,
    "steps": lambda n: n // 5,
}


@pytest.mark.parametrize("count", GROWTHS.values(), ids=GROWTHS)
def test_the_size_found_is_the_nearest_of_all(count: Callable[[int], float]) -> None:
    for target, given in product(range(0, 90, 11), (1, 5, 60)):
        found = nearest(count, target, given)
        assert abs(count(found) - target) == min(abs(count(n) - target) for n in range(1, 500)), (target, given)


def test_few_sizes_are_tried_and_none_above_the_largest() -> None:
    tried: list[int] = []

    def count(size: int, rate: float) -> float:
        tried.append(size)
        return 1000 + rate * size

    assert nearest(lambda n: count(n, 8.0), 1000 + 8 * 911, 128) == 911
    assert len(tried) <= 4
    assert nearest(lambda n: count(n, 1e-6), 5000, 128) == LARGEST
    assert nearest(lambda n: count(n, 0.0), 5000, 128) == 128
    assert max(tried) == LARGEST


def test_several_free_sizes_keep_their_proportion_and_null_ones_move_only_alone() -> None:
    inner = {"hidden_dim": 8, "content": {"hidden_dim": 32}, "head_dim": None, "width": 3}
    sizes = free_sizes({"score": inner})
    assert sizes == {"score.hidden_dim": 8, "score.content.hidden_dim": 32}
    assert scaled(sizes, 100) == {"score.hidden_dim": 25, "score.content.hidden_dim": 100}
    assert scaled(sizes, 1) == {"score.hidden_dim": 1, "score.content.hidden_dim": 1}
    changed = resized({"score": inner, "heads": 4}, scaled(sizes, 64))
    assert changed == {
        "score": {"hidden_dim": 16, "content": {"hidden_dim": 64}, "head_dim": None, "width": 3},
        "heads": 4,
    }
    assert free_sizes({"head_dim": None, "heads": 4}) == {"head_dim": 1}
