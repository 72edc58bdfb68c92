"""What the machine does at best: the rate of one large matrix product."""

import time

import torch

SIDE = 2048
ROUNDS = 10
KINDS = {"bf16-mixed": torch.bfloat16, "16-mixed": torch.float16}


def peak_rate(device: str, precision: str) -> float:
    """FLOPs a second of the fastest of several products of two 2048 × 2048 matrices, in the type that `precision` computes in."""
    kind = KINDS.get(precision, torch.float32)
    left, right = (torch.randn(SIDE, SIDE, device=device).to(kind) for _ in range(2))
    fastest = min(seconds(left, right) for _ in range(ROUNDS))
    return 2 * SIDE**3 / fastest


def seconds(left: torch.Tensor, right: torch.Tensor) -> float:
    """Of one product, with the device's queue run empty before and after."""
    if left.is_cuda:
        torch.cuda.synchronize()
    started = time.perf_counter()
    _ = left @ right
    if left.is_cuda:
        torch.cuda.synchronize()
    return time.perf_counter() - started
