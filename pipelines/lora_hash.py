"""The hash by which A1111 and Civitai know a LoRA: of its weights alone, so that a changed note leaves it as it is."""

from __future__ import annotations

import hashlib
import json
import struct
from pathlib import Path
from typing import Any, Final

DIGITS: Final = 12
"""As many A1111 writes under ``Lora hashes``."""

LARGEST_HEADER: Final = 100 << 20
_BLOCK: Final = 1 << 20


def lora_hash(path: Path) -> str:
    """The first twelve hexadecimal digits of a LoRA file's hash; empty where it cannot be read.

    The trainer's own ``sshs_model_hash`` where the header has it, else SHA-256 of all that follows the header, which is
    the same by kohya-ss's definition ("addnet hash").
    """
    try:
        with path.open("rb") as file:
            (length,) = struct.unpack("<Q", file.read(8))
            if length > LARGEST_HEADER:
                return ""
            header: Any = json.loads(file.read(length))
            known = header.get("__metadata__", {}).get("sshs_model_hash")
            if isinstance(known, str) and len(known) >= DIGITS and all(one in "0123456789abcdef" for one in known):
                return known[:DIGITS]
            digest = hashlib.sha256()
            while block := file.read(_BLOCK):
                digest.update(block)
    except (OSError, ValueError, AttributeError, struct.error, RecursionError):
        return ""
    return digest.hexdigest()[:DIGITS]
