"""Laws of gradients: right where they flow, finite everywhere, and cut where a choice is drawn."""

import torch
from torch import Tensor
from torch.autograd.gradcheck import GradcheckError, gradcheck

from attnbench.attention import Attended
from attnbench.tasks.testing.masks import holed
from attnbench.tasks.testing.subject import Subject, attend, modes, require, results, seeded


def total(attended: Attended) -> Tensor:
    """A number that depends on everything returned, unevenly."""
    return sum(
        ((value * torch.arange(1.0, value.numel() + 1).view_as(value)).sum() for value in results(attended).values()),
        torch.zeros((), dtype=torch.float64),
    )


def gradients_are_exact(subject: Subject) -> None:
    """All that carries a gradient carries the one that differences measure, for inputs and parameters; draws are held fixed."""
    for training in modes():
        attention, inputs = subject.build(training=training), holed(subject.inputs())
        leaves = (*(tensor.requires_grad_() for tensor in inputs[:3]), *attention.parameters())

        def outputs(query: Tensor, keys: Tensor, values: Tensor, *_: Tensor) -> tuple[Tensor, ...]:
            with seeded(2):
                attended = attend(attention, inputs._replace(query=query, keys=keys, values=values))  # noqa: B023
            return tuple(value for value in results(attended).values() if value.requires_grad)

        try:
            gradcheck(outputs, leaves, fast_mode=True)
        except GradcheckError as error:
            require(False, " ".join(str(error).split()))


def empty_rows_have_finite_gradients(subject: Subject) -> None:
    """A query that may look nowhere, in an example that may not be seen at all, passes finite gradients: to it, none."""
    for training in modes():
        attention, inputs = subject.build(training=training), subject.inputs()
        inputs.mask[1] = False
        leaves = {name: tensor.requires_grad_() for name, tensor in inputs._asdict().items() if name != "mask"}
        with seeded(2):
            total(attend(attention, inputs)).backward()
        for name, tensor in {**leaves, **dict(attention.named_parameters())}.items():
            require(tensor.grad is None or bool(tensor.grad.isfinite().all()), f"the gradient of {name} is not finite")
        for name, tensor in leaves.items():
            passed = tensor.grad is not None and bool(tensor.grad[1].any())
            require(not passed, f"a query that may look nowhere passes a gradient to {name}")


def every_parameter_learns(subject: Subject) -> None:
    """In training no parameter is without a gradient."""
    attention, inputs = subject.build(training=True), holed(subject.inputs())
    inputs.values.requires_grad_()  # so that there is a gradient where there is no parameter
    with seeded(2):
        total(attend(attention, inputs)).backward()
    for name, parameter in attention.named_parameters():
        learns = parameter.grad is not None and bool(parameter.grad.any())
        require(learns or not parameter.requires_grad, f"{name} gets no gradient in training")


def draws_pass_gradient_through_log_prob_alone(subject: Subject) -> None:
    """Where a choice was drawn its weights pass no gradient to scores; log_prob and entropy do, if there is what to train."""
    attention, inputs = subject.build(training=True), holed(subject.inputs())
    with seeded(2):
        alignment = attend(attention, inputs).alignment
    parameters = [parameter for parameter in attention.parameters() if parameter.requires_grad]
    if alignment.log_prob is None:
        require(
            alignment.weights.requires_grad or not parameters, "weights pass no gradient and no log_prob is returned"
        )
        return
    require(not alignment.weights.requires_grad, "weights pass a gradient although log_prob says that they were drawn")
    for name in ("log_prob", "entropy"):
        value = alignment._asdict()[name]
        require(value is not None, f"log_prob is returned without {name}")
        require(not parameters or value.requires_grad, f"{name} passes no gradient to the scores")
