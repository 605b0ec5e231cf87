"""Growing keeps what was painted on the easel, and menus know what is there by now."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest
from PIL import Image

from webui.growing import grown, with_mask
from webui.masks import as_painted
from webui.menus import Menu
from webui.refusal import CannotStart
from webui.upscale_flags import as_generate


def test_what_was_painted_is_masked_at_its_new_place() -> None:
    picture, painted = Image.new("RGB", (128, 96), "teal"), Image.new("L", (128, 96), 0)
    painted.paste(255, (16, 24, 48, 56))
    canvas = grown(picture, {"left": 64, "right": 0, "top": 32, "bottom": 0}, 16)
    both = with_mask(canvas, as_painted(painted), picture.size)
    before, after = np.asarray(canvas.mask_image), np.asarray(both.mask_image)
    place = (slice(32 + 24, 32 + 56), slice(64 + 16, 64 + 48))
    assert not before[place].all() and (after[place] == 255).all()
    outside = np.ones_like(after, dtype=bool)
    outside[place] = False
    assert (after[outside] == before[outside]).all()
    assert with_mask(canvas, None, picture.size) is canvas


def test_a_menu_hands_over_what_its_choices_do_not_have() -> None:
    assert Menu(["a"], value="a").preprocess("added later") == "added later"


@pytest.mark.parametrize("by", ["20", "1", "nan"])
def test_a_factor_out_of_its_range_is_refused_by_its_own_flag(by: str, tmp_path: Path) -> None:
    with pytest.raises(CannotStart, match=r"^--by is .*; give a number from 1\.05 to 8\.$"):
        as_generate([str(tmp_path / "a.png"), "--by", by])
