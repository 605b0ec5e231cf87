"""Headers of safetensors files: read as the library reads them, and every defect is one sentence."""

from __future__ import annotations

import json
import os
import random
import subprocess
import sys
from pathlib import Path

import pytest
import torch
from safetensors import SafetensorError, safe_open
from safetensors.torch import save_file

from pipelines.errors import ModelError
from pipelines.headers import LARGEST_HEADER, read_header
from tests.studio import ROOT

TENSORS = {
    "a.weight": torch.zeros(3, 4, dtype=torch.float16),
    "b": torch.zeros(2, dtype=torch.int64),
    "empty": torch.zeros(0, 7),
    "scalar": torch.tensor(1.0),
}


def write(path: Path, header: object, data: bytes = b"", *, length: int | None = None) -> Path:
    text = header if isinstance(header, bytes) else json.dumps(header).encode()
    path.write_bytes((len(text) if length is None else length).to_bytes(8, "little") + text + data)
    return path


def entry(shape: list[object], begin: int, end: int, dtype: str = "F32") -> dict[str, object]:
    return {"dtype": dtype, "shape": shape, "data_offsets": [begin, end]}


def refused(path: Path) -> str:
    with pytest.raises(ModelError) as caught:
        read_header(path)
    sentence = str(caught.value)
    assert sentence.endswith(".") and "\n" not in sentence and path.name in sentence and len(sentence) < 400
    return sentence


def test_it_says_what_the_library_says(tmp_path: Path) -> None:
    save_file(TENSORS, tmp_path / "x.safetensors", metadata={"title": "ünï"})
    header = read_header(tmp_path / "x.safetensors")
    assert header.metadata == {"title": "ünï"}
    assert header.size_bytes == (tmp_path / "x.safetensors").stat().st_size
    assert {name: tensor.shape for name, tensor in header.tensors.items()} == {
        name: tuple(tensor.shape) for name, tensor in TENSORS.items()
    }
    assert header.tensors["a.weight"].dtype == "F16" and header.shape("b") == (2,) and header.shape("none") == ()


@pytest.mark.parametrize(
    ("header", "data", "words"),
    [
        ({"a": entry([2], 0, 8)}, b"1234567", "1 bytes are missing at its end"),
        ({"a": entry([2], 0, 8)}, b"123456789", "1 bytes that belong to no tensor"),
        ({"a": entry([2], 0, 4)}, b"1234", "shape of its tensor 'a' does not match"),
        ({"a": entry([1], 0, 4), "b": entry([1], 0, 4)}, b"1234", "overlap or leave gaps"),
        ({"a": entry([1], 0, 4), "b": entry([1], 8, 12)}, b"1" * 12, "overlap or leave gaps"),
        ({"a": entry([1], 4, 0)}, b"1234", "does not match"),
        ({"a": entry([-1], 0, 4)}, b"1234", "shape or place"),
        ({"a": entry([True], 0, 4)}, b"1234", "shape or place"),
        ({"a": entry([1.0], 0, 4)}, b"1234", "shape or place"),
        ({"a": entry([1 << 70], 0, 4)}, b"1234", "shape or place"),
        ({"a": entry([1] * 9, 0, 4)}, b"1234", "shape or place"),
        ({"a": entry([1], 0, 4, "F33")}, b"1234", "unknown kind 'F33'"),
        ({"a": {"dtype": "F32"}}, b"", "not described"),
        ({"a": 7}, b"", "not described"),
        ({"a": entry([1], 0, 4), "__metadata__": {"x": 1}}, b"1234", "not made of texts"),
        ({"__metadata__": []}, b"", "not made of texts"),
        (b'{"a":{},"a":{}}', b"", "one name twice"),
        (b'{"__metadata__":{"a":"1","a":"2"}}', b"", "one name twice"),
        (b'{"a":NaN}', b"", "NaN"),
        (b'{"a":' + b"9" * 5000 + b"}", b"", "number that is too long"),
        (b"{not json}", b"", "no JSON"),
        (b'{"\xff":1}', b"", "UTF-8"),
        (b"[]", b"", "not that of a safetensors file"),
        (b'{"a":' + b"[" * 50_000 + b"]" * 50_000 + b"}", b"", "nested too deeply"),
        (b'{"a":' + b'{"a":' * 50_000 + b"1" + b"}" * 50_001, b"", "nested too deeply"),
        (b'{"a":[' + b"{}," * 200_000 + b"1]}", b"", "lists more than"),
    ],
    ids=lambda value: value[:40] if isinstance(value, str) else "",
)
def test_a_defect_is_named(tmp_path: Path, header: object, data: bytes, words: str) -> None:
    assert words in refused(write(tmp_path / "x.safetensors", header, data))


