"""Joined calls give each caller what it would have got alone; calls that do not agree are never joined."""

from __future__ import annotations

from typing import Any

import pytest
import torch
from diffusers import UNet2DConditionModel

from pipelines.batching import Call, join_calls


@pytest.fixture(scope="module")
def unet() -> UNet2DConditionModel:
    torch.manual_seed(0)
    return UNet2DConditionModel(
        sample_size=8,
        block_out_channels=(16, 32),
        layers_per_block=1,
        down_block_types=("DownBlock2D", "CrossAttnDownBlock2D"),
        up_block_types=("CrossAttnUpBlock2D", "UpBlock2D"),
        cross_attention_dim=16,
        norm_num_groups=4,
        attention_head_dim=4,
    ).eval()


def call(network: Any, seed: int, timestep: Any, *, batch: int = 2, words: int = 5, side: int = 8) -> Call:
    noise = torch.Generator().manual_seed(seed)
    sample = torch.randn(batch, 4, side, side, generator=noise)
    text = torch.randn(batch, words, 16, generator=noise)
    return Call(
        network,
        (sample, timestep),
        {"encoder_hidden_states": text, "return_dict": False, "added_cond_kwargs": None},
    )


@torch.no_grad()
def test_each_gets_its_own_slice(unet: UNet2DConditionModel) -> None:
    calls = [call(unet, 1, torch.tensor(900)), call(unet, 2, torch.tensor(31.5)), call(unet, 3, 7, batch=1)]
    assert len({one.key for one in calls}) == 1, "timesteps of other types and values may share"
    together = join_calls(calls)
    for one, result in zip(calls, together, strict=True):
        alone = one.network(*one.args, **one.kwargs)[0]
        assert result[0].shape == alone.shape
        torch.testing.assert_close(result[0], alone, atol=2e-5, rtol=1e-4)


@torch.no_grad()
def test_neighbours_do_not_leak(unet: UNet2DConditionModel) -> None:
    mine = call(unet, 1, torch.tensor(500))
    first = join_calls([mine, call(unet, 2, torch.tensor(900))])[0][0]
    second = join_calls([mine, call(unet, 3, torch.tensor(10))])[0][0]
    assert torch.equal(first, second)


@torch.no_grad()
def test_a_lone_call_is_passed_on_untouched(unet: UNet2DConditionModel) -> None:
    mine = call(unet, 1, torch.tensor(500))
    assert torch.equal(join_calls([mine])[0][0], unet(*mine.args, **mine.kwargs)[0])


@pytest.mark.parametrize("other", [{"words": 6}, {"side": 16}])
def test_other_shapes_have_other_keys(unet: UNet2DConditionModel, other: dict[str, int]) -> None:
    assert call(unet, 1, 5).key != call(unet, 1, 5, **other).key


def test_other_networks_have_other_keys(unet: UNet2DConditionModel) -> None:
    assert call(unet, 1, 5).key != call(torch.nn.Identity(), 1, 5).key


@torch.no_grad()
def test_added_conditions_are_joined_inside_their_dictionary() -> None:
    def network(sample: torch.Tensor, timestep: torch.Tensor, added: dict[str, torch.Tensor]) -> tuple[torch.Tensor]:
        return (sample + added["ids"][:, :1, None, None] + timestep[:, None, None, None],)

    calls = [
        Call(
            network,
            (torch.zeros(2, 1, 2, 2), torch.tensor(10 * place)),
            {"added": {"ids": torch.full((2, 3), place)}},
        )
        for place in (1, 2)
    ]
    for place, result in enumerate(join_calls(calls), start=1):
        assert (result[0] == 11 * place).all() and result[0].shape == (2, 1, 2, 2)


@torch.no_grad()
def test_what_has_no_row_for_each_sample_is_shared_only_where_it_is_equal() -> None:
    def network(*, hidden_states: torch.Tensor, places: torch.Tensor, timestep: torch.Tensor) -> tuple[torch.Tensor]:
        assert places.shape == (3, 2)
        return (hidden_states + places.sum() + timestep[:, None, None],)

    def placed(fill: float, places: float) -> Call:
        return Call(
            network,
            kwargs={
                "hidden_states": torch.full((1, 3, 4), fill),
                "places": torch.full((3, 2), places),
                "timestep": torch.tensor([fill]),
            },
        )

    calls = [placed(1.0, 2.0), placed(5.0, 2.0)]
    assert calls[0].key == calls[1].key and calls[0].size == 1
    first, second = join_calls(calls)
    assert (first[0] == 1 + 12 + 1).all() and (second[0] == 5 + 12 + 5).all()
    assert placed(1.0, 2.0).key != placed(1.0, 3.0).key
