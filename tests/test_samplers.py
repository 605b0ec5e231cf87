"""Samplers are found by every name people know them by, and what cannot be had is refused in one sentence."""

from __future__ import annotations

import re
import subprocess
import sys
from pathlib import Path

import pytest

from pipelines.errors import InvalidRequest
from pipelines.request import TextToImageRequest
from pipelines.sampler_options import SamplerOptions
from pipelines.sampler_table import NATIVE, SAMPLERS, SHAPES, SIGMA_FLAGS, SPACINGS
from pipelines.samplers import check_options, check_steps, find_sampler, sampler_choices, schedule_choices

DREAM_STUDIO = {
    "K Euler": "Euler",
    "K Euler Ancestral": "Euler a",
    "K LMS": "LMS",
    "K Heun": "Heun",
    "K DPM 2": "DPM2",
    "K DPM 2 Ancestral": "DPM2 a",
    "K DPM++ 2S Ancestral": "DPM++ 2S a",
    "K DPM++ 2M": "DPM++ 2M",
    "K DPM++ SDE": "DPM++ SDE",
    "DDIM": "DDIM",
    "DDPM": "DDPM",
}

SPELLINGS = {
    # klms-gui
    "k_dpm_2_a": "DPM2 a",
    "k_dpm_2": "DPM2",
    "k_euler_a": "Euler a",
    "k_euler": "Euler",
    "k_heun": "Heun",
    "k_lms": "LMS",
    "PLMS": "PLMS",
    # A1111, with its own aliases and its older joined names
    "DPM++ 2M Karras": "DPM++ 2M Karras",
    "k_dpmpp_2m": "DPM++ 2M",
    "k_dpmpp_2m_ka": "DPM++ 2M Karras",
    "k_dpmpp_2s_a_ka": "DPM++ 2S a Karras",
    "k_euler_ancestral": "Euler a",
    "DPM++ 2M SDE Exponential": "DPM++ 2M SDE Exponential",
    "DPM++ 2M SDE Heun Karras": "DPM++ 2M SDE Heun Karras",
    "Euler SGMUniform": "Euler SGM Uniform",
    "DPM2 a Automatic": "DPM2 a Karras",
    "DPM++ 2M SDE Automatic": "DPM++ 2M SDE Exponential",
    "Euler Automatic": "Euler",
    "k_lcm": "LCM",
    "DPM++ 3M SDE": "DPM++ 3M SDE",
    "k_dpmpp_3m_sde": "DPM++ 3M SDE",
    "DPM++ 3M SDE Automatic": "DPM++ 3M SDE Exponential",
    "k_dpm_fast": "DPM fast",
    "k_dpm_ad": "DPM adaptive",
    "restart": "Restart",
    "Restart Automatic": "Restart Karras",
    "ddim_cfgpp": "DDIM CFG++",
    "DDIM CFG++": "DDIM CFG++",
    "plms": "PLMS",
    "unipc": "UniPC",
    "Euler a Karras": "Euler a Karras",
    "DPM++ 2M Polyexponential": "DPM++ 2M Polyexponential",
    "DPM++ 2M align_your_steps": "DPM++ 2M Align Your Steps",
    "DPM++ 2M AYS": "DPM++ 2M Align Your Steps",
    "DPM++ 2M kl_optimal": "DPM++ 2M KL Optimal",
    "Heun simple": "Heun Simple",
    "Heun normal": "Heun Normal",
    "Euler a beta": "Euler a Beta",
    "Euler ddim_uniform": "Euler DDIM",
    # Stability's REST service
    "K_DPMPP_2M": "DPM++ 2M",
    "K_DPMPP_2S_ANCESTRAL": "DPM++ 2S a",
    "K_DPM_2_ANCESTRAL": "DPM2 a",
    "K_EULER_ANCESTRAL": "Euler a",
    # ComfyUI, InvokeAI
    "dpmpp_2s_ancestral": "DPM++ 2S a",
    "dpmpp_2m_sde": "DPM++ 2M SDE",
    "uni_pc": "UniPC",
    "dpmpp_sde_k": "DPM++ SDE Karras",
    "kdpm_2": "DPM2",
    # diffusers
    "DPMSolverMultistepScheduler": "DPM++ 2M",
    "EulerAncestralDiscreteScheduler": "Euler a",
    # people
    "  euler  ": "Euler",
    "EULER KARRAS": "Euler Karras",
    "dpm++2m-karras": "DPM++ 2M Karras",
    "Euler trailing": "Euler SGM Uniform",
    "Euler DDIM": "Euler DDIM",
    "DDIM DDIM": "DDIM DDIM",
}


