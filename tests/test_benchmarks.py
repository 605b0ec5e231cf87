"""Every benchmark runs, at a tiny size: what it counts is right, and no clock decides whether a test passes."""

from __future__ import annotations

import dataclasses
import importlib
import json
from collections.abc import Callable
from pathlib import Path
from typing import TYPE_CHECKING, Any

import pytest
import torch

from tests.benchmarks import __main__ as command
from tests.benchmarks import (
    branch,
    cancelling,
    company,
    easel,
    first_preview,
    gpu,
    manager_cost,
    owners,
    page,
    preview_cost,
    real_sizes,
    record,
    soak,
    startup,
    table,
)
from tests.benchmarks.busy import OthersAtWork, is_busy
from tests.benchmarks.decoding import decode_precisions
from tests.benchmarks.figures import Figure, Result, Spread
from tests.benchmarks.rounds import take_turns
from tests.benchmarks.scripted import steps_served
from tests.benchmarks.together import jain
from tests.benchmarks.written import Written

if TYPE_CHECKING:
    from playwright.sync_api import Browser

    from tests.studio import Studio


def values_of(result: Result) -> list[float]:
    """The figures in their order, after a trip through JSON that must lose nothing."""
    data = json.loads(json.dumps([figure.to_data() for figure in result.figures]))
    assert [Figure.from_data(one).met for one in data] == [figure.met for figure in result.figures]
    json.dumps(command.plain(result.details))
    return [figure.value for figure in result.figures]


def test_the_manager_gives_bare_diffusers_bits() -> None:
    exact, strange, usual, other = values_of(manager_cost.measure(manager_cost.Settings(rounds=2, steps=3, size=64)))
    assert min(exact, usual) > 0
    assert (strange, other) == (0, 0)


def test_previews_leave_no_file() -> None:
    shape = real_sizes.shrunk(real_sizes.SD15)
    settings = preview_cost.Settings(
        rounds=1, steps=2, size=64, large=shape, large_rounds=1, large_steps=2, large_size=64
    )
    result = preview_cost.measure(settings)
    small, files, large = values_of(result)
    assert small > 0 and large > 0
    assert files == 0
    assert result.details["bytes_written_anywhere"] in (0, None)


def test_owners_all_get_their_previews_and_their_share() -> None:
    settings = owners.Settings(rounds=1, owners=3, steps=6, size=64, scripted_steps=30)
    first, fairness, scripted, throughput = values_of(owners.measure(settings))
    assert first > 0 and throughput > 0
    assert 0 < fairness <= 1
    assert scripted >= owners.BAR_JAIN


@pytest.mark.parametrize(("room", "wishes"), [(8, [1] * 8), (3, [1] * 8), (4, [4, 1, 1, 1, 1, 1, 1, 1])])
def test_the_engine_serves_owners_alike(room: int, wishes: list[int]) -> None:
    served = steps_served(room, wishes, 40)
    assert max(served) >= 40
    assert jain(served) >= owners.BAR_JAIN


def test_jains_index_knows_fair_from_unfair() -> None:
    assert jain([5, 5, 5, 5]) == 1
    assert jain([8, 0, 0, 0]) == 0.25
    assert jain([0, 0]) == 0


def test_company_changes_next_to_nothing() -> None:
    levels, share, exact = values_of(company.measure(company.Settings(rounds=1, steps=2, size=64)))
    assert levels <= company.BAR_LEVELS
    assert share <= company.BAR_SHARE
    assert exact == 0


def test_a_cancelled_picture_stops_and_leaves_no_thread() -> None:
    result = cancelling.measure(cancelling.Settings(count=20, steps=4))
    late, leaked = values_of(result)
    assert late <= cancelling.BAR_STEPS
    assert leaked == 0
    assert result.details["pictures_of_the_request_afterwards"] == 1


def test_a_long_day_leaves_no_file_and_loses_no_failure() -> None:
    settings = soak.Settings(pictures=14, warm=4, sizes=(64, 72), steps=(2, 3), cancelled=0.3, failing=0.2)
    result = soak.measure(settings)
    _, stray = values_of(result)
    assert stray == 0
    assert sum(result.details["ends"].values()) == 14
    assert result.details["ends"]["failed"] == 3
    assert result.details["ends"]["cancelled"] >= 1


