"""ComfyUI's and InvokeAI's metadata, read by ``sd-parsers``, which knows their graphs and older layouts.

It sets no limits of its own, so that a graph is made small before it is handed over.
"""

from __future__ import annotations

import json
from collections.abc import Mapping
from typing import TYPE_CHECKING, Any, Final

from .foreign_found import Found, NotThis, json_object

if TYPE_CHECKING:
    from sd_parsers.data import PromptInfo

MOST_NODES: Final = 500
MOST_SAMPLERS: Final = 8
LONGEST_LINE: Final = 4000

_PARAMETERS: Final = {
    "steps": "num_inference_steps",
    "cfg_scale": "guidance_scale",
    "seed": "seed",
    "noise_seed": "seed",
    "scheduler": "schedule",
    "denoise": "strength",
    "strength": "strength",
    "width": "width",
    "height": "height",
}
_INVOKEAI: Final = ("invokeai_metadata", "sd-metadata", "Dream")


def comfyui(texts: Mapping[str, str]) -> Found:
    """ComfyUI: the graph that was run, under ``prompt``."""
    from sd_parsers.parsers import ComfyUIParser

    graph = _small_graph(json_object(texts.get("prompt")))
    workflow = {"links": list(_links(graph))}  # from the graph itself, as a workflow's own layout changes by version
    info = _parsed(ComfyUIParser(), {"prompt": graph, "workflow": workflow})
    found = _found("ComfyUI", info)
    if found.values.get("strength") == 1:  # ComfyUI's word for "from noise alone"
        del found.values["strength"]
    if found.values.get("strength") is not None and found.values.pop("width", None):
        found.values.pop("height", None)
    for node in ("EmptyLatentImage", "EmptySD3LatentImage"):
        for latent in found.others.pop(node, None) or []:
            found.values |= {side: latent[side] for side in ("width", "height") if type(latent.get(side)) is int}
    return found


def invokeai(texts: Mapping[str, str]) -> Found:
    """InvokeAI: ``invokeai_metadata``, or one of the two layouts before it."""
    from sd_parsers.parsers import InvokeAIParser

    own = {name: texts[name] for name in _INVOKEAI if name in texts}
    if not own:
        raise NotThis
    for name, text in own.items():
        if name == "Dream":
            if len(text) > LONGEST_LINE:
                raise NotThis
        else:
            read = json_object(text)
            model = read.get("model")
            if isinstance(model, dict) and "name" in model and "model_name" not in model:  # InvokeAI 4 and later
                own[name] = json.dumps({**read, "model": {**model, "model_name": model["name"]}})
    return _found("InvokeAI", _parsed(InvokeAIParser(), own))


def _parsed(parser: Any, texts: Mapping[str, Any]) -> PromptInfo:
    """Runs a parser that was written for well-meant files; whatever it stumbles over means that it cannot read this."""
    try:
        info: PromptInfo = parser.parse(dict(texts))
    except Exception as error:
        raise NotThis from error
    if not info.samplers:
        raise NotThis
    return info


def _found(writer: str, info: PromptInfo) -> Found:
    """The settings of the sampler that begins from noise; that there are more is told under ``others``."""
    fresh = (one for one in info.samplers if one.parameters.get("denoise", 1) in (1, 1.0))
    sampler = next(fresh, info.samplers[-1])
    found = Found(writer, {"sampler": sampler.name}, dict(info.metadata))
    for name, value in sampler.parameters.items():
        if name in _PARAMETERS:
            found.values[_PARAMETERS[name]] = value
        else:
            found.others[name] = value
    for side in ("width", "height"):
        if side in found.others:
            found.values[side] = found.others.pop(side)
    if "strength" in found.others:
        found.values["strength"] = found.others.pop("strength")
    found.values["prompt"] = ", ".join(prompt.value for prompt in sampler.prompts)
    found.values["negative_prompt"] = ", ".join(prompt.value for prompt in sampler.negative_prompts)
    if sampler.model is not None:
        found.values |= {"model_name": sampler.model.name or "", "model_hash": sampler.model.hash or ""}
        found.others |= {name: value for name, value in sampler.model.metadata.items() if name == "LoraLoader"}
    if len(info.samplers) > 1:
        found.others["further samplers"] = len(info.samplers) - 1
    return found


def _small_graph(read: Mapping[str, Any]) -> dict[str, dict[str, Any]]:
    """Nodes of a graph without their helpers, at most so many, and of samplers only the last few.

    Raises:
        NotThis: It is no graph, or too large a one.
    """
    nodes: dict[str, dict[str, Any]] = {
        str(key)[:40]: {"class_type": str(node["class_type"])[:100], "inputs": dict(node["inputs"])}
        for key, node in read.items()
        if isinstance(node, dict) and isinstance(node.get("inputs"), dict) and "class_type" in node
    }
    if not nodes or len(nodes) > MOST_NODES:
        raise NotThis
    samplers = [key for key, node in nodes.items() if _samples(node["inputs"])]
    for key in samplers[:-MOST_SAMPLERS]:
        del nodes[key]
    return nodes


def _links(graph: Mapping[str, dict[str, Any]]) -> list[tuple[int, str, int, str, int, str]]:
    """A graph's links in the layout of a workflow: which node's output goes into which node.

    But for samplers, nodes then lose them, because the parser would take a link for a model's name.
    """
    links: list[tuple[int, str, int, str, int, str]] = []
    for key, node in graph.items():
        inputs = node["inputs"]
        for name, value in list(inputs.items())[:100]:
            if isinstance(value, list) and len(value) == 2 and str(value[0]) in graph:
                links.append((len(links), str(value[0]), 0, key, 0, "CLIP" if name == "clip" else name))
                if _samples(inputs):
                    inputs[name] = [str(value[0]), value[1]]
                else:
                    del inputs[name]
    return links


def _samples(inputs: Mapping[str, Any]) -> bool:
    return inputs.keys() >= {"sampler_name", "steps", "cfg"}
