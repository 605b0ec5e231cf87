"""What comes to the card and what leaves it, with the real hooks; here the card is this machine's own memory."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from concurrent.futures import ThreadPoolExecutor
from dataclasses import replace
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import torch

from pipelines.card import Card, bytes_of_network
from pipelines.events import ImageFinished
from pipelines.manager import PipelineManager
from pipelines.models import ModelInfo
from pipelines.plans import Plan, apply
from pipelines.request import ImageToImageRequest, TextToImageRequest
from tests.tiny_model import make_tiny_pipeline

CPU = torch.device("cpu")
NAMES = ("a", "b")


def linear(size: int = 16) -> torch.nn.Linear:
    return torch.nn.Linear(size, size, bias=False)


def of_room(size: int) -> Card:
    """A card with so many bytes, of which networks on it take theirs."""
    card = Card(CPU, lambda: size - card.bytes)
    return card


@pytest.fixture(scope="module")
def models(tmp_path_factory: pytest.TempPathFactory) -> Path:
    folder = tmp_path_factory.mktemp("two")
    for seed, name in enumerate(NAMES):
        make_tiny_pipeline(seed).save_pretrained(folder / name, safe_serialization=True)
    return folder


@pytest.fixture
def manager(models: Path) -> Iterator[PipelineManager]:
    manager = PipelineManager([models], device="cpu", previews=False, hub=None)
    yield manager
    manager.close()


def request(name: str, seed: int = 3) -> TextToImageRequest:
    return TextToImageRequest(
        prompt="a boat", model=name, seed=seed, num_inference_steps=3, width=64, height=64, deterministic=True
    )


def picture(manager: PipelineManager, asked: Any) -> np.ndarray:
    return next(np.asarray(event.image) for event in list(manager.generate(asked)) if isinstance(event, ImageFinished))


def planned(manager: PipelineManager, card: Card | None, **plan: Any) -> None:
    """Has the manager load by another plan, as it would on a card."""
    workshop = manager._open()
    usual: Callable[[ModelInfo], Plan] = workshop.plan
    workshop._card = card
    workshop.plan = lambda info: replace(usual(info), **plan)  # type: ignore[method-assign]


def test_a_network_comes_when_it_is_called() -> None:
    card, network = of_room(10_000), linear()
    card.admit([network], together=False, work_bytes=0)
    assert not card.holds(network) and card.bytes == 0
    network(torch.ones(1, 16))
    assert card.holds(network) and card.bytes == bytes_of_network(network) == 1024


def test_what_was_not_called_for_longest_makes_room() -> None:
    card, networks = of_room(2500), [linear() for _ in range(3)]
    card.admit(networks, together=False, work_bytes=100)
    for one in (0, 1, 0, 2):
        networks[one](torch.ones(1, 16))
    assert [card.holds(network) for network in networks] == [True, False, True]


def test_a_company_comes_and_stays_as_a_whole() -> None:
    card, first, second = of_room(4500), [linear(), linear()], [linear(), linear()]
    card.admit(first, together=True, work_bytes=0)
    card.admit(second, together=True, work_bytes=0)
    first[0](torch.ones(1, 16))
    assert all(card.holds(network) for network in first)
    second[1](torch.ones(1, 16))
    assert all(card.holds(network) for network in first + second), "there is room for both"
    small = of_room(2500)
    small.admit(first, together=True, work_bytes=0)
    small.admit(second, together=True, work_bytes=0)
    small.call(first[0])
    small.call(second[0])
    assert [small.holds(network) for network in first + second] == [False, False, True, True]


def test_all_but_the_one_at_work_can_be_sent_away_and_what_is_dropped_is_forgotten() -> None:
    card, networks = of_room(10_000), [linear() for _ in range(3)]
    card.admit(networks, together=True, work_bytes=0)
    networks[1](torch.ones(1, 16))
    card.clear_for_called()
    assert [card.holds(network) for network in networks] == [False, True, False]
    card.forget(networks)
    assert card.bytes == 0


def test_a_vae_comes_for_encoding_and_decoding_too() -> None:
    vae, card = make_tiny_pipeline().vae, of_room(10**9)
    apply(Plan(offload="model"), {"vae": vae}, CPU, card)
    with torch.no_grad():
        vae.decode(torch.zeros(1, 4, 8, 8))
    assert card.holds(vae)
    card.clear_for_called()
    card.forget([vae])


@pytest.mark.parametrize("plan", [{"offload": "model"}, {"offload": "none"}, {"offload": "group"}])
def test_pictures_are_the_same_wherever_networks_wait(manager: PipelineManager, models: Path, plan: Any) -> None:
    """Two models share a card that holds hardly one, with both painted at the same time, and swapped."""
    expected = {name: picture(manager, request(name)) for name in NAMES}
    started = ImageToImageRequest(**_with_image(request("a")))
    expected_again = picture(manager, started)
    other = PipelineManager([models], device="cpu", previews=False, hub=None)
    card = of_room(int(1.2 * manager.kept()[0].bytes))
    planned(other, card, **plan)
    try:
        with ThreadPoolExecutor(4) as threads:
            made = list(threads.map(lambda number: picture(other, request(NAMES[number % 2])), range(8)))
        for number, found in enumerate(made):
            assert (found == expected[NAMES[number % 2]]).all()
        assert (picture(other, started) == expected_again).all()
        assert card.bytes > 0
        for name in NAMES:
            assert other.unload(name)
        assert card.bytes == 0, "what was dropped is not counted any more"
    finally:
        other.close()


def _with_image(asked: TextToImageRequest) -> dict[str, Any]:
    from PIL import Image

    values = asked.model_dump(exclude={"width", "height"})
    values = {name: value for name, value in values.items() if name in ImageToImageRequest.model_fields}
    return {**values, "image": Image.effect_noise((64, 64), 80).convert("RGB"), "strength": 0.8}


def test_eight_bits_go_through_the_manager(manager: PipelineManager, models: Path) -> None:
    plain = picture(manager, request("a"))
    other = PipelineManager([models], device="cpu", previews=False, hub=None)
    planned(other, None, storage="float8")
    try:
        small = picture(other, request("a"))
        assert (small == picture(other, request("a"))).all()
    finally:
        other.close()
    assert 0 < np.abs(plain.astype(int) - small.astype(int)).mean() < 25
