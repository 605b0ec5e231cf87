"""Upscalers: every published layout loads, tiles show no seam, and nobody waits for a whole picture."""

from __future__ import annotations

import threading
from collections.abc import Callable, Iterator
from itertools import pairwise
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import torch
from PIL import Image
from safetensors.torch import load_file, save_file
from torch.nn import functional as F

from pipelines.denoiser import Engine
from pipelines.errors import Cancelled, GenerationError, InvalidRequest, ModelError, OutOfMemory
from pipelines.models import Catalogue
from pipelines.upscaling.compact import CompactShape
from pipelines.upscaling.enlarging import count_tiles, enlarge, tile_pixels
from pipelines.upscaling.esrgan_file import load_upscaler
from pipelines.upscaling.faces import face_restoration
from pipelines.upscaling.rrdbnet import RrdbNet, RrdbShape
from pipelines.upscaling.tiles import Blend, plan_tiles, work_in_tiles
from pipelines.upscaling.upscalers import Upscalers
from tests.tiny_upscalers import (
    SMALL,
    random_compact,
    random_network,
    save_esrgan,
    save_new_esrgan,
    save_real_esrgan,
)

CPU = torch.device("cpu")
PICTURE = Image.effect_noise((150, 110), 70).convert("RGB")


def at_once(work: Callable[[], Any]) -> Any:
    with torch.no_grad():
        return work()


def load(path: Path) -> Any:
    return load_upscaler(path, torch.float32, CPU)


def untiled(network: Any, image: Image.Image) -> np.ndarray:
    picture = torch.from_numpy(np.asarray(image, np.float32)).permute(2, 0, 1)[None] / 255
    with torch.no_grad():
        made = network(picture)[0].permute(1, 2, 0) * 255
    return np.rint(np.clip(made.numpy(), 0, 255)).astype(int)


def reference(weights: dict[str, torch.Tensor], picture: torch.Tensor, blocks: int) -> torch.Tensor:
    """ESRGAN's formula written out on plain weights, for scale 4."""

    def conv(name: str, value: torch.Tensor) -> torch.Tensor:
        return F.conv2d(value, weights[f"{name}.weight"], weights[f"{name}.bias"], padding=1)

    first = value = conv("conv_first", picture)
    for block in range(blocks):
        before = value
        for dense in (1, 2, 3):
            seen = [value]
            for number in (1, 2, 3, 4):
                made = conv(f"body.{block}.rdb{dense}.conv{number}", torch.cat(seen, 1))
                seen.append(torch.where(made > 0, made, made * 0.2))
            value = value + 0.2 * conv(f"body.{block}.rdb{dense}.conv5", torch.cat(seen, 1))
        value = before + 0.2 * value
    value = first + conv("conv_body", value)
    for number in (1, 2):
        larger = value.repeat_interleave(2, 2).repeat_interleave(2, 3)
        made = conv(f"conv_up{number}", larger)
        value = torch.where(made > 0, made, made * 0.2)
    made = conv("conv_hr", value)
    return conv("conv_last", torch.where(made > 0, made, made * 0.2))


def test_the_network_is_esrgans_formula() -> None:
    network = random_network()
    picture = torch.rand(1, 3, 20, 12)
    with torch.no_grad():
        made = network(picture)
    assert made.shape == (1, 3, 80, 48)
    assert torch.allclose(made, reference(network.state_dict(), picture, 2), atol=1e-6)


@pytest.mark.parametrize("doublings", [0, 1, 2, 3])
def test_the_first_layout_loads_at_every_scale(tmp_path: Path, doublings: int) -> None:
    network = random_network(RrdbShape(2, 8, 4, doublings))
    loaded = load(save_esrgan(network, tmp_path / "x.safetensors"))
    assert loaded.scale == 2**doublings and loaded.shape == network.shape
    assert (untiled(loaded, PICTURE) == untiled(network, PICTURE)).all()


@pytest.mark.parametrize("wrapper", ["", "params_ema.", "params."])
@pytest.mark.parametrize(("unshuffle", "scale"), [(1, 4), (2, 2), (4, 1)])
def test_real_esrgans_layout_tells_its_scale(tmp_path: Path, wrapper: str, unshuffle: int, scale: int) -> None:
    network = random_network(RrdbShape(1, 8, 4, 2, unshuffle))
    loaded = load(save_real_esrgan(network, tmp_path / "x.safetensors", wrapper))
    image = PICTURE.crop((0, 0, 148, 108))
    assert loaded.scale == scale and (untiled(loaded, image) == untiled(network, image)).all()


