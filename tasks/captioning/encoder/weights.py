"""Weights of torchvision's classifiers: downloaded by name, or read from a file."""

import pickle
import re
from collections.abc import Mapping
from pathlib import Path
from typing import Any, NamedTuple

import torch
from torch import Tensor, nn
from torchvision.models import get_model_weights

from attnbench.tasks.captioning.encoder.backbone import blueprint, did_you_mean
from attnbench.tasks.source import DataError

IMAGENET = ((0.485, 0.456, 0.406), (0.229, 0.224, 0.225))
COUNTER = "num_batches_tracked"  # which files of old do not have, and nothing in evaluation reads


class Weights(NamedTuple):
    """A network's values, and the mean and standard deviation that its training images were brought to."""

    values: Mapping[str, Tensor]
    mean: tuple[float, ...]
    deviation: tuple[float, ...]
    origin: str  # what messages call it


def read_weights(name: str, weights: str, data_dir: str | None) -> Weights:
    """torchvision's of that name (`IMAGENET1K_V1`, `DEFAULT`), downloaded once; else a file, as given or below data_dir.

    Raises DataError where there is neither.
    """
    published = get_model_weights(name).__members__
    if weights in published:
        one = published[weights]
        transform = one.transforms()
        try:
            values = one.get_state_dict(progress=True, check_hash=True, map_location="cpu", weights_only=True)
        except (OSError, RuntimeError) as error:
            raise DataError(
                f"weights={weights}: {one.url} cannot be downloaded ({error}); give a file that holds them"
            ) from None
        return Weights(renamed(values), tuple(transform.mean), tuple(transform.std), f"{name} {weights}")
    path = weights_file(name, weights, data_dir, list(published))
    return Weights(renamed(state_dict(path)), *IMAGENET, path.name)


def weights_file(name: str, weights: str, data_dir: str | None, published: list[str]) -> Path:
    """The path as given, or below `data_dir`."""
    places = [Path(weights).expanduser()]
    if data_dir is not None:
        places.append(Path(data_dir).expanduser() / weights)
    for place in places:
        if place.is_file():
            return place
    below = "data_dir is not set" if data_dir is None else f"neither is it below data_dir={data_dir}"
    raise DataError(
        f"weights={weights}: no such file, {below}, nor does torchvision have {name} of that name"
        f"{did_you_mean(weights, published)}; it has {', '.join(published)}"
    )


def state_dict(path: Path) -> Mapping[str, Tensor]:
    """What torch.save wrote of a state_dict, read without running anything."""
    try:
        kept: Any = torch.load(path, map_location="cpu", weights_only=True)
    except (OSError, RuntimeError, EOFError, ValueError, pickle.UnpicklingError) as error:
        reason = str(error).splitlines()[0][:200] if str(error) else type(error).__name__
        raise DataError(
            f"{path}: holds no weights, or is damaged ({reason}); give a state_dict of torch.save"
        ) from None
    if not isinstance(kept, Mapping) or not kept or not all(isinstance(value, Tensor) for value in kept.values()):
        raise DataError(f"{path}: holds no state_dict, names with tensors; save model.state_dict() alone")
    return kept


def renamed(values: Mapping[str, Tensor]) -> Mapping[str, Tensor]:
    """DenseNet's files call `norm.1` what the network calls `norm1`."""
    return {
        re.sub(r"(denselayer\d+\.(?:norm|relu|conv))\.([12]\.)", r"\1\2", name): kept for name, kept in values.items()
    }


def fill(part: nn.Module, name: str, weights: Weights) -> None:
    """Puts the weights into a headless network of that name; those of its head may be of any shape, or absent.

    Raises DataError that names what is missing, left over, of another shape or not finite.
    """
    wanted = part.state_dict()
    faults = [f"{key} is missing" for key in wanted if key not in weights.values and not key.endswith(COUNTER)]
    faults += [f"{key} is none of {name}'s" for key in weights.values if key not in blueprint(name).state_dict()]
    for key, value in weights.values.items():
        if key in wanted and value.shape != wanted[key].shape:
            faults.append(f"{key} has shape {tuple(value.shape)}, {name} wants {tuple(wanted[key].shape)}")
    if faults:
        more = f"; {len(faults) - 1} more" if len(faults) > 1 else ""
        first = sorted(faults, key=lambda fault: "has shape" not in fault)[0]
        raise DataError(f"{weights.origin} holds weights of another architecture: {first}{more}")
    taken = {key: weights.values[key].to(value.dtype) for key, value in wanted.items() if key in weights.values}
    for key, value in taken.items():
        if not torch.isfinite(value).all():
            raise DataError(f"{weights.origin}: {key} has values that are not finite; give a whole file of weights")
    taken |= {key: torch.zeros((), dtype=torch.long) for key in wanted if key not in taken}
    part.load_state_dict(taken, assign=True)
