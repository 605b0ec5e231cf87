"""The header of a ``.safetensors`` file: names, shapes and metadata, read without touching a weight.

The layout is documented at https://huggingface.co/docs/safetensors: eight bytes with the header's length, the header
as JSON, then the numbers, each tensor's after the other's and nothing between them.
"""

from __future__ import annotations

import json
import math
import os
import stat
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Final, NamedTuple, NoReturn

from .errors import ModelError

LARGEST_HEADER: Final = 8 << 20
"""Bytes. The format allows 100 million; of published models none comes near this, and reading more costs memory."""

MOST_TENSORS: Final = 100_000
MOST_COMMAS: Final = 1_000_000
"""What bounds the memory that parsing takes, whatever the JSON is made of."""

MOST_DIMENSIONS: Final = 8

BITS: Final = {
    **dict.fromkeys(("F4",), 4),
    **dict.fromkeys(("F6_E2M3", "F6_E3M2"), 6),
    **dict.fromkeys(("BOOL", "U8", "I8", "F8_E5M2", "F8_E4M3", "F8_E8M0", "F8_E4M3FNUZ", "F8_E5M2FNUZ"), 8),
    **dict.fromkeys(("I16", "U16", "F16", "BF16"), 16),
    **dict.fromkeys(("I32", "U32", "F32"), 32),
    **dict.fromkeys(("I64", "U64", "F64", "C64"), 64),
}
"""Bits of one number, by the format's names."""


class Tensor(NamedTuple):
    """What a header says of one tensor: the format's name of its numbers, and its shape."""

    dtype: str
    shape: tuple[int, ...]


@dataclass(frozen=True, slots=True)
class Header:
    """What a file's beginning says.

    Attributes:
        tensors: By name.
        metadata: Texts that whoever wrote the file added; nothing in them can be trusted.
        size_bytes: Of the whole file.
    """

    tensors: Mapping[str, Tensor]
    metadata: Mapping[str, str]
    size_bytes: int

    def shape(self, name: str) -> tuple[int, ...]:
        """A tensor's shape; empty where there is no such tensor."""
        return self.tensors[name].shape if name in self.tensors else ()


def read_header(path: Path) -> Header:
    """Reads the beginning of a file and checks that it describes the rest; holds at most 100 MB meanwhile.

    Raises:
        ModelError: The file is none, is damaged or incomplete; one sentence says which file and what is wrong.
    """
    try:
        return _read(path)
    except OSError as error:
        raise _broken(path, error.strerror or "it cannot be opened", "look at its permissions") from error
    except (UnicodeDecodeError, ValueError, RecursionError) as error:
        raise _broken(path, _reason(error)) from error


def _read(path: Path) -> Header:
    found = path.stat()
    if not stat.S_ISREG(found.st_mode):  # a pipe would wait for ever to be opened
        raise _broken(path, "it is no file", "give a .safetensors file")
    with path.open("rb") as file:
        size = os.fstat(file.fileno()).st_size
        if size == 0:
            raise _broken(path, "it is empty")
        start = file.read(8)
        length = int.from_bytes(start, "little")
        if len(start) < 8 or length < 2 or length > size - 8:
            raise _broken(path, "its beginning is not that of a safetensors file")
        if length > LARGEST_HEADER:
            raise _broken(path, f"its header has {length} bytes, and {LARGEST_HEADER} are read at most")
        text = file.read(length)
    if len(text) < length or not text.startswith(b"{"):
        raise _broken(path, "its header is not that of a safetensors file")
    if text.count(b"{") > MOST_TENSORS or text.count(b",") > MOST_COMMAS or text.count(b"[") > 2 * MOST_TENSORS + 2:
        raise _broken(path, f"its header lists more than {MOST_TENSORS} things")
    entries = json.loads(text.decode("utf-8"), object_pairs_hook=_once, parse_constant=_no_constant)
    del text
    metadata = entries.pop("__metadata__", {})
    if not isinstance(metadata, dict) or not all(isinstance(value, str) for value in metadata.values()):
        raise ValueError("its metadata is not made of texts")
    tensors = _check(entries, size - 8 - length)
    return Header(tensors, metadata, size)


def _check(entries: dict[str, Any], room: int) -> dict[str, Tensor]:
    """Sees to it that the tensors fill the room after the header: one after the other, none twice, nothing over."""
    places: list[tuple[int, int]] = []
    tensors: dict[str, Tensor] = {}
    for name, entry in entries.items():
        tensor, begin, end = _tensor(name, entry)
        tensors[name] = tensor
        places.append((begin, end))
    places.sort()
    reached = 0
    for begin, end in places:
        if begin != reached:
            raise ValueError("its tensors overlap or leave gaps")
        reached = end
    if reached > room:
        raise ValueError(f"{reached - room} bytes are missing at its end, as after a download that was cut off")
    if reached < room:
        raise ValueError(f"it has {room - reached} bytes that belong to no tensor")
    return tensors


def _tensor(name: str, entry: Any) -> tuple[Tensor, int, int]:
    try:
        dtype, shape, offsets = entry["dtype"], entry["shape"], entry["data_offsets"]
    except (KeyError, TypeError) as error:
        raise ValueError(f"its tensor {name[:80]!r} is not described") from error
    if not isinstance(dtype, str) or dtype not in BITS:
        raise ValueError(f"its tensor {name[:80]!r} has numbers of the unknown kind {str(dtype)[:20]!r}")
    if not _counts(shape) or len(shape) > MOST_DIMENSIONS or not _counts(offsets) or len(offsets) != 2:
        raise ValueError(f"its tensor {name[:80]!r} has a shape or place that cannot be")
    bits = math.prod(shape) * BITS[dtype]
    if bits != 8 * (offsets[1] - offsets[0]):
        raise ValueError(f"the shape of its tensor {name[:80]!r} does not match its bytes")
    return Tensor(dtype, tuple(shape)), offsets[0], offsets[1]


def _counts(values: Any) -> bool:
    """Whether something is a list of whole numbers that a file can hold."""
    if type(values) is not list:
        return False
    for value in values:  # noqa: SIM110 - a generator takes twice as long, and models have thousands of these
        if type(value) is not int or not 0 <= value < 1 << 63:
            return False
    return True


def _once(pairs: list[tuple[str, Any]]) -> dict[str, Any]:
    """A JSON object in which no name stands twice: else two readers could see two different files."""
    made = dict(pairs)
    if len(made) != len(pairs):
        raise ValueError("its header has one name twice")
    return made


def _no_constant(name: str) -> NoReturn:
    raise ValueError(f"its header has {name}, which is no number")


def _reason(error: Exception) -> str:
    if isinstance(error, json.JSONDecodeError):
        return "its header is no JSON"
    if isinstance(error, UnicodeDecodeError):
        return "its header is not UTF-8 text"
    if isinstance(error, RecursionError):
        return "its header is nested too deeply"
    return "its header has a number that is too long" if "int_max_str_digits" in str(error) else str(error)


def _broken(path: Path, why: str, way_out: str = "copy or download it again") -> ModelError:
    return ModelError(f"{path.name} cannot be read ({why}); {way_out}.")
