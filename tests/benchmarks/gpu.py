"""Real sizes with random weights on a GPU: speed alone and shared, eager and compiled, decoding, memory and caps.

Everything but the caps runs on any device at any size; ``tests/test_benchmarks.py`` runs it shrunk, on the CPU.
"""

from __future__ import annotations

import tempfile
from collections.abc import Callable, Mapping
from dataclasses import asdict, dataclass, field
from pathlib import Path
from typing import Any, Final

import torch

from pipelines.errors import ReverieError
from pipelines.manager import PipelineManager
from pipelines.plans import Wishes
from pipelines.request import TextToImageRequest
from tests.benchmarks.accelerator import Accelerator
from tests.benchmarks.decoding import decode_precisions
from tests.benchmarks.figures import Figure, Result, Spread
from tests.benchmarks.pictures import PROMPTS, bare, forget_results, load, opened, pixels_of, set_previews
from tests.benchmarks.real_sizes import SD15, SDXL, Shape, make_vae, save_random
from tests.benchmarks.rounds import ratio, seconds, take_turns
from tests.benchmarks.together import paint_together

PLANS: Final = {
    "whole": Wishes(offload="none"),
    "network by network": Wishes(offload="model"),
    "layer by layer": Wishes(offload="group"),
    "VAE in tiles": Wishes(offload="none", vae_tiling="on"),
    "eight bits": Wishes(offload="none", fp8=True),
    "xformers": Wishes(offload="none", attention="xformers"),
}

BAR_MANAGER: Final = 1.02
BAR_PREVIEWS: Final = 1.01


@dataclass(frozen=True)
class Settings:
    """How much is measured.

    Attributes:
        device: Where.
        shapes: Which networks.
        rounds: Of each comparison, after a warm-up.
        steps: Of each picture.
        users: How many share, one measurement each.
        forwards: Network steps and decodings that are timed in a row.
        caps: GiB that the process may have, one run each.
        compiler: What ``torch.compile`` uses; None leaves compiling out.
        plans: What is asked for otherwise than the program would choose, by name: time and peak memory of each.
    """

    device: str = "cuda"
    shapes: tuple[Shape, ...] = (SD15, SDXL)
    rounds: int = 5
    steps: int = 20
    users: tuple[int, ...] = (1, 2, 4, 8, 16)
    forwards: int = 20
    caps: tuple[float, ...] = (8, 6, 4)
    compiler: str | None = "inductor"
    plans: Mapping[str, Wishes] = field(default_factory=lambda: PLANS)


FULL, QUICK = Settings(rounds=7, steps=30), Settings()


def measure(settings: Settings) -> Result:
    """Builds each checkpoint, and runs it through the same manager as everybody."""
    if settings.device.startswith("cuda") and not torch.cuda.is_available():
        return Result(skipped="torch sees no CUDA device")
    figures: list[Figure] = []
    details: dict[str, Any] = {}
    for shape in settings.shapes:
        found = OneShape(settings, shape).measure()
        figures += found.figures
        details[shape.name] = found.details
    return Result(tuple(figures), details)


