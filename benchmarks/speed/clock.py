"""Times of several calls, taken in turns so that what drifts on the machine hits all alike."""

import time
from collections.abc import Callable, Mapping, Sequence

import torch

from attnbench.benchmarks.speed.plan import SEED, Plan

WARM_UP = 2
LEAST, MOST = 5, 200  # rounds
GRAIN = 1e-3  # seconds: shorter calls are timed several at once

Call = Callable[[], object]


def synchronise(device: str) -> None:
    """Waits until the device has done all that it was asked."""
    if device == "cuda":
        torch.cuda.synchronize()


def sample(call: Call, times: int, device: str) -> float:
    """Seconds of one call, from `times` in a row; random numbers start anew."""
    torch.manual_seed(SEED)
    synchronise(device)
    started = time.perf_counter()
    for _ in range(times):
        call()
    synchronise(device)
    return (time.perf_counter() - started) / times


def timed(calls: Mapping[str, Call], plan: Plan) -> dict[str, list[float]]:
    """Seconds of every call, a number a round. The order changes from round to round."""
    names = list(calls)
    found: dict[str, list[float]] = {name: [] for name in names}
    times = {name: repeats(calls[name], plan.device) for name in names}
    started = time.perf_counter()
    for done in range(MOST if plan.repeat is None else plan.repeat):
        if plan.repeat is None and done >= LEAST and time.perf_counter() - started > plan.seconds:
            break
        for name in turned(names, done):
            found[name].append(sample(calls[name], times[name], plan.device))
    return found


def turned(names: Sequence[str], by: int) -> list[str]:
    """The names in another order each round: every one comes first in turn, forwards and backwards."""
    start = by % len(names)
    order = [*names[start:], *names[:start]]
    return order if by // len(names) % 2 == 0 else order[::-1]


def repeats(call: Call, device: str) -> int:
    """How often a call is made for one number, after it was warmed up."""
    for _ in range(WARM_UP):
        once = sample(call, 1, device)
    return max(1, round(GRAIN / max(once, 1e-6)))