def test_dream_studios_eleven_come_first_under_their_own_names() -> None:
    assert dict(sampler_choices()[: len(DREAM_STUDIO)]) == DREAM_STUDIO


@pytest.mark.parametrize(("spelling", "name"), [*DREAM_STUDIO.items(), *SPELLINGS.items()])
def test_every_spelling_finds_its_sampler(spelling: str, name: str) -> None:
    assert find_sampler(spelling).name == name


def test_names_labels_and_aliases_belong_to_one_sampler_each() -> None:
    names = [(name, sampler) for sampler in SAMPLERS for name in (sampler.name, sampler.label, *sampler.aliases)]
    assert all(find_sampler(name).sampler is sampler for name, sampler in names)
    assert all(find_sampler(name).schedule == NATIVE for name, _ in names)


@pytest.mark.parametrize("sampler", SAMPLERS, ids=lambda sampler: sampler.name)
def test_every_schedule_of_a_sampler_has_a_name_that_leads_back_to_it(sampler) -> None:
    choices = schedule_choices(sampler.name)
    assert [schedule for schedule, _ in choices] == [NATIVE, *sampler.schedules]
    assert [(found := find_sampler(name)) and (found.schedule, found.sampler) for _, name in choices] == [
        (schedule, sampler) for schedule, _ in choices
    ]
    assert set(sampler.schedules) <= {*SIGMA_FLAGS, *SPACINGS, *SHAPES}
    assert sampler.automatic in (NATIVE, *sampler.schedules)


@pytest.mark.parametrize(
    ("wrong", "near"),
    [
        ("Eulr", "Euler"),
        ("k_dpm2m", "DPM2"),
        ("DPM adaptiv", "DPM adaptive"),
        ("DPM adaptive Karras", "DPM2 Karras"),
        ("DPM fast Exponential", "DPM2 Exponential"),
        ("DDIMM", "DDIM"),
        ("DDIM Karras", "Euler Karras"),
        ("DDPM Beta", "Euler a Beta"),
        ("DEIS KL Optimal", "DPM++ 2M KL Optimal"),
        ("PLMS Karras", "LMS Karras"),
        ("TCD Simple", "LCM Simple"),
        ("DPM++ 4M SDE", "DPM++ 3M SDE"),
        ("DPM++ 2M Turbo", "Karras"),
        ("Restrat", "Restart"),
        ("", "Euler"),
        ("🙂", "Euler"),
    ],
)
def test_what_cannot_be_had_is_refused_with_the_nearest(wrong: str, near: str) -> None:
    with pytest.raises(InvalidRequest) as caught:
        find_sampler(wrong)
    sentence = str(caught.value)
    assert caught.value.parameter == "scheduler"
    assert sentence.startswith(f"scheduler is {wrong!r}, ")
    assert sentence.endswith(".")
    assert near in sentence


@pytest.mark.parametrize("wrong", ["Eulr", "DDIM Karras", "PLMS Beta", "TCD Exponential", "DPM fast Simple", "k_heunn"])
def test_every_way_out_that_is_offered_is_one(wrong: str) -> None:
    with pytest.raises(InvalidRequest) as caught:
        find_sampler(wrong)
    offered = re.findall(r"'([^']+)'", str(caught.value).split("; ")[1])
    assert offered
    assert [find_sampler(name).name for name in offered] == offered


def test_an_endless_name_is_not_repeated_whole() -> None:
    with pytest.raises(InvalidRequest) as caught:
        find_sampler("x" * 100_000)
    assert len(str(caught.value)) < 400