def test_lengths_that_cannot_be(tmp_path: Path) -> None:
    path = tmp_path / "x.safetensors"
    for length in (0, 1, 100, 2**63, 2**64 - 1):
        assert "beginning" in refused(write(path, b"{}", length=length))
    path.write_bytes(b"\x02\x00\x00")
    assert "beginning" in refused(path)
    path.write_bytes(b"")
    assert "empty" in refused(path)
    with path.open("wb") as file:  # a hole, so that it takes no room
        file.write((LARGEST_HEADER + 1).to_bytes(8, "little"))
        file.truncate(LARGEST_HEADER + 100)
    assert f"{LARGEST_HEADER} are read at most" in refused(path)


@pytest.mark.skipif(not hasattr(os, "mkfifo"), reason="there are no pipes in folders here")
def test_what_is_no_file_is_not_waited_for(tmp_path: Path) -> None:
    os.mkfifo(tmp_path / "pipe.safetensors")
    (tmp_path / "round.safetensors").symlink_to(tmp_path / "round.safetensors")
    (tmp_path / "folder.safetensors").mkdir()
    for name in ("pipe", "round", "folder", "missing"):
        refused(tmp_path / f"{name}.safetensors")


def test_two_thousand_mutated_headers(tmp_path: Path) -> None:
    """Whatever is read at all is what the library reads, too; nothing but one sentence comes out otherwise."""
    source = tmp_path / "source.safetensors"
    save_file(TENSORS, source, metadata={"title": "x"})
    whole = source.read_bytes()
    length = 8 + int.from_bytes(whole[:8], "little")
    dice = random.Random(7)
    path = tmp_path / "mutated.safetensors"
    read, sentences = 0, []
    for _ in range(2000):
        path.write_bytes(mutate(bytearray(whole), length, dice))
        try:
            header = read_header(path)
        except ModelError as error:
            sentences.append(str(error))
            continue
        read += 1
        try:
            with safe_open(path, "pt") as library:
                assert set(library.keys()) == set(header.tensors)
        except SafetensorError as error:
            pytest.fail(f"the library refuses what is read here: {error}")
    assert all(text.endswith(".") and path.name in text and "\n" not in text for text in sentences)
    assert read < 1000, "most mutations should do some harm"


def mutate(data: bytearray, length: int, dice: random.Random) -> bytes:
    kind = dice.randrange(6)
    if kind == 0:  # some bytes of the header are others
        for _ in range(dice.randint(1, 8)):
            data[dice.randrange(length)] = dice.randrange(256)
    elif kind == 1:  # a digit is another
        digits = [place for place in range(8, length) if chr(data[place]).isdigit()]
        data[dice.choice(digits)] = ord(str(dice.randrange(10)))
    elif kind == 2:
        del data[dice.randrange(len(data)) :]
    elif kind == 3:
        begin = dice.randrange(8, length)
        del data[begin : begin + dice.randint(1, 30)]
    elif kind == 4:
        begin = dice.randrange(8, length)
        data[begin:begin] = data[begin : begin + dice.randint(1, 60)]
    else:
        data[0:8] = (
            dice.randbytes(8) if dice.random() < 0.5 else (length - 8 + dice.randint(-9, 9)).to_bytes(8, "little")
        )
    return bytes(data)


def test_hostile_headers_take_no_memory(tmp_path: Path) -> None:
    """The peak of a process that reads the worst headers, each as long as is read at all, over one that reads none."""
    fill = LARGEST_HEADER - 100
    worst = {
        "objects": b'{"a":[' + b"{}," * (fill // 3) + b"1]}",
        "numbers": b'{"a":[' + b"9," * 990_000 + b"1]}",
        "floats": b'{"a":[' + b"1.5," * 990_000 + b"1]}",
        "text": b'{"__metadata__":{"a":"' + b"x" * (fill - 4) + "😀".encode() + b'"}}',
        "names": b"{" + b",".join(b'"%07d":{}' % number for number in range(99_000)) + b"}",
        "lists": b'{"a":[' + b"[]," * 190_000 + b"1]}",
    }
    for name, text in worst.items():
        write(tmp_path / f"{name}.safetensors", text)
    program = (
        "import resource, sys\nfrom pathlib import Path\nfrom pipelines.errors import ModelError\n"
        "from pipelines.headers import read_header\n"
        "before = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss\n"
        "for path in sorted(Path(sys.argv[1]).glob('*.safetensors')):\n"
        "    try: read_header(path)\n"
        "    except ModelError: pass\n"
        "print(resource.getrusage(resource.RUSAGE_SELF).ru_maxrss - before)\n"
    )
    done = subprocess.run(
        [sys.executable, "-c", program, str(tmp_path)], capture_output=True, text=True, check=True, cwd=ROOT
    )
    assert int(done.stdout) / 1024 < 100, f"{int(done.stdout) / 1024:.0f} MB"
