"""torchvision's classifiers without their heads: which layers they have, what those give, where the last grid is."""

import copy
import difflib
import warnings
from collections.abc import Iterable, Mapping
from functools import cache

import torch
import torchvision
from torch import Tensor, nn
from torchvision.models import GoogLeNet, Inception3, get_model, list_models
from torchvision.models.feature_extraction import create_feature_extractor, get_graph_node_names

GRID = "grid"  # the name of a headless network's output
POOLING = (nn.MaxPool2d, nn.AvgPool2d, nn.AdaptiveMaxPool2d, nn.AdaptiveAvgPool2d)
POOLED = ("max_pool2d", "avg_pool2d")  # the same as functions


def classifier(name: str) -> nn.Module:
    """The whole network with fresh random values. Raises ValueError where torchvision has none of that name."""
    known = list_models(module=torchvision.models)
    if name not in known:
        raise ValueError(f"name={name}: torchvision has no such classifier{did_you_mean(name, known)}")
    with warnings.catch_warnings():
        warnings.simplefilter("ignore", FutureWarning)  # of initial values that later versions will draw otherwise
        network: nn.Module = get_model(name, weights=None)
    if isinstance(network, GoogLeNet | Inception3):
        network.transform_input = True  # from the mean and deviation of all other networks to their own
    return network


@cache
def blueprint(name: str) -> nn.Module:
    """The whole network without values."""
    with torch.random.fork_rng(devices=[]):
        try:
            with torch.device("meta"):
                return classifier(name)
        except NotImplementedError:  # RegNet computes its widths with tensors
            with torch.device("cpu"):
                return classifier(name).to("meta")


def headless(network: nn.Module, layer: str) -> nn.Module:
    """The network as far as `layer`, whose output it gives as `grid`; what comes after is dropped, parameters too."""
    part: nn.Module = create_feature_extractor(network, {layer: GRID}, suppress_diff_warning=True)
    return part


def empty(name: str, layer: str) -> nn.Module:
    """The same without values, for weights to be put into."""
    return headless(copy.deepcopy(blueprint(name)), layer)


@cache
def shapes(name: str, height: int, width: int) -> Mapping[str, tuple[int, ...]]:
    """Of every layer's output for one image, in the order of computation."""
    network = copy.deepcopy(blueprint(name)).eval()
    names = get_graph_node_names(network, suppress_diff_warning=True)[1]
    every = create_feature_extractor(network, {layer: layer for layer in names}, suppress_diff_warning=True)
    try:
        with torch.device("meta"), torch.no_grad():
            outputs = every(torch.zeros(1, 3, height, width))
    except (RuntimeError, AssertionError) as error:
        reason = (str(error) or "sides do not fit").splitlines()[0]
        raise ValueError(f"size={height} × {width}: {name} cannot read such images: {reason}") from None
    return {layer: tuple(output.shape) for layer, output in outputs.items() if isinstance(output, Tensor)}


def last_grid(name: str, height: int, width: int) -> str:
    """The last layer before the head, pooling left out, so that VGG-19 ends at conv5_4 as in Xu et al. 2015, §4.3.

    The head is the last part of the network that has parameters. Raises ValueError where no grid of more than one
    annotation stands there.
    """
    network = blueprint(name)
    modules = dict(network.named_modules())
    head = [child for child, module in network.named_children() if list(module.parameters())][-1]
    for layer, shape in reversed(list(shapes(name, height, width).items())):
        module = modules.get(layer)
        if layer.split(".")[0] == head or isinstance(module, POOLING) or layer.rpartition(".")[2].startswith(POOLED):
            continue
        if is_grid(shape):
            return layer
        if len(shape) == 4 and shape[2:] != (1, 1):
            break
        if module is not None and list(module.parameters()):
            break
    raise ValueError(
        f"name={name}: has no grid of more than one annotation before its head for images of {height} × {width}; "
        f"give a larger size or a layer"
    )


def found(name: str, layer: str, height: int, width: int) -> str:
    """The layer of that name, or the last one of a part of that name. Raises ValueError where it gives no grid."""
    known = shapes(name, height, width)
    inside = [one for one in known if one == layer or one.startswith(f"{layer}.")]
    if not inside:
        parts = {one.rsplit(".", depth)[0] for one in known for depth in range(one.count(".") + 1)}
        raise ValueError(f"layer={layer}: {name} has no such layer{did_you_mean(layer, sorted(parts))}")
    shape = known[inside[-1]]
    if not is_grid(shape):
        raise ValueError(f"layer={layer}: gives {' × '.join(map(str, shape[1:]))}, no grid of annotations in {name}")
    return inside[-1]


def is_grid(shape: tuple[int, ...]) -> bool:
    """Whether it is one of [batch, annotation, rows, columns] with more than one annotation."""
    return len(shape) == 4 and shape[2] * shape[3] > 1


def did_you_mean(word: str, known: Iterable[str]) -> str:
    """The end of a message about an unknown name."""
    near = difflib.get_close_matches(word, list(known), n=4, cutoff=0.5)
    return f"; did you mean {', '.join(near)}?" if near else ""
