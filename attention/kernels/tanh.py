"""tanh of bfloat16 numbers on a CPU, by way of float32."""

from typing import Any

import torch
from jaxtyping import Float
from torch import Tensor


def tanh(numbers: Float[Tensor, "*size"]) -> Float[Tensor, "*size"]:
    """`torch.tanh`, which takes four times as long for bfloat16 as for float32 on a CPU; the same to the last bit but one."""
    if numbers.dtype == torch.bfloat16 and numbers.device.type == "cpu":
        return ByFloat.apply(numbers)
    return torch.tanh(numbers)


class ByFloat(torch.autograd.Function):
    """The value in float32, rounded once; the slope 1 - tanh² from what was rounded, as torch has it."""

    @staticmethod
    def forward(ctx: Any, numbers: Tensor) -> Tensor:
        """tanh, in bfloat16."""
        result = numbers.float().tanh_().to(numbers.dtype)
        ctx.save_for_backward(result)
        return result

    @staticmethod
    def backward(ctx: Any, slope: Tensor) -> Tensor:
        """∂ tanh(x) = 1 - tanh(x)²."""
        (result,) = ctx.saved_tensors
        return torch.ops.aten.tanh_backward(slope, result)
