"""Encoders: which grid they give, that frozen ones stay as they are, and what they say of wrong weights."""

from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
import PIL.Image
import pytest
import torch
from hydra import compose, initialize_config_module
from hydra.utils import instantiate
from torch import Tensor, nn
from torch.nn import functional
from torchvision.models import get_model

from attnbench.tasks.captioning.encoder import Encoder, GridEncoder, TorchvisionGrid
from attnbench.tasks.captioning.picture import Picture
from attnbench.tasks.source import DataError

SIDE = 64
MEAN = torch.tensor([0.485, 0.456, 0.406]).reshape(3, 1, 1)
DEVIATION = torch.tensor([0.229, 0.224, 0.225]).reshape(3, 1, 1)
CANINES = range(151, 276)  # of ImageNet's classes

# What each family gives its head, written down from its paper's figure: before the last pooling, after the last ReLU.
FAMILIES: dict[str, tuple[int, Callable[[Any, Tensor], Tensor]]] = {
    "squeezenet1_1": (512, lambda net, x: net.features(x)),
    "vgg11_bn": (512, lambda net, x: net.features[:-1](x)),
    "resnet18": (
        512,
        lambda net, x: net.layer4(
            net.layer3(net.layer2(net.layer1(net.maxpool(functional.relu(net.bn1(net.conv1(x)))))))
        ),
    ),
    "mobilenet_v3_small": (576, lambda net, x: net.features(x)),
    "efficientnet_b0": (1280, lambda net, x: net.features(x)),
    "densenet121": (1024, lambda net, x: functional.relu(net.features(x))),
    "convnext_tiny": (768, lambda net, x: net.features(x)),
    "regnet_y_400mf": (440, lambda net, x: net.trunk_output(net.stem(x))),
}


def random_grid(name: str = "squeezenet1_1", **options: Any) -> TorchvisionGrid:
    torch.manual_seed(0)
    return TorchvisionGrid(name, **{"weights": "random", "size": SIDE, **options})


def saved(path: Path, values: Any) -> str:
    torch.save(values, path)
    return str(path)


@pytest.fixture(scope="module")
def values() -> dict[str, Tensor]:
    return dict(get_model("squeezenet1_1").state_dict())


@pytest.mark.parametrize("name", FAMILIES)
def test_the_grid_is_what_the_head_is_given(name: str, tmp_path: Path) -> None:
    width, reference = FAMILIES[name]
    with torch.random.fork_rng():
        torch.manual_seed(0)
        network = get_model(name).eval()
    body = {key: value for key, value in network.state_dict().items() if not key.startswith(("classifier", "fc"))}
    encoder = TorchvisionGrid(name, saved(tmp_path / "body.pth", body), SIDE)
    images = torch.rand(2, 3, SIDE, SIDE)
    with torch.no_grad():
        expected = reference(network, (images - MEAN) / DEVIATION)
    grids = encoder(images)
    assert grids.shape == (2, encoder.width, *encoder.grid(SIDE, SIDE))
    assert encoder.width == width
    assert expected.std() > 0
    torch.testing.assert_close(grids, expected, rtol=1e-4, atol=1e-4 * float(expected.abs().max()))


def test_what_follows_the_grid_is_dropped() -> None:
    assert not [name for name in random_grid().state_dict() if "classifier" in name]
    early = random_grid("resnet18", layer="layer2")
    assert (early.width, early.grid(SIDE, SIDE)) == (128, (8, 8))
    assert not [name for name in early.state_dict() if "layer3" in name]


@pytest.mark.parametrize(
    ("preset", "width"), [("squeezenet1_1", 512), ("vgg19", 512), ("resnet101", 2048), ("mobilenet_v3_large", 960)]
)
def test_presets_give_14_by_14_annotations(preset: str, width: int) -> None:
    with initialize_config_module("attnbench.conf", version_base="1.3"):
        config = compose(f"task/encoder/{preset}", overrides=["+data_dir=null"])
    options = {**config.task.encoder, "data_dir": None}
    with torch.device("meta"):
        encoder = instantiate(options)
        assert encoder(torch.zeros(1, 3, *encoder.size)).shape == (1, width, 14, 14)
    assert encoder.frozen


def test_a_frozen_encoder_stays_as_it_is_in_training() -> None:
    encoder = random_grid("resnet18")
    before = {name: value.clone() for name, value in encoder.state_dict().items()}
    model = nn.Sequential(encoder).train()
    grids = model(torch.rand(4, 3, SIDE, SIDE, requires_grad=True))
    assert not grids.requires_grad
    assert not [name for name, parameter in model.named_parameters() if parameter.requires_grad]
    assert all(torch.equal(value, before[name]) for name, value in encoder.state_dict().items())


