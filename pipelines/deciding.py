"""One decision on how a model is run: each question in turn, with the reasons as they come up."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Final, Literal, TypeVar

from .families import Family
from .footprints import BYTES, Footprint, decode_bytes, step_bytes
from .plans import GIB, KEPT_FREE, Machine, Offload, Plan, Wishes

T = TypeVar("T")

GROUP_SHARE: Final = 0.05
"""Share of a network that lies on the card at once where it comes layer by layer."""

TRANSFER: Final = 6e9
"""Bytes a second from pageable main memory to a card over PCIe, computed: half of what version 3 carries."""

ORDER: Final[Sequence[tuple[Offload, bool]]] = (
    ("none", False),
    ("model", False),
    ("none", True),
    ("model", True),
    ("group", False),
    ("group", True),
)
"""Where networks lie, and whether the VAE works in tiles, from the first choice to the last resort.

Moving networks costs a moment a picture and changes none, so it comes before tiles; moving layers costs a moment every
step, so it comes after them.
"""


class Deciding:
    """One decision on its way, with the reasons as they come up."""

    def __init__(self, sizes: Footprint, family: Family, side: int, machine: Machine, wishes: Wishes) -> None:
        self._sizes, self._machine, self._wishes = sizes, machine, wishes
        self._pixels = side * side
        self._reasons: list[str] = []
        self._dtype = self._precision(family)
        self._float8 = self._storage()

    def plan(self) -> Plan:
        """Puts everything together."""
        offload, tiled = self._layout()
        peak = self.peak(offload, tiled=tiled)
        in_main = offload == "none" or self._all <= self._machine.ram_bytes
        attention = self._attention()
        return Plan(
            dtypes={"": self._dtype},
            offload=offload,
            storage="float8" if self._float8 else "same",
            vae="tiled" if tiled else "plain",
            attention=attention,
            compiled=self._compiled(offload),
            reasons=tuple(self._reasons),
            peak_bytes=peak,
            fits=in_main and peak + KEPT_FREE <= self._machine.free_bytes,
            weight_bytes=self._all,
            work_bytes=self._work(tiled=tiled) + KEPT_FREE,
        )

    def _work(self, *, tiled: bool) -> int:
        return max(step_bytes(self._pixels, self._dtype), decode_bytes(self._pixels, self._dtype, tiled=tiled))

    def peak(self, offload: Offload, *, tiled: bool) -> int:
        """Most bytes of the device that one picture takes."""
        width = BYTES[self._dtype]
        step, decode = step_bytes(self._pixels, self._dtype), decode_bytes(self._pixels, self._dtype, tiled=tiled)
        vae, text = self._sizes.vae * width, self._sizes.largest_text * width
        if offload == "none":
            return self._all + self._work(tiled=tiled)
        if offload == "model":
            return max(self._denoiser + step, text, vae + decode)
        return max(int(self._denoiser * GROUP_SHARE) + step, int(text * GROUP_SHARE), vae + decode)

    @property
    def _denoiser(self) -> int:
        return self._sizes.denoiser * (BYTES["float8"] if self._float8 else BYTES[self._dtype])

    @property
    def _all(self) -> int:
        return self._denoiser + (self._sizes.text + self._sizes.vae) * BYTES[self._dtype]

    def _precision(self, family: Family) -> str:
        asked, machine = self._wishes.precision, self._machine
        if machine.device == "cuda":
            usual = "bfloat16" if family.half == "bfloat16" and machine.has_bf16 else "float16"
            if asked == "bfloat16" and not machine.has_bf16:
                return self._because("float16", "float16 instead of bfloat16: this card does not compute in bfloat16.")
            if asked == "auto":
                why = "as this family is trained" if usual == "bfloat16" else "half the memory of float32, and faster"
                return self._because(usual, f"{usual} on a card: {why}.")
            return self._because(asked, f"{asked}: asked for with --precision.")
        if asked == "bfloat16" and machine.has_bf16:
            return self._because(
                "bfloat16", "bfloat16: asked for with --precision; half the memory, pictures differ a little."
            )
        if asked in ("bfloat16", "float16"):
            place = "processor" if machine.device == "cpu" else "device"
            return self._because(
                "float32", f"float32 instead of {asked}: this {place} does not compute in it by itself."
            )
        return self._because("float32", "float32: exact, and what this device computes best.")

    def _storage(self) -> bool:
        if not self._wishes.fp8:
            return False
        return self._because(
            True,
            "Weights of the denoiser in eight bits: asked for with --fp8; half its memory, pictures change a little.",
        )

    def _layout(self) -> tuple[Offload, bool]:
        """Where the networks lie, and whether the VAE works in tiles: the quickest way that fits."""
        room, wishes = self._machine.free_bytes - KEPT_FREE, self._wishes
        wanted_tiles = {"on": [True], "off": [False]}.get(wishes.vae_tiling, [False, True])
        if self._machine.device != "cuda":
            return self._on_one_memory(room, wanted_tiles)
        ways = [wishes.offload] if wishes.offload != "auto" else ["none", "model", "group"]
        tries = [(way, tiled) for way, tiled in ORDER if way in ways and tiled in wanted_tiles]
        for way, tiled in tries:
            if self.peak(way, tiled=tiled) <= room:
                self._explain(way, tiled=tiled)
                return way, tiled
        way, tiled = tries[-1]
        self._explain(way, tiled=tiled)
        need, free = _gb(self.peak(way, tiled=tiled) + KEPT_FREE), _gb(self._machine.free_bytes)
        less = "smaller pictures" if self._float8 else "--fp8 or smaller pictures"
        self._reasons.append(f"It needs about {need}, and {free} of the card are free: it may fail; try {less}.")
        return way, tiled

    def _on_one_memory(self, room: int, wanted_tiles: list[bool]) -> tuple[Offload, bool]:
        tiled = next((tiled for tiled in wanted_tiles if self.peak("none", tiled=tiled) <= room), wanted_tiles[-1])
        if self._wishes.offload in ("model", "group"):
            self._reasons.append("Nothing is moved: there is no card whose memory --offload could spare.")
        if tiled:
            self._explain("none", tiled=True)
        if self.peak("none", tiled=tiled) > room:
            need, free = _gb(self.peak("none", tiled=tiled) + KEPT_FREE), _gb(self._machine.free_bytes)
            self._reasons.append(f"It needs about {need}, and {free} are free: it may fail; close other programs.")
        return "none", tiled

    def _explain(self, way: Offload, *, tiled: bool) -> None:
        free, asked = _gb(self._machine.free_bytes), self._wishes.offload != "auto"
        why = "asked for with --offload" if asked else f"{free} of the card are free"
        if way == "none":
            if self._machine.device == "cuda":
                self._reasons.append(
                    f"Everything stays on the card: {why}, and {_gb(self.peak(way, tiled=tiled))} are needed."
                )
        elif way == "model":
            whole = _gb(self.peak("none", tiled=tiled))
            cost = _seconds(self._all)
            self._reasons.append(
                f"One network at a time is on the card: {why}, and all together need {whole}; "
                f"moving them costs about {cost} a picture, and no picture changes."
            )
        else:
            self._reasons.append(
                f"Layers come to the card one after the other: {why}, and the denoiser has {_gb(self._denoiser)}; "
                f"moving them costs about {_seconds(self._denoiser)} a step, and no picture changes."
            )
        if way != "none" and self._all > self._machine.ram_bytes:
            self._reasons.append(
                f"The weights wait in main memory, which has {_gb(self._machine.ram_bytes)} free for {_gb(self._all)}: "
                "it may become very slow; close other programs" + ("." if self._float8 else ", or give --fp8.")
            )
        if tiled:
            why = "asked for with --vae-tiling" if self._wishes.vae_tiling == "on" else "decoding whole needs too much"
            self._reasons.append(f"The VAE works tile by tile: {why}; pictures above 512 pixels change a little.")

    def _attention(self) -> Literal["sdpa", "xformers"]:
        if self._wishes.attention != "xformers":
            return "sdpa"
        if self._machine.has_xformers:
            self._reasons.append("xformers: asked for with --attention, and a trial on the card succeeded.")
            return "xformers"
        self._reasons.append("PyTorch's own attention instead of xformers: a trial of xformers did not succeed.")
        return "sdpa"

    def _compiled(self, offload: Offload) -> bool:
        if not self._wishes.compile:
            return False
        if offload == "group":
            return self._because(False, "Nothing is compiled: layers that come one after the other cannot be.")
        if self._float8:
            return self._because(False, "Nothing is compiled: what unpacks weights in eight bits cannot be.")
        return self._because(
            True,
            "Repeated blocks are compiled: the first picture of each size waits for that, later steps are quicker.",
        )

    def _because(self, value: T, sentence: str) -> T:
        self._reasons.append(sentence)
        return value


def _seconds(moved: int) -> str:
    return f"{max(0.1, moved / TRANSFER):.1f} s"


def _gb(size: int) -> str:
    return f"{size / GIB:.1f} GB"
