"""What the Models tab tells: every model there is, what is loaded, how each is run here, and why."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any, Final

if TYPE_CHECKING:
    from pipelines.kept_models import KeptState
    from pipelines.models import ModelInfo
    from pipelines.plans import Plan

    from .studio import Studio

TASKS: Final = {"text_to_image": "Text to image", "image_to_image": "Image to image", "inpaint": "Inpainting"}

PRECISIONS: Final = {"float32": "fp32", "float16": "fp16", "bfloat16": "bf16"}

OFFLOADS: Final = {"none": "nothing is moved", "model": "network by network", "group": "layer by layer"}


def models_told(studio: Studio) -> dict[str, Any]:
    """Everything, as the page's script reads it; it reads files' headers, so call it off the event loop."""
    manager: Any = studio.manager
    catalogue = getattr(manager, "catalogue", None)
    kept: dict[str, KeptState] = {state.id: state for state in getattr(manager, "kept", list)()}
    models = [_model(studio, info, kept.get(info.id)) for info in manager.models()]
    refused = [_model(studio, info, None) for info in (catalogue.refused() if catalogue is not None else [])]
    return {
        "machine": _machine(manager, list(kept.values())),
        "models": models,
        "refused": refused,
        "fetching": [] if studio.fetching is None else studio.fetching.told(),
        "host": not studio.shared,
        "hub": studio.fetching is not None and not studio.shared,
        "place": _place(catalogue) if not studio.shared else "",
    }


def _place(catalogue: Any) -> str:
    """Where a person puts models of their own; nobody else is told of this machine's folders."""
    folders = [str(folder) for folder in catalogue.folders] if catalogue is not None else []
    where = " or ".join(folders)
    if where:
        return f"Models of your own: put their .safetensors files or folders into {where}, then look again."
    return "Models of your own: make a folder models beside launch.py, put them there, and start Reverie again."


def size_words(size: int) -> str:
    """Bytes in a person's words."""
    if size >= 1e9:
        return f"{size / 1e9:.1f} GB"
    return f"{round(size / 1e6)} MB" if size >= 1e6 else f"{round(size / 1e3)} KB" if size >= 1e3 else ""


def _machine(manager: Any, kept: list[KeptState]) -> dict[str, Any] | None:
    """What pictures are made on, and how much of its memory the loaded models take."""
    machine = manager.hardware() if hasattr(manager, "hardware") else None
    if machine is None:
        return None
    budget = manager.budget()
    return {
        "name": machine.name,
        "free": size_words(machine.free_bytes),
        "total": size_words(machine.total_bytes),
        "card": machine.device == "cuda",
        "used": size_words(sum(state.bytes for state in kept)) or "nothing",
        "budget": size_words(budget) or "one model",
        "share": min(1.0, sum(state.bytes for state in kept) / budget) if budget else 1.0 * bool(kept),
    }


def _model(studio: Studio, info: ModelInfo, state: KeptState | None) -> dict[str, Any]:
    manager: Any = studio.manager
    families = getattr(getattr(manager, "catalogue", None), "family_name", None)
    plan = manager.plan(info) if hasattr(manager, "plan") else None
    return {
        "id": info.id,
        "name": info.name,
        "family": families(info) if families is not None else info.family,
        "variant": info.variant.replace("_", "-"),
        "tasks": [words for task, words in TASKS.items() if task in info.tasks],
        "lacks": [words for task, words in TASKS.items() if task not in info.tasks],
        "size": size_words(info.size_bytes),
        "hash": info.hash,
        "kind": info.kind,
        "problem": info.problem,
        "loaded": None if state is None else _loaded(state),
        "plan": None if plan is None else _plan(plan),
    }


def _loaded(state: KeptState) -> dict[str, Any]:
    loading = None if state.loading is None else round(100 * state.loading)
    return {"memory": size_words(state.bytes), "lent": state.lent, "loading": loading, "what": state.what}


def _plan(plan: Plan) -> dict[str, Any]:
    chosen = {
        "Precision": PRECISIONS[plan.precision] + (", stored in fp8" if plan.storage == "float8" else ""),
        "Offload": OFFLOADS[plan.offload],
        "Attention": "PyTorch's own" if plan.attention == "sdpa" else plan.attention,
        "VAE": {"plain": "in one go", "sliced": "picture by picture", "tiled": "tile by tile"}[plan.vae],
        "Compiled": "repeated blocks" if plan.compiled else "no",
        "Memory at most": f"{size_words(plan.peak_bytes)}, computed",
    }
    return {"chosen": chosen, "fits": plan.fits, "reasons": list(plan.reasons)}
