"""The only LightningModule: every task trains, validates and is tested by this code."""

import math
import time
from collections.abc import Callable, Iterable, Mapping
from typing import Any, Literal

import pytorch_lightning as pl
import torch
from pytorch_lightning.utilities.types import OptimizerLRScheduler
from torch import Tensor, nn
from torch.optim import Optimizer
from torch.optim.lr_scheduler import LambdaLR

from attnbench.attention.quality import attending
from attnbench.tasks.attention_quality import AttentionQuality
from attnbench.tasks.base import Model, Output, Prediction, Task
from attnbench.tasks.estimators import Estimator
from attnbench.tasks.gradient_noise import gradient_noise
from attnbench.tasks.schedule import Schedule

Parameters = Iterable[nn.Parameter]
CONSTANT = Schedule()
EPOCHS_PER_SEED = 1_000_003  # more epochs than any run has, so that no two (seed, epoch) share a state


class Judged:
    """What one pass over a split adds up to."""

    def __init__(self) -> None:
        self.nll = 0.0
        self.symbols = 0
        self.predictions: list[Prediction] = []
        self.quality = AttentionQuality()
        self.nll_each: list[float] = []
        self.seconds = 0.0  # that predicting took

    @property
    def predictions_per_second(self) -> float | None:
        """Examples that a prediction was found for a second, None where there were none."""
        return len(self.nll_each) / self.seconds if self.seconds else None

    def judge(self, task: Task, model: Model, batch: Any, device: torch.device) -> None:
        """Passes over one batch, teacher-forced and free-running."""
        output = model(batch)
        started = clock(device)
        prediction = model.predict(batch)
        self.seconds += clock(device) - started
        self.add(output, task.completed(prediction))

    def add(self, output: Output, prediction: Prediction) -> None:
        """Takes in one batch."""
        self.nll += output.nll.sum().item()
        self.symbols += int(output.symbols.sum())
        self.nll_each += (output.nll / output.symbols).tolist()
        self.predictions.append(prediction)
        self.quality.add(output)

    def likelihood(self) -> dict[str, float]:
        """Mean nll in nats a symbol, and the perplexity."""
        nll = self.nll / self.symbols
        return {"nll": nll, "perplexity": math.exp(min(nll, 700.0))}


class LitTask(pl.LightningModule):
    """Trains `model` on `task` by `estimator`, and measures it on validation and test examples.

    The random state is set from (seed, epoch) at each epoch's start: dropout and draws repeat exactly, and a run that was
    interrupted goes on from an epoch's end as if nothing had happened.
    """

    def __init__(
        self,
        task: Task,
        model: Model,
        optimizer: Callable[[Parameters], Optimizer],
        estimator: Estimator,
        *,
        seed: int,
        schedule: Schedule = CONSTANT,
    ) -> None:
        super().__init__()
        self.task = task
        self.model = model
        self.optimizer = optimizer
        self.estimator = estimator
        self.estimator.meet(model)
        self.seed = seed
        self.schedule = schedule
        self.symbols = 0  # that the last training step asked for
        self.examples = 0  # that they belong to
        self.judged = Judged()
        self.measures: Mapping[str, float] = {}

    def configure_optimizers(self) -> OptimizerLRScheduler:
        """The optimizer over all parameters that learn, its learning rate changed step by step where the schedule changes it."""
        optimizer = self.optimizer(parameter for parameter in self.parameters() if parameter.requires_grad)
        if self.trainer.precision == "16-mixed" and optimizer.defaults.get("fused"):
            raise ValueError(
                "optimizer.fused=true: would clip the scaled gradients of 16-mixed; give optimizer.fused=false"
            )
        if self.schedule == CONSTANT:
            return optimizer
        steps = max(1.0, float(self.trainer.estimated_stepping_batches))
        rate = LambdaLR(optimizer, lambda step: self.schedule((step + 1) / (steps + 1)))
        return {"optimizer": optimizer, "lr_scheduler": {"scheduler": rate, "interval": "step"}}

    def configure_gradient_clipping(
        self, optimizer: Optimizer, gradient_clip_val: float | None = None, gradient_clip_algorithm: str | None = None
    ) -> None:
        """Brings the gradient's norm down to the limit: Lightning's own way refuses fused optimizers in mixed precision."""
        if gradient_clip_val:
            nn.utils.clip_grad_norm_(self.parameters(), gradient_clip_val)

    def on_train_epoch_start(self) -> None:
        """Sets the random state from the seed and the epoch."""
        torch.manual_seed(self.seed * EPOCHS_PER_SEED + self.current_epoch)

    def training_step(self, batch: Any) -> Tensor:
        """The estimator's loss."""
        loss, output = self.estimator(self.model, batch, self.progress())
        symbols = self.symbols = int(output.symbols.sum())
        self.examples = len(output.symbols)
        told = {"train/loss": loss.detach(), "train/nll": output.nll.detach().sum() / symbols}
        told |= {f"train/attention/{name}": value for name, value in chance(output).items()}
        self.log_dict(told, on_step=False, on_epoch=True, batch_size=symbols)
        return loss

    def on_train_batch_end(self, outputs: Any, batch: Any, batch_idx: int) -> None:
        """Once an epoch, by its last batch: how much the gradient estimate varies."""
        if not self.trainer.is_last_batch:
            return
        with self.trainer.strategy.precision_plugin.forward_context():
            noise = gradient_noise(self.estimator, self.model, batch, seed=self.seed)
        self.log_dict({f"train/attention/{name}": value for name, value in noise.items()}, batch_size=1)

    def progress(self) -> float:
        """The share of training that is over."""
        return self.trainer.global_step / max(1, float(self.trainer.estimated_stepping_batches))

    def on_validation_epoch_start(self) -> None:
        """Starts counting afresh."""
        self.judged = Judged()

    def validation_step(self, batch: Any) -> None:
        """Takes in one batch."""
        self.judged.judge(self.task, self.model, batch, self.device)

    def on_validation_epoch_end(self) -> None:
        """Logs the split's measures."""
        self.finish("val")

    def on_test_epoch_start(self) -> None:
        """Starts counting afresh."""
        self.judged = Judged()

    def test_step(self, batch: Any) -> None:
        """Takes in one batch."""
        self.judged.judge(self.task, self.model, batch, self.device)

    def on_test_epoch_end(self) -> None:
        """Logs the split's measures."""
        self.finish("test")

    def finish(self, split: Literal["val", "test"]) -> None:
        """The measures of the split just passed over, logged and kept in `measures`."""
        self.measures = {**self.task.measure(self.judged.predictions), **self.judged.likelihood()}
        attention = self.judged.quality.overall()
        logged = {f"{split}/{name}": value for name, value in self.measures.items()}
        logged |= {f"{split}/attention/{name}": value for name, value in attention.items()}
        self.log_dict({name: float(value) for name, value in logged.items()}, sync_dist=True)


def clock(device: torch.device) -> float:
    """Seconds, with the device's queue run empty."""
    if device.type == "cuda":
        torch.cuda.synchronize(device)
    return time.perf_counter()


def chance(output: Output) -> dict[str, Tensor]:
    """The mean entropy (nats) of the distributions that positions were drawn from; {} where there are none."""
    entropies = [a.entropy.detach().sum() for a in output.alignments if a.entropy is not None]
    queries = [attending(a.weights).sum() for a in output.alignments if a.entropy is not None]
    return {"entropy": torch.stack(entropies).sum() / torch.stack(queries).sum()} if entropies else {}
