"""Attention that is not what its name says: collapsed, told by what it did on the test split, or never drawn."""

from collections.abc import Mapping

from attnbench.attention.selection.hard import Hard
from attnbench.tasks.estimators import Reinforce
from attnbench.tasks.lit import LitTask

STILL = 0.02  # total variation, or nats, below which maps count as the same


def alarms(quality: Mapping[str, float], *, control: bool) -> list[str]:
    """What is wrong with where a trained attention looks, a line each; the control does not choose, and is not blamed.

    `quality` is the test split's attention quality: `movement` from query to query, `dependence` on the example. NaN, where
    an example has a single query, is no alarm.
    """
    if control:
        return []
    found = []
    if quality.get("movement", STILL) < STILL:
        found.append(
            f"attention does not move: an example's queries all look alike (movement {quality['movement']:.3f})"
        )
    if quality.get("dependence", STILL) < STILL:
        found.append(
            f"attention does not depend on the input: all examples have one map (dependence {quality['dependence']:.3f})"
        )
    return found


def undrawn(lit: LitTask, epoch: int, epochs: int) -> list[str]:
    """A line where the epoch that was chosen comes before hard attention's first draw: it is soft attention that was trained.

    Before it, all batches read the expected context (`estimator.expected_first=1` until `expected_hold` of training).
    """
    estimator = lit.estimator
    if not isinstance(estimator, Reinforce) or not any(isinstance(module, Hard) for module in lit.model.modules()):
        return []
    first, last = estimator.expected_first, estimator.expected_last
    if min(first, estimator.moved(epoch / epochs, first, last)) < 1:
        return []
    return [f"the chosen epoch ({epoch} of {epochs}) comes before the first draw: what was tested is soft attention"]
