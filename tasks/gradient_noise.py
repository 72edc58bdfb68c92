"""How much a gradient estimate varies from draw to draw: what baselines are for."""

from typing import Any

import torch

from attnbench.tasks.base import Model
from attnbench.tasks.estimators import Estimate, Estimator

DRAWS = 4


def gradient_noise(
    estimator: Estimator, model: Model, batch: Any, *, seed: int, draws: int = DRAWS
) -> dict[str, float]:
    """The estimated gradient's variance from draw to draw on one batch, over all of the model's parameters, in training.

    `gradient_variance` = Σ_i Var(g_i), unbiased from so many draws; `gradient_noise` is it over the squared norm of the mean
    gradient. Dropout is a draw too. Neither model nor estimator nor the random state is changed; {} if nothing is drawn.
    """
    parameters = [parameter for parameter in model.parameters() if parameter.requires_grad]
    mean = [torch.zeros_like(parameter) for parameter in parameters]
    squares = 0.0
    learning = estimator.training
    estimator.eval()  # baselines stay as they are, and no coin is tossed: every pass is a draw
    devices = [parameters[0].device] if parameters[0].is_cuda else []
    with torch.random.fork_rng(devices=devices):
        torch.manual_seed(seed)
        for _ in range(draws):
            estimate: Estimate = estimator(model, batch)
            if all(alignment.log_prob is None for alignment in estimate.output.alignments):
                estimator.train(learning)
                return {}
            found = torch.autograd.grad(estimate.loss, parameters, allow_unused=True)
            for total, grad in zip(mean, found, strict=True):
                if grad is not None:
                    total.add_(grad, alpha=1 / draws)
                    squares += grad.double().square().sum().item()
    estimator.train(learning)
    norm = sum(total.double().square().sum().item() for total in mean)
    variance = max(0.0, squares - draws * norm) / (draws - 1)
    return {"gradient_variance": variance, "gradient_noise": variance / max(norm, 1e-30)}
