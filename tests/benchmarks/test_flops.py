"""FLOPs: counted as by hand, nothing out of sight."""

from typing import Any

import pytest
import torch
from hydra.utils import instantiate
from torch import Tensor, nn

from attnbench.benchmarks import cost
from attnbench.benchmarks.flops import counted, flops_per_example, plain
from attnbench.tasks.base import Model, Output, Prediction, Task

pytestmark = pytest.mark.filterwarnings("ignore:TF32 acceleration")  # torch warns whenever oneDNN is turned off

BATCH, LENGTH, WIDTH = 3, 5, 6


class Around(Model):
    """A model that is one layer."""

    def __init__(self, layer: nn.Module) -> None:
        super().__init__()
        self.layer = layer

    def forward(self, batch: Tensor) -> Output:
        self.layer(batch)
        return Output(torch.zeros(BATCH), torch.ones(BATCH, dtype=torch.int64), [])

    def predict(self, batch: Tensor) -> Prediction:
        raise NotImplementedError


LAYERS = {
    "linear": (lambda: nn.Linear(WIDTH, 4), 2 * LENGTH * WIDTH * 4),
    "gru": (lambda: nn.GRU(WIDTH, 4, batch_first=True), 2 * LENGTH * (WIDTH + 4) * 3 * 4),
    "lstm": (lambda: nn.LSTM(WIDTH, 4, batch_first=True), 2 * LENGTH * (WIDTH + 4) * 4 * 4),
    "transformer": (
        lambda: nn.TransformerEncoderLayer(WIDTH, 2, 8, batch_first=True),
        2 * LENGTH * (4 * WIDTH * WIDTH + 2 * LENGTH * WIDTH + 2 * WIDTH * 8),
    ),
}


@pytest.mark.parametrize("name", LAYERS)
def test_the_products_of_a_layer_are_counted_by_hand(name: str) -> None:
    layer, expected = LAYERS[name]
    with torch.no_grad():  # as it is around a test: fused inference paths must not hide anything
        assert counted(Around(layer()), torch.randn(BATCH, LENGTH, WIDTH)) == expected


class Draws(nn.Module):
    """A layer that draws in evaluation too, and says so if it is not in evaluation."""

    def __init__(self) -> None:
        super().__init__()
        self.linear = nn.Linear(WIDTH, 4)

    def forward(self, batch: Tensor) -> Tensor:
        assert not self.training
        out: Tensor = self.linear(batch * torch.rand(()))
        return out


def test_counting_takes_nothing_from_the_common_random_state_and_leaves_no_gradient() -> None:
    layer, batch = Draws(), torch.randn(BATCH, LENGTH, WIDTH)
    before = torch.get_rng_state()
    counted(Around(layer), batch)
    assert torch.equal(torch.get_rng_state(), before)
    assert layer.linear.weight.grad is None


def translation() -> Task:
    """Eight validation sentences, at width 8."""
    conf = "attnbench.tasks.translation"
    source = {"_target_": f"{conf}.phrases.Phrases", "seed": 1, "sizes": {"train": 40, "validation": 8, "test": 8}}
    model = {"embedding_dim": 8, "hidden_dim": 8, "dropout": 0.0, "limit": 60}
    config = {
        "_target_": f"{conf}.Translation",
        "data": source,
        "model": {"_target_": f"{conf}.model.RNNsearch", "_partial_": True, **model},
        "batch_size": 8,
        "seed": 0,
        "least_count": 1,
    }
    task: Task = instantiate(config)
    return task


def additive(hidden: int, **more: Any) -> dict[str, Any]:
    """The config of additive soft attention."""
    score = {"_target_": "attnbench.attention.score.additive.Additive", "_partial_": True, "hidden_dim": hidden}
    selection = {"_target_": "attnbench.attention.selection.softmax.Softmax", "_partial_": True}
    return {
        "_target_": "attnbench.attention.Composed",
        "_partial_": True,
        "score": {**score, **more},
        "selection": selection,
    }


def test_the_additive_score_costs_its_three_products_for_each_hidden_unit() -> None:
    task = translation()
    batch = next(iter(task.data.val_dataloader()))
    queries, memory = batch.target.shape[1] - 1, batch.source.shape[1]
    unit = 2 * (queries * 8 + memory * 8 + queries * memory)
    assert flops_per_example(additive(30), task) - flops_per_example(additive(10), task) == 20 * unit


def test_kernels_are_counted_in_their_plain_form_at_any_depth() -> None:
    asked = {"score": {"kernel": "auto", "content": {"kernel": "lean"}}, "kernel": 31, "selection": "auto"}
    assert plain(asked) == {
        "score": {"kernel": "plain", "content": {"kernel": "plain"}},
        "kernel": 31,
        "selection": "auto",
    }


def test_what_the_cpu_cannot_count_is_a_dash_and_no_failure(monkeypatch: pytest.MonkeyPatch) -> None:
    def no_cpu(*_: object) -> float:
        raise RuntimeError("this mechanism needs a GPU")

    monkeypatch.setattr(cost, "flops_per_example", no_cpu)
    assert cost.flops(additive(3), translation()) is None