def test_a_frozen_encoder_sees_each_image_alone_in_training_as_in_evaluation() -> None:
    encoder = random_grid("resnet18")
    images = torch.rand(4, 3, SIDE, SIDE)
    alone = encoder.eval()(images[:1])
    among = encoder.train()(images)[:1]
    torch.testing.assert_close(alone, among, rtol=1e-4, atol=1e-4)


def test_a_fine_tuned_encoder_learns() -> None:
    encoder = random_grid("resnet18", fine_tune=True, weights=None)
    assert not encoder.frozen
    before = encoder.state_dict()["network.bn1.running_mean"].clone()
    encoder(torch.rand(4, 3, SIDE, SIDE)).sum().backward()
    assert all(parameter.grad is not None for parameter in encoder.parameters())
    assert float(encoder.get_parameter("network.conv1.weight").grad.abs().sum()) > 0  # type: ignore[union-attr]
    assert not torch.equal(before, encoder.state_dict()["network.bn1.running_mean"])


def test_building_without_values_reads_no_weights_and_draws_no_numbers() -> None:
    state = torch.get_rng_state()
    with torch.device("meta"):
        encoder = TorchvisionGrid("regnet_y_400mf", "IMAGENET1K_V1", SIDE)
        assert encoder(torch.zeros(1, 3, SIDE, SIDE)).device.type == "meta"
    assert torch.equal(torch.get_rng_state(), state)


def test_the_fingerprint_tells_apart_what_gives_other_grids(values: dict[str, Tensor], tmp_path: Path) -> None:
    path = saved(tmp_path / "all.pth", values)
    one = TorchvisionGrid("squeezenet1_1", path, SIDE)
    copy = saved(tmp_path / "body.pth", {key: value for key, value in values.items() if "classifier" not in key})
    assert one.fingerprint() == TorchvisionGrid("squeezenet1_1", copy, SIDE, layer="features.12").fingerprint()
    assert one.fingerprint() == TorchvisionGrid("squeezenet1_1", path, SIDE, fine_tune=True).fingerprint()
    nudged = {**values, "features.0.bias": values["features.0.bias"] + 1e-3}
    others = [
        TorchvisionGrid("squeezenet1_1", path, SIDE + 16),
        TorchvisionGrid("squeezenet1_1", path, SIDE, resize="crop"),
        TorchvisionGrid("squeezenet1_1", path, SIDE, layer="features.11"),
        TorchvisionGrid("squeezenet1_1", saved(tmp_path / "nudged.pth", nudged), SIDE),
        GridEncoder(8),
    ]
    assert len({encoder.fingerprint() for encoder in [one, *others]}) == 6


def test_a_file_is_found_as_given_and_below_data_dir(values: dict[str, Tensor], tmp_path: Path) -> None:
    path = saved(tmp_path / "some.pth", values)
    given = TorchvisionGrid("squeezenet1_1", path, SIDE)
    below = TorchvisionGrid("squeezenet1_1", "some.pth", SIDE, data_dir=str(tmp_path))
    assert given.fingerprint() == below.fingerprint()


@pytest.mark.parametrize(
    ("options", "message"),
    [
        ({"name": "squeeznet1_1"}, "did you mean squeezenet1_1"),
        ({"weights": None}, "weights=null"),
        ({"weights": "IMAGENET1K_V3"}, "did you mean IMAGENET1K_V1?"),
        ({"size": 0}, "size=0"),
        ({"size": 8}, "cannot read such images"),
        ({"name": "resnet18", "size": 32}, "give a larger size"),
        ({"name": "vit_b_16", "size": 224}, "no grid"),
        ({"layer": "features.13"}, "did you mean .*features.12"),
        ({"layer": "flatten"}, "layer=flatten: gives 1000"),
    ],
    ids=str,
)
def test_wrong_settings_get_one_line(options: dict[str, Any], message: str) -> None:
    with pytest.raises(ValueError, match=message) as caught:
        random_grid(**options)
    assert "\n" not in str(caught.value)


def without(values: dict[str, Tensor], name: str) -> dict[str, Tensor]:
    return {key: value for key, value in values.items() if key != name}