def test_a_request_shows_the_sentence_and_keeps_the_name_it_was_given() -> None:
    with pytest.raises(InvalidRequest, match=r"^scheduler is 'Eulr'") as caught:
        TextToImageRequest(prompt="a boat", scheduler="Eulr")
    assert caught.value.parameter == "scheduler"
    assert TextToImageRequest(prompt="a boat", scheduler="k_euler").scheduler == "k_euler"


def test_distilled_samplers_refuse_more_steps_than_they_have() -> None:
    check_steps("LCM", 50)
    check_steps("Euler", 150)
    with pytest.raises(InvalidRequest, match=r"^num_inference_steps is 51, and TCD runs at most 50") as caught:
        check_steps("TCD", 51)
    assert caught.value.parameter == "num_inference_steps"


@pytest.mark.parametrize(
    ("name", "options", "sentence"),
    [
        ("Euler", {"eta": 0.5}, "eta is 0.5, which Euler does not take; leave it unset, or use 'Euler a'."),
        ("LMS Karras", {"s_churn": 4.0}, "s_churn is 4.0, which LMS Karras does not take; .*, or use '.*'"),
        ("Euler Simple", {"sigma_max": 9.0}, "sigma_max is 9.0, which Euler Simple does not take; .*use 'Euler "),
        ("DPM++ 2M Exponential", {"rho": 3.0}, "rho is 3.0, .* use 'DPM\\+\\+ 2M Polyexponential'"),
        ("DDIM", {"sigma_min": 0.1}, "sigma_min is 0.1, which DDIM does not take"),
    ],
)
def test_an_option_that_a_sampler_has_not_is_refused_with_the_nearest(name: str, options, sentence: str) -> None:
    with pytest.raises(InvalidRequest, match=f"^{sentence}") as caught:
        check_options(find_sampler(name), SamplerOptions(**options))
    assert caught.value.parameter == next(iter(options))


@pytest.mark.parametrize(
    ("options", "sentence"),
    [
        ({"eta": 1.5}, "eta is 1.5; give a number from 0 to 1"),
        ({"rho": float("nan")}, "rho is nan"),
        ({"sigma_min": 3.0, "sigma_max": 2.0}, "sigma_min is 3.0, not below sigma_max, 2.0"),
        ({"s_tmin": 3.0, "s_tmax": 2.0}, "s_tmin is 3.0, not below"),
    ],
)
def test_an_option_out_of_range_is_refused(options, sentence: str) -> None:
    with pytest.raises(InvalidRequest, match=f"^{sentence}"):
        SamplerOptions(**options)


def test_no_option_fits_flow_matching() -> None:
    with pytest.raises(InvalidRequest, match="with a flow-matching model; leave it unset"):
        check_options(find_sampler("Euler"), SamplerOptions(s_churn=1.0), flow=True)


def test_names_are_known_before_torch_is() -> None:
    code = "import sys, pipelines.samplers; sys.exit('torch' in sys.modules or 'diffusers' in sys.modules)"
    assert subprocess.run([sys.executable, "-c", code], cwd=_root(), check=False).returncode == 0


def test_the_documented_table_is_the_code() -> None:
    """``docs/samplers.md`` has one row a sampler, with all that people need to know of it."""
    rows = [
        [cell.strip() for cell in line.strip("|").split("|")]
        for line in (_root() / "docs" / "samplers.md").read_text(encoding="utf-8").split("## What")[0].splitlines()
        if re.match(r"\| (?!sampler |-)", line)
    ]
    documented = {row[0]: row[1:] for row in rows if len(row) == 7}
    assert documented == {
        sampler.name: [
            sampler.label,
            ", ".join(f"`{alias}`" for alias in sampler.aliases) or "–",
            f"`{sampler.scheduler}`" + "".join(f", `{key}={value!r}`" for key, value in sampler.overrides),
            ", ".join(f"**{it}**" if it == sampler.automatic else it for it in sampler.schedules) or "–",
            str(sampler.calls_per_step),
            sampler.fidelity,
        ]
        for sampler in SAMPLERS
    }


def _root() -> Path:
    return Path(__file__).resolve().parent.parent
