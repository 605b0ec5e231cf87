"""The line under the prompt: tokens by the model's own tokenizer, what will run, and what cannot, without a network."""

from __future__ import annotations

import json
import subprocess
import sys
from collections.abc import Mapping
from dataclasses import replace
from pathlib import Path
from types import SimpleNamespace
from typing import Any

import pytest

from pipelines.manager import PipelineManager
from pipelines.prompt_syntax import plan_prompts
from pipelines.token_counting import TokenCounters
from webui.prompt_told import prompt_line


def line(manager: Any, **values: Any) -> str:
    studio: Any = SimpleNamespace(
        manager=manager, model=lambda name: next(info for info in manager.models() if info.id == (name or "starter"))
    )
    given: Mapping[str, Any] = {"prompt": "", "negative_prompt": "", "seed": "", "num_inference_steps": 20, **values}
    return prompt_line(studio, TokenCounters(), given, (given["prompt"], given["negative_prompt"]))


@pytest.fixture(scope="module")
def manager(tiny_model_dir: Path) -> Any:
    manager = PipelineManager([tiny_model_dir.parent])
    yield manager
    manager.close()


@pytest.mark.parametrize(
    ("values", "said"),
    [
        ({"prompt": "a red boat", "model": "tiny"}, '<p class="count">3 / 75 tokens</p>'),
        ({"prompt": "a red boat"}, '<p class="count">3 / 38 tokens</p>'),
        ({"prompt": "a (red:1.3) boat <lora:x:1>", "model": "tiny"}, "3 / 75 tokens"),
        ({"prompt": "a " * 80, "model": "tiny"}, "80 / 150 tokens · 2 chunks, nothing is cut"),
        (
            {"prompt": "a BREAK red", "negative_prompt": "blue boat", "model": "tiny"},
            "2 / 150 tokens · negative 2 / 75",
        ),
        ({"prompt": "[a|red boat]", "model": "tiny"}, "2 / 75 tokens"),
        ({"prompt": "{a|a} boat", "seed": "7"}, '<p class="runs"><b>Runs</b> a boat</p>'),
        ({"prompt": "{a|a} boat"}, "<b>For example</b> a boat"),
        ({"prompt": "a [red:blue:0.5]"}, "<i>from step 1</i> a red · <i>from step 11</i> a blue"),
        ({"prompt": "a <b> {x|x}"}, "a &lt;b&gt; x"),
        ({"prompt": "a (boat"}, "Prompt has a &#x27;(&#x27; at character 3 that is never closed"),
        ({"prompt": "__animle__"}, "did you mean __animal__?"),
        ({"prompt": "(a:1000)"}, "beyond 100"),
    ],
)
def test_what_is_said(manager: Any, values: dict[str, Any], said: str) -> None:
    assert said in line(manager, **values)


def test_nothing_is_said_of_nothing_and_of_plain_words_only_their_length(manager: Any) -> None:
    assert line(manager) == ""
    assert "runs" not in line(manager, prompt="a boat")
    assert "trouble" not in line(manager, prompt="a (boat", prompt_syntax="plain")
    assert line(manager, prompt="a boat", seed="much too large", num_inference_steps=None)


def test_models_without_chunks_and_without_a_tokenizer_at_hand_are_not_counted(manager: Any, tmp_path: Path) -> None:
    starter = manager.models()[0]
    plan = plan_prompts("a boat")
    assert TokenCounters().count(replace(starter, family="flux"), plan) is None
    assert TokenCounters().count(replace(starter, folder=tmp_path), plan) is None


def test_counting_loads_no_network() -> None:
    program = (
        "import sys; from pipelines.manager import PipelineManager; from pipelines.token_counting import TokenCounters;"
        "from pipelines.prompt_syntax import plan_prompts; info = PipelineManager().models()[0];"
        "print(TokenCounters().count(info, plan_prompts('a boat'))[0].used, 'diffusers' in sys.modules)"
    )
    told = subprocess.run([sys.executable, "-c", program], capture_output=True, text=True, check=True, timeout=200)
    assert told.stdout.split() == ["2", "False"]


MEANWHILE = """
import json, sys, threading
from pipelines.manager import PipelineManager
from pipelines.prompt_syntax import plan_prompts
from pipelines.token_counting import TokenCounters

manager, plan, told = PipelineManager(device="cpu"), plan_prompts("a boat"), {}
acts = {"counts": lambda: TokenCounters().count(manager.models()[0], plan)[0].used, "opens": manager.hardware}
def act(name):
    try:
        if name == "opens":
            manager._open()
        told[name] = bool(acts[name]())
    except Exception as error:
        told[name] = repr(error)

first, second = (threading.Thread(target=act, args=(name,)) for name in sys.argv[1:])

class Meanwhile:
    def find_spec(self, name, path=None, target=None):
        if name.startswith("transformers.") and second.ident is None:  # the first is in the middle of transformers
            second.start()
            second.join(3.0)  # as far as it comes without the first
        return None

sys.meta_path.insert(0, Meanwhile())
first.start()
first.join()
second.join()
print(json.dumps(told))
"""


@pytest.mark.parametrize("order", [("opens", "counts"), ("counts", "opens")])
def test_words_are_counted_while_the_engine_is_being_imported(order: tuple[str, str]) -> None:
    command = [sys.executable, "-c", MEANWHILE, *order]
    told = subprocess.run(command, capture_output=True, text=True, check=True, timeout=200)
    assert json.loads(told.stdout) == {"opens": True, "counts": True}
