"""How a model and a batch become a loss whose gradient trains it, through hard choices too."""

from attnbench.tasks.estimators.estimator import Estimate, Estimator
from attnbench.tasks.estimators.likelihood import Likelihood
from attnbench.tasks.estimators.marginal import Marginal
from attnbench.tasks.estimators.reinforce import Reinforce

__all__ = ["Estimate", "Estimator", "Likelihood", "Marginal", "Reinforce"]