def test_the_second_layout_and_the_compact_one_load(tmp_path: Path) -> None:
    network = random_network()
    loaded = load(save_new_esrgan(network, tmp_path / "x.safetensors"))
    assert (untiled(loaded, PICTURE) == untiled(network, PICTURE)).all()
    compact = random_compact(CompactShape(layers=3, features=8, scale=3))
    small = load(save_real_esrgan(compact, tmp_path / "y.safetensors", "params."))
    assert small.scale == 3 and (untiled(small, PICTURE) == untiled(compact, PICTURE)).all()


def test_half_precision_is_kept_and_weights_need_no_gradient(tmp_path: Path) -> None:
    path = save_esrgan(random_network(), tmp_path / "x.safetensors")
    loaded = load_upscaler(path, torch.float16, CPU)
    assert {parameter.dtype for parameter in loaded.parameters()} == {torch.float16}
    assert not any(parameter.requires_grad for parameter in loaded.parameters())


def cut_short(path: Path) -> None:
    path.write_bytes(path.read_bytes()[:-100])


def not_numbers(path: Path) -> None:
    weights = load_file(path)
    weights["model.0.bias"][0] = torch.nan
    save_file(weights, path)


def without_last(path: Path) -> None:
    save_file({name: tensor for name, tensor in load_file(path).items() if not name.startswith("model.10")}, path)


def with_another(path: Path) -> None:
    save_file(load_file(path) | {"model.1.sub.0.RDB1.conv1x1.weight": torch.zeros(4, 8, 1, 1)}, path)


def four_channels(path: Path) -> None:
    weights = load_file(path)
    save_file(weights | {"model.0.weight": torch.zeros(8, 4, 3, 3)}, path)


def of_another_size(path: Path) -> None:
    save_file(load_file(path) | {"model.1.sub.1.RDB2.conv3.0.weight": torch.zeros(4, 9, 3, 3)}, path)


def another_network(path: Path) -> None:
    save_file({"layers.0.residual_group.blocks.0.norm1.weight": torch.zeros(4)}, path)


@pytest.mark.parametrize(
    ("harm", "word"),
    [
        (cut_short, "bytes are missing at its end"),
        (not_numbers, "weights that are not numbers"),
        (without_last, "3 and 8 channels"),
        (with_another, "conv1x1"),
        (four_channels, "4 and 3 channels"),
        (of_another_size, "1 of its weights do not fit"),
        (another_network, "none of ESRGAN's layers"),
    ],
)
def test_damaged_and_foreign_files_are_one_sentence(tmp_path: Path, harm: Callable[[Path], None], word: str) -> None:
    path = save_esrgan(random_network(), tmp_path / "harmed.safetensors")
    harm(path)
    with pytest.raises(ModelError) as told:
        load(path)
    assert "harmed.safetensors" in str(told.value) and word in str(told.value) and str(told.value).endswith(".")
    assert "\n" not in str(told.value)


