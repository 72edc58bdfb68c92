"""Attention that is not what its name says: collapsed, told by what it did on the test split, or never drawn."""

from collections.abc import Mapping

from attnbench.benchmarks.kept import first_drawn
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


def undrawn(lit: LitTask, epochs: int) -> list[str]:
    """A line where hard attention was never trained on a draw: it is soft attention that was trained."""
    if first_drawn(lit, epochs) is not None:
        return []
    return [f"no position was drawn in {epochs} epochs: what was trained is soft attention"]