def test_a_growing_memory_is_seen() -> None:
    assert soak.slope([100 + 0.5 * number for number in range(50)]) == pytest.approx(0.5)
    before = soak.resident_megabytes()
    held = bytearray(b"x" * 50_000_000)
    assert soak.resident_megabytes() - before > 0.9 * len(held) / 1e6


def test_a_file_left_behind_is_seen() -> None:
    import tempfile

    with Written() as written:
        Path("beside.jpg").write_bytes(b"picture")
        Path(tempfile.gettempdir(), "temporary.webp").write_bytes(b"preview")
    assert written.files == ["beside.jpg", "temporary.webp"]
    assert written.bytes is None or written.bytes >= 14


def test_the_first_preview_is_timed_by_the_page(running: Studio, chromium: Browser, tmp_path: Path) -> None:
    settings = first_preview.Settings(clicks=2, warm_ups=0, steps=30)
    result = first_preview.measure_page(settings, chromium, running.url, tmp_path, running.outputs)
    _, stray = values_of(result)
    assert stray == 0
    assert result.details["click_to_first_preview_milliseconds"].lowest > 0
    assert result.details["click_to_finished_milliseconds"].lowest > 0
    assert result.details["step_milliseconds"] > 0


def test_the_page_is_timed_by_itself(running: Studio, chromium: Browser) -> None:
    result = page.measure_page(page.Settings(loads=1, keys=5, pictures=2, steps=60), chromium, running.url)
    load, megabytes, delay = values_of(result)
    assert load > 0
    assert 0.05 < megabytes < 1.5
    assert delay >= 0
    assert result.figures[2].note == "5 keys"


def test_brushing_a_large_picture_is_timed_beside_a_small_one(chromium: Browser, studio: str) -> None:
    settings = easel.Settings(strokes=1, moves=5, large=(1024, 768))
    (ratio,) = values_of(easel.measure_easel(settings, chromium, studio))
    assert ratio > 0


def test_a_branch_is_timed_beside_the_steps_that_remain() -> None:
    ratios = values_of(branch.measure(branch.Settings(rounds=1, steps=4, at=(2,))))
    assert all(ratio > 0 for ratio in ratios)


def test_starting_up_is_timed_against_importing_gradio() -> None:
    (ratio,) = values_of(startup.measure(startup.Settings(rounds=1, warm_ups=0)))
    assert ratio > 0


@pytest.mark.parametrize(
    ("shape", "compiler"), [(real_sizes.SD15, None), (real_sizes.SDXL, "eager")], ids=["sd15", "sdxl"]
)
def test_the_gpu_table_runs_shrunk_on_the_cpu(shape: real_sizes.Shape, compiler: str | None) -> None:
    settings = gpu.Settings(
        device="cpu",
        shapes=(real_sizes.shrunk(shape),),
        rounds=1,
        steps=1,
        users=(2,),
        forwards=1,
        caps=(8,),
        compiler=compiler,
        plans={name: gpu.PLANS[name] for name in ("layer by layer", "eight bits")},
    )
    result = gpu.measure(settings)
    values_of(result)
    told = {figure.what.split(", shrunk, ", 1)[1]: figure for figure in result.figures}
    assert told["eager: pictures that differ in any bit"].value == 0
    for kind in ("eager", "compiled") if compiler else ("eager",):
        assert told[f"{kind}: pictures per second of 2 sharing ÷ one at a time"].value > 0
    assert told["bfloat16: VAE decode"].value > 0
    assert told["8 GiB: one picture under a cap"].met
    for name in ("layer by layer", "eight bits"):
        assert told[f"{name}: one picture"].value > 0