class OneShape:
    """All that is measured with one checkpoint."""

    def __init__(self, settings: Settings, shape: Shape) -> None:
        self._settings, self._shape = settings, shape
        self._on = Accelerator(settings.device)
        self._figures: list[Figure] = []
        self._details: dict[str, Any] = {}

    def measure(self) -> Result:
        """Eager, then compiled, on one manager; then decoding; then under each cap, on a new one."""
        with tempfile.TemporaryDirectory() as folder:
            save_random(self._shape, Path(folder) / self._shape.name, device=self._settings.device)
            with opened(folder, device=self._settings.device, previews=False) as manager:
                self._measure_speed(manager, "eager")
                if self._settings.compiler:
                    self._compile(manager)
                    self._measure_speed(manager, "compiled")
            self._on.forget()
            self._decode()
            self._on.forget()
            for name, wishes in self._settings.plans.items():
                self._run_planned(folder, name, wishes)
            for cap in self._settings.caps:
                self._run_capped(folder, cap)
        return Result(tuple(self._figures), self._details)

    def _request(self, seed: int) -> TextToImageRequest:
        return TextToImageRequest(
            prompt=PROMPTS[seed % len(PROMPTS)],
            seed=seed,
            model=self._shape.name,
            num_inference_steps=self._settings.steps,
            width=self._shape.size,
            height=self._shape.size,
        )

    def _measure_speed(self, manager: PipelineManager, kind: str) -> None:
        model, request = load(manager, self._shape.name), self._request(0)
        self._on.forget()

        def managed(*, previews: bool) -> Callable[[], Any]:
            def paint() -> Any:
                forget_results(manager)
                set_previews(manager, on=previews)
                return pixels_of(manager.generate(request))[0]

            return paint

        ways = {"bare": bare(model, request), "manager": managed(previews=False), "previews": managed(previews=True)}
        turns = take_turns(ways, self._settings.rounds)
        set_previews(manager, on=False)
        over, shown = ratio(turns["manager"], turns["bare"]), ratio(turns["previews"], turns["manager"])
        unequal = sum((turn.result != turns["bare"][0].result).any() for one in turns.values() for turn in one)
        self._tell(kind, "manager ÷ bare pipe(...)", over.median, at_most=BAR_MANAGER, spread=over)
        self._tell(kind, "previews every step ÷ off", shown.median, at_most=BAR_PREVIEWS, spread=shown)
        self._tell(kind, "pictures that differ in any bit", int(unequal), at_most=0)
        alone = seconds(turns["manager"])
        self._tell(kind, "one picture", alone.median, "s", spread=alone)
        self._tell(kind, "steps per second, network alone", self._steps_per_second(model), "it/s")
        self._note(kind, "peak_gib_alone", self._on.peak_gib())
        self._share(manager, kind)

    def _steps_per_second(self, model: Any) -> float:
        """Forwards of one picture under guidance, with nothing around them."""
        unet, shape = model.components["unet"], self._shape
        dtype = next(unet.parameters()).dtype
        side, width = shape.size // 8, shape.unet["cross_attention_dim"]
        given: dict[str, Any] = {
            "sample": torch.randn(2, 4, side, side, device=self._settings.device, dtype=dtype),
            "timestep": torch.tensor(500, device=self._settings.device),
            "encoder_hidden_states": torch.randn(2, 77, width, device=self._settings.device, dtype=dtype),
        }
        if shape.unet.get("addition_embed_type") == "text_time":
            pooled = shape.unet["projection_class_embeddings_input_dim"] - 6 * shape.unet["addition_time_embed_dim"]
            given["added_cond_kwargs"] = {
                "text_embeds": torch.randn(2, pooled, device=self._settings.device, dtype=dtype),
                "time_ids": torch.zeros(2, 6, device=self._settings.device, dtype=dtype),
            }
        with torch.no_grad():
            return 1 / self._on.seconds(lambda: unet(**given), self._settings.forwards)

    def _share(self, manager: PipelineManager, kind: str) -> None:
        """Pictures per second of so many users at once, against one at a time."""
        for users in self._settings.users:
            self._on.forget()
            requests = [self._request(number) for number in range(users)]
            ways: dict[str, Callable[[], Any]] = {
                "together": lambda requests=requests: paint_together(manager, requests),  # type: ignore[misc]
                "single file": lambda requests=requests[:2]: [  # type: ignore[misc]
                    pixels_of(manager.generate(request)) for request in requests
                ],
            }
            turns = take_turns(ways, max(1, self._settings.rounds // 2))
            alone = min(users, 2)
            gains = [
                (users / together.seconds) / (alone / apart.seconds)
                for together, apart in zip(turns["together"], turns["single file"], strict=True)
            ]
            self._tell(
                kind,
                f"pictures per second of {users} sharing ÷ one at a time",
                Spread.of(gains).median,
                spread=Spread.of(gains),
            )
            self._note(kind, f"peak_gib_{users}_users", self._on.peak_gib())
            self._note(kind, f"seconds_{users}_users", asdict(seconds(turns["together"])))

    def _compile(self, manager: PipelineManager) -> None:
        unet = load(manager, self._shape.name).components["unet"]
        unet.compile_repeated_blocks(fullgraph=True, backend=self._settings.compiler)
        cold = take_turns({"first": lambda: pixels_of(manager.generate(self._request(0)))}, 1, warm_ups=0)
        self._tell("compiled", "first picture, compiling on the way", cold["first"][0].seconds, "s")

    def _decode(self) -> None:
        vae = make_vae(self._shape, self._settings.device, torch.float32)
        found = decode_precisions(vae, self._shape.size, self._on, max(2, self._settings.forwards // 4))
        for name, numbers in found.items():
            note = f"{numbers['psnr_db']} dB against float32"
            self._tell(name, "VAE decode", numbers["milliseconds"], "ms", note=note)

    def _run_planned(self, folder: str, name: str, wishes: Wishes) -> None:
        """Pictures by a plan of one's own: seconds of one, and the peak beside what was computed."""
        with opened(folder, device=self._settings.device, previews=False, wishes=wishes) as manager:
            plan = load(manager, self._shape.name).plan
            list(manager.generate(self._request(0)))
            self._on.forget()
            turns = take_turns({name: lambda: pixels_of(manager.generate(self._request(0)))}, self._settings.rounds)
            self._tell(name, "one picture", seconds(turns[name]).median, "s", spread=seconds(turns[name]))
            computed = None if plan is None else round(plan.peak_bytes / 2**30, 2)
            self._note(name, "peak_gib", {"measured": self._on.peak_gib(), "computed": computed})
            self._note(name, "reasons", None if plan is None else plan.reasons)
        self._on.forget()

    def _run_capped(self, folder: str, gib: float) -> None:
        """One picture by a manager that may have no more memory: how long it took, or the sentence it ended with."""
        with self._on.capped(gib), opened(folder, device=self._settings.device, previews=False) as manager:
            self._on.forget()
            try:
                turns = take_turns({"one": lambda: pixels_of(manager.generate(self._request(0)))}, 1)
            except ReverieError as error:
                self._tell(f"{gib:g} GiB", "one picture under a cap", 0.0, "of 1 made", at_least=1, note=str(error))
            else:
                took = turns["one"][0].seconds
                note = f"{took:.2f} s; peak {self._on.peak_gib()}"
                self._tell(f"{gib:g} GiB", "one picture under a cap", 1.0, "of 1 made", at_least=1, note=note)
        self._on.forget()

    def _tell(self, kind: str, what: str, value: float, unit: str = "", **more: Any) -> None:
        self._figures.append(Figure(f"{self._shape.label}, {kind}: {what}", value, unit, **more))

    def _note(self, kind: str, name: str, value: Any) -> None:
        self._details.setdefault(kind, {})[name] = value