@pytest.mark.parametrize("size", [(5, 5), (64, 64), (65, 190), (400, 130), (193, 192)])
@pytest.mark.parametrize("step", [1, 4])
def test_tiles_cover_everything_and_overlap(size: tuple[int, int], step: int) -> None:
    width, height = (-(-side // step) * step for side in size)
    boxes = plan_tiles((width, height), 64, 16, step)
    covered = np.zeros((height, width), int)
    for box in boxes:
        assert box.left % step == box.top % step == 0 and box.right <= width and box.bottom <= height
        assert box.right - box.left == min(64, width) and box.bottom - box.top == min(64, height)
        covered[box.top : box.bottom, box.left : box.right] += 1
    assert covered.min() == 1
    columns = sorted({(box.left, box.right) for box in boxes})
    assert all(before[1] - after[0] >= 16 for before, after in pairwise(columns))


def test_tiles_laid_together_are_the_picture_itself() -> None:
    pixels = np.asarray(PICTURE, np.float32)
    for overlap, margin in ((0, 0), (16, 0), (32, 12)):
        boxes = plan_tiles(PICTURE.size, 48, overlap)
        done: list[tuple[int, int]] = []
        made = work_in_tiles(
            PICTURE.size,
            boxes,
            lambda box: pixels[box.top : box.bottom, box.left : box.right],
            Blend(overlap, margin),
            on_tile=lambda *told, done=done: done.append(told),
        )
        assert (made == pixels).all() and done == [(n + 1, len(boxes)) for n in range(len(boxes))]


def test_tiled_and_untiled_differ_by_one_level_at_most() -> None:
    """With the published depth and width of a Real-ESRGAN for drawings: six blocks of 64 channels."""
    network = random_network(RrdbShape(blocks=6, features=64, growth=32), seed=3)
    scale_up(network)
    whole = untiled(network, PICTURE.crop((0, 0, 148, 108)))
    tiled = np.asarray(enlarge(PICTURE.crop((0, 0, 148, 108)), network, at_once, tile=96)).astype(int)
    assert whole.std() > 5  # there is something to see
    assert np.abs(tiled - whole).max() <= 1


def scale_up(network: RrdbNet) -> None:
    """Random weights answer with a grey; as large as a trained one's, they answer with a picture."""
    picture = torch.from_numpy(np.asarray(PICTURE, np.float32)).permute(2, 0, 1)[None] / 255
    with torch.no_grad():
        made = network(picture[:, :, :64, :64])
        factor = 0.2 / made.std()
        network.conv_last.weight.mul_(factor)
        network.conv_last.bias.copy_(0.5 - (made.mean((0, 2, 3)) - network.conv_last.bias) * factor)


@pytest.mark.parametrize("unshuffle", [1, 2, 4])
def test_odd_sizes_come_out_exact(unshuffle: int) -> None:
    network = random_network(RrdbShape(1, 8, 4, 2, unshuffle))
    made = enlarge(PICTURE.crop((0, 0, 101, 37)), network, at_once)
    assert made.size == (101 * network.scale, 37 * network.scale) and made.mode == "RGB"


def test_where_memory_does_not_suffice_smaller_tiles_are_tried(monkeypatch: pytest.MonkeyPatch) -> None:
    network = random_network(SMALL)
    pixels = np.asarray(PICTURE.crop((0, 0, 148, 108)), np.float32)
    whole = tile_pixels(network, pixels)
    limit = [100 * 100]
    forward = RrdbNet.forward

    def scarce(self: RrdbNet, picture: torch.Tensor) -> torch.Tensor:
        if picture.shape[2] * picture.shape[3] > limit[0]:
            raise RuntimeError("CUDA out of memory.")
        return forward(self, picture)

    monkeypatch.setattr(RrdbNet, "forward", scarce)
    assert np.abs(np.clip(whole, 0, 255) - tile_pixels(network, pixels)).max() <= 1.5
    limit[0] = 10
    with pytest.raises(OutOfMemory):
        tile_pixels(network, pixels)


def test_half_precision_that_overflows_is_done_again_in_float32() -> None:
    network = random_network(SMALL).half()
    with torch.no_grad():
        network.conv_hr.weight.mul_(3e4)
        network.conv_hr.bias.fill_(6.5e4)
        network.conv_last.weight.mul_(1e-3)
    pixels = np.asarray(PICTURE.crop((0, 0, 32, 32)), np.float32)
    picture = torch.from_numpy(pixels).permute(2, 0, 1)[None].half() / 255
    with torch.no_grad():
        assert not torch.isfinite(network(picture)).all()
    assert np.isfinite(tile_pixels(network, pixels)).all()
    assert network.conv_hr.weight.dtype == torch.float16
    with torch.no_grad():
        network.conv_last.bias.fill_(torch.inf)
    with pytest.raises(GenerationError, match="not-a-number"):
        tile_pixels(network, pixels)


@pytest.fixture
def engine() -> Iterator[Engine]:
    engine = Engine()
    yield engine
    engine.close()


def test_others_steps_go_on_between_two_tiles(engine: Engine) -> None:
    network = random_network(SMALL)
    order: list[str] = []
    other, lane = engine.open_lanes("other", 1, owner="b")[0], engine.open_lanes("big", 1, owner="a")[0]
    steps = 0
    ended = threading.Event()

    def denoise(sample: torch.Tensor, _timestep: Any) -> torch.Tensor:
        order.append("step")
        return sample

    def step_on() -> None:
        nonlocal steps
        while not ended.is_set():
            other.denoise(denoise, (torch.zeros(1, 1), 0), {})
            steps += 1
        other.close()

    def errand(work: Callable[[], Any]) -> Any:
        def noted() -> Any:
            order.append("tile")
            return work()

        return lane.run(noted)

    stepping = threading.Thread(target=step_on)
    stepping.start()
    enlarge(PICTURE, network, errand, tile=64)
    ended.set()
    stepping.join()
    lane.close()
    tiles = order.count("tile")
    runs = "".join("t" if what == "tile" else "s" for what in order).strip("s").split("s")
    assert tiles == count_tiles(PICTURE.size, 64) > 10
    assert max(map(len, runs)) <= 2


def test_a_cancelled_lane_ends_within_a_tile(engine: Engine) -> None:
    network = random_network(SMALL)
    lane = engine.open_lanes("big", 1)[0]
    done: list[int] = []

    def on_tile(number: int, _total: int) -> None:
        done.append(number)
        if number == 2:
            lane.cancel()

    with pytest.raises(Cancelled):
        enlarge(PICTURE, network, lane.run, on_tile, tile=64)
    assert done == [1, 2]


@pytest.fixture
def upscalers(tmp_path: Path) -> Upscalers:
    models = tmp_path / "models"
    save_esrgan(random_network(), models / "ESRGAN/sharp_x4.safetensors")
    save_real_esrgan(random_network(RrdbShape(1, 8, 4, 2, 4)), models / "RealESRGAN/clean_x1.safetensors")
    (models / "ESRGAN/old.pth").write_bytes(b"pickle")
    return Upscalers(Catalogue([models]), CPU, torch.float32, threading.Lock)


def test_files_are_found_in_their_folders_and_used(upscalers: Upscalers) -> None:
    catalogue = upscalers._catalogue
    assert [file.id for file in catalogue.upscalers()] == ["clean_x1", "sharp_x4"]
    assert "is a pickle" in next(one.problem for one in catalogue.refused())
    network = upscalers.network("sharp_x4")
    assert upscalers.network("sharp_x4") is network
    small = PICTURE.crop((0, 0, 30, 20))
    made = upscalers.upscale(small, "sharp_x4", (120, 80), at_once)
    assert (np.asarray(made) == np.asarray(enlarge(small, network, at_once))).all()
    assert upscalers.upscale(small, "sharp_x4", (75, 50), at_once).size == (75, 50)
    twice = upscalers.upscale(small, "sharp_x4", (480, 320), at_once)
    assert (np.asarray(twice) == np.asarray(enlarge(made, network, at_once))).all()
    assert upscalers.upscale(small, "clean_x1", (60, 40), at_once).size == (60, 40)
    with pytest.raises(ModelError, match=r"^Upscaler 'sharp' is not installed; use 'sharp_x4'"):
        upscalers.upscale(small, "sharp", (60, 40), at_once)
    upscalers.clear()
    assert upscalers.network("sharp_x4") is not network


@pytest.mark.parametrize("name", ["Lanczos", "lanczos", "None", "Nearest", "Bicubic"])
def test_resampling_is_always_there(upscalers: Upscalers, name: str) -> None:
    kinds = {"nearest": Image.Resampling.NEAREST, "bicubic": Image.Resampling.BICUBIC}
    expected = PICTURE.resize((300, 220), kinds.get(name.lower(), Image.Resampling.LANCZOS))
    assert upscalers.upscale(PICTURE, name, (300, 220), at_once).tobytes() == expected.tobytes()


def test_an_upscaler_of_latents_needs_latents(upscalers: Upscalers) -> None:
    upscalers.check("Latent (nearest)", "hires_upscaler", latents=True)
    with pytest.raises(InvalidRequest, match="'Latent', and there are no latents"):
        upscalers.check("Latent", "tile_upscaler")


def test_face_restoration_says_that_it_is_not_there() -> None:
    with pytest.raises(ModelError, match="spandrel is not installed"):
        face_restoration()