def test_the_gpu_table_is_left_out_where_there_is_none(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(torch.cuda, "is_available", lambda: False)
    assert "CUDA" in gpu.measure(gpu.QUICK).skipped


@pytest.mark.parametrize(
    ("shape", "millions"), [(real_sizes.SD15, 859.5), (real_sizes.SDXL, 2567.5)], ids=["sd15", "sdxl"]
)
def test_real_sizes_are_the_real_ones(shape: real_sizes.Shape, millions: float) -> None:
    unet = real_sizes.make_unet(shape, "meta")
    assert sum(weight.numel() for weight in unet.parameters()) / 1e6 == pytest.approx(millions, abs=0.05)
    vae = real_sizes.make_vae(shape, "meta")
    assert sum(weight.numel() for weight in vae.parameters()) / 1e6 == pytest.approx(83.65, abs=0.05)


def test_precisions_are_compared_with_the_exact_one() -> None:
    from tests.benchmarks.accelerator import Accelerator

    vae = real_sizes.make_vae(real_sizes.shrunk(real_sizes.SD15), dtype=torch.float32)
    found = decode_precisions(vae, 64, Accelerator("cpu"), 1)
    assert found["float32"]["psnr_db"] == float("inf")
    assert 20 < found["bfloat16"]["psnr_db"] < 90
    assert next(vae.parameters()).dtype == torch.float32


def test_turns_are_taken_in_both_orders() -> None:
    order: list[str] = []
    ways: dict[str, Callable[[], Any]] = {"a": lambda: order.append("a"), "b": lambda: order.append("b")}
    turns = take_turns(ways, 2)
    assert "".join(order) == "ba" + "ab" + "ba"
    assert [len(one) for one in turns.values()] == [2, 2]


def test_a_busy_machine_is_noticed() -> None:
    assert is_busy(1.0, 0.5, 2) and is_busy(0.0, 3.0, 2)
    assert not is_busy(0.05, 1.0, 2) and not is_busy(None, None, 2)
    with OthersAtWork() as others:
        sum(range(10_000))
    assert others.cores is None or others.cores >= 0


def test_a_spread_tells_the_middle_and_the_ends() -> None:
    assert Spread.of([1.0, 2.0, 3.0, 4.0, 100.0]) == Spread(3.0, (2.0, 4.0), 1.0, 100.0, 5)
    assert Spread.of([2.0]).quartiles == (2.0, 2.0)


def test_the_command_measures_shows_and_keeps(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    results, document = tmp_path / "results", tmp_path / "performance.md"
    document.write_text(f"# Speed\n\n{table.BEGINS}{table.ENDS}\nThe end.\n", encoding="utf-8")
    monkeypatch.setattr(manager_cost, "QUICK", manager_cost.Settings(rounds=2, steps=1, size=64))
    monkeypatch.setattr(record, "path_for", lambda described: results / "today-here.json")
    monkeypatch.setattr(command, "ROOT", tmp_path)
    monkeypatch.setattr(table.write_document, "__defaults__", (document,))
    command.main(["manager_cost", "--quick", "--write-docs"])
    shown = capsys.readouterr().out
    assert "manager ÷ bare pipe(...)" in shown and "today-here.json" in shown
    kept = json.loads((results / "today-here.json").read_text(encoding="utf-8"))
    assert kept["benchmarks"]["manager_cost"]["command"].endswith("manager_cost --quick --write-docs")
    assert kept["machine"]["packages"]["torch"] == torch.__version__
    written = document.read_text(encoding="utf-8")
    assert "| manager_cost | pictures that differ in any bit, deterministic | 0 of 4 | ≤ 0 | yes |" in written
    assert written.endswith("The end.\n")


def test_a_benchmark_that_is_run_again_leaves_the_others_in_the_file(tmp_path: Path) -> None:
    path = tmp_path / "day.json"
    record.save(path, {"cores": 2}, {"one": {"seconds": 1}, "two": {"seconds": 2}})
    record.save(path, {"cores": 2}, {"one": {"seconds": 3}})
    assert json.loads(path.read_text(encoding="utf-8"))["benchmarks"] == {"one": {"seconds": 3}, "two": {"seconds": 2}}


def test_every_benchmark_can_be_asked_for(capsys: pytest.CaptureFixture[str]) -> None:
    for name in command.NAMES:
        module = importlib.import_module(f"tests.benchmarks.{name}")
        assert dataclasses.is_dataclass(module.FULL) and type(module.FULL) is type(module.QUICK)
    with pytest.raises(SystemExit):
        command.main(["nothing"])
    assert "no benchmark is called 'nothing'" in capsys.readouterr().err


def test_the_document_tells_the_newest_figures() -> None:
    told = table.documented(table.DOCUMENT.read_text(encoding="utf-8"))
    names = [path for path in record.RESULTS.glob("*.json") if f"`tests/benchmarks/results/{path.name}`" in told]
    newest = max(path.name[:10] for path in record.RESULTS.glob("*.json"))
    assert names and names[0].name.startswith(newest)
    assert told == table.describe_file(names[0])