@pytest.mark.parametrize(
    ("spoilt", "message"),
    [
        (
            lambda values: get_model("squeezenet1_0").state_dict(),
            r"architecture: features\.0\.\w+ has shape \(96.*squeezenet1_1 wants \(64.*; \d+ more$",
        ),
        (lambda values: without(values, "features.0.bias"), r"features\.0\.bias is missing$"),
        (lambda values: {**values, "fc.bias": torch.zeros(1)}, r"fc\.bias is none of squeezenet1_1's$"),
        (lambda values: {**values, "features.0.bias": torch.full((64,), torch.nan)}, "features.0.bias has values that"),
        (lambda values: {"state_dict": values}, "holds no state_dict"),
        (lambda values: torch.zeros(3), "holds no state_dict"),
    ],
    ids=["architecture", "missing", "left over", "not finite", "wrapped", "tensor"],
)
def test_wrong_weights_get_one_line(
    spoilt: Callable[[Any], Any], message: str, values: dict[str, Tensor], tmp_path: Path
) -> None:
    path = saved(tmp_path / "some.pth", spoilt(values))
    with pytest.raises(DataError, match=message) as caught:
        TorchvisionGrid("squeezenet1_1", path, SIDE)
    assert "some.pth" in str(caught.value)
    assert "\n" not in str(caught.value)


@pytest.mark.parametrize("content", [b"", b"version https://git-lfs", None], ids=["empty", "text", "cut"])
def test_a_damaged_file_of_weights_gets_one_line(
    content: bytes | None, values: dict[str, Tensor], tmp_path: Path
) -> None:
    path = Path(saved(tmp_path / "some.pth", values))
    path.write_bytes(path.read_bytes()[:100_000] if content is None else content)
    with pytest.raises(DataError, match=r"some\.pth: holds no weights, or is damaged") as caught:
        TorchvisionGrid("squeezenet1_1", str(path), SIDE)
    assert "\n" not in str(caught.value)


def test_squashing_keeps_all_of_an_image_and_cropping_its_middle() -> None:
    bands = np.zeros((SIDE, 3 * SIDE, 3), dtype=np.uint8)
    for band in range(3):
        bands[:, band * SIDE : (band + 1) * SIDE, band] = 255
    image = PIL.Image.fromarray(bands)
    squashed = random_grid().prepare(image)
    cropped = random_grid(resize="crop").prepare(image)
    assert squashed.shape == cropped.shape == (3, SIDE, SIDE)
    torch.testing.assert_close(squashed.mean(dim=(1, 2)), torch.full((3,), 1 / 3), rtol=0, atol=0.01)
    assert torch.equal(cropped.mean(dim=(1, 2)), torch.tensor([0.0, 1.0, 0.0]))


def test_the_small_encoder_takes_pixels_as_they_are(tmp_path: Path) -> None:
    PIL.Image.fromarray(np.random.default_rng(0).integers(0, 256, (16, 24, 3), dtype=np.uint8)).save(tmp_path / "a.png")
    picture = Picture(None, str(tmp_path / "a.png"))
    encoder: Encoder = GridEncoder(8)
    assert not encoder.frozen
    torch.testing.assert_close(encoder.prepare(picture.open()), picture.pixels())
    assert encoder(encoder.prepare(picture.open())[None]).shape == (1, encoder.width, *encoder.grid(16, 24))


@pytest.mark.needs_data
def test_real_weights_recognise_dogs(data_dir: str) -> None:
    path = Path(data_dir, "weights", "squeezenet1_1_imagenet.pth")
    captions = Path(data_dir, "flickr8k", "Flickr8k.token.txt")
    if not path.exists() or not captions.exists():
        pytest.skip("needs weights/ and flickr8k/ below ATTNBENCH_DATA")
    encoder = TorchvisionGrid("squeezenet1_1", "weights/squeezenet1_1_imagenet.pth", 227, data_dir=data_dir)
    assert (encoder.width, encoder.grid(227, 227)) == (512, (14, 14))
    whole = get_model("squeezenet1_1").eval()
    whole.load_state_dict(torch.load(path, weights_only=True))
    named: dict[str, int] = {}
    for line in captions.read_text("utf-8").splitlines():
        name = line.partition("#")[0]
        named[name] = named.get(name, 0) + (" dog" in line.lower())
    dogs = [Picture(None, str(captions.parent / "images" / name)) for name, count in named.items() if count == 5][:24]
    with torch.inference_mode():
        said = (
            whole.classifier(encoder(torch.stack([encoder.prepare(dog.open()) for dog in dogs]))).flatten(1).argmax(1)
        )
    assert sum(int(one) in CANINES for one in said) >= len(dogs) / 2
