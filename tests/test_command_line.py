"""``python launch.py generate`` as scripts use it: paths on one stream, everything else on the other."""

from __future__ import annotations

import errno
import os
import re
import subprocess
import sys
from pathlib import Path

import pytest
from PIL import Image, ImageChops

import launch
from tests.libraries import opened, smooth
from tests.studio import ROOT, clean_environment
from tests.test_foreign import A1111, png
from webui import command_line
from webui.generate_flags import generate_parser, parse_generate
from webui.library.embed import encode_picture, read_parameters, read_recipe, read_stamp
from webui.owners import LOCAL_OWNER
from webui.progress_bar import ProgressBar
from webui.refusal import CannotStart

QUICK = ("--steps", "2", "--width", "64", "--height", "64")


class Shell:
    """Runs ``launch.py generate`` in this process, which has imported the engine already."""

    def __init__(self, folder: Path, patch: pytest.MonkeyPatch, said: pytest.CaptureFixture[str]) -> None:
        self.folder, self._said = folder, said
        patch.chdir(folder)

    def __call__(self, *arguments: str) -> tuple[int, str, str]:
        """The exit code, and what was written to the two streams."""
        self._said.readouterr()
        code = launch.main(["generate", *arguments])
        return code, *self._said.readouterr()


@pytest.fixture
def shell(tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]) -> Shell:
    return Shell(tmp_path, monkeypatch, capsys)


def run(folder: Path, *arguments: str, stderr: int = subprocess.PIPE) -> subprocess.Popen[str]:
    return subprocess.Popen(
        [sys.executable, str(ROOT / "launch.py"), "generate", *arguments],
        cwd=folder,
        env=clean_environment(folder) | {"OMP_WAIT_POLICY": "PASSIVE"},
        stdout=subprocess.PIPE,
        stderr=stderr,
        text=True,
    )


@pytest.fixture(scope="module")
def made(tmp_path_factory: pytest.TempPathFactory) -> tuple[Path, list[Path], str]:
    """Two pictures by the real program: their folder, the paths it printed, and what a terminal showed."""
    folder = tmp_path_factory.mktemp("made")
    master, slave = os.openpty()
    arguments = ("--seed", "7", "--count", "2", *QUICK, "--out", "here", "--sampler", "k_lms")
    with run(folder, "a red circle", *arguments, stderr=slave) as process:
        os.close(slave)
        seen = b""
        try:
            while part := os.read(master, 1 << 16):
                seen += part
        except OSError:  # Linux' way to say that nobody writes any more
            pass
        printed = map(Path, process.stdout.read().splitlines())
        paths = sorted(printed, key=lambda path: read_recipe(path).seed)  # either may have been finished first
        assert process.wait() == 0, seen
    os.close(master)
    return folder, paths, seen.decode()


pytestmark = pytest.mark.skipif(os.name != "posix", reason="needs a terminal to look at")


def test_it_prints_the_paths_of_what_it_made(made):
    folder, paths, _ = made
    assert len(paths) == 2
    assert set((folder / "here").iterdir()) == set(paths), "and leaves nothing else"
    for path, seed in zip(paths, (7, 8), strict=True):
        recipe = read_recipe(path)
        assert (recipe.seed, recipe.width, recipe.request["num_inference_steps"]) == (seed, 64, 2)
        assert recipe.request["scheduler"] == "k_lms"
        assert recipe.model.id == "starter"
        assert len(recipe.model.hash) == 64
        assert "Model hash: " in read_parameters(path)
        assert re.fullmatch(rf"\d{{8}}-\d{{6}}-{seed}-a-red-circle\.png", path.name)


def test_a_bar_grows_on_a_terminal(made):
    _, _, seen = made
    shares = [int(done) for done in re.findall(r"\r\x1b\[2K[█░]+ (\d+)/4 steps, \d+ s ", seen)]
    assert "Loading" in seen.split("█")[0]
    assert shares == sorted(shares)
    assert shares[-1] == 4
    assert re.search(r"Picture \d of 2, seed 7\.\r?\n", seen)
    assert seen.endswith("\r\x1b[2K"), "it is gone in the end"


def test_a_recipe_is_made_again(made, shell):
    first = made[1][0]
    code, out, err = shell("--recipe", str(first), "--out", ".", "--format", "webp", "--lossless", "--name", "[seed]")
    assert code == 0, err
    (path,) = map(Path, out.splitlines())
    assert path == (shell.folder / "7.webp").resolve()
    with Image.open(path) as again, Image.open(first) as before:
        off = ImageChops.difference(again.convert("RGB"), before.convert("RGB"))
    assert max(high for _, high in off.getextrema()) <= 1, "the first one shared its steps with the second"

    code, out, err = shell("--recipe", str(first), "--prove")
    assert code == 0, err
    assert out in ("identical\n", "same\n")
    assert len(list(shell.folder.iterdir())) == 1, "a proof keeps nothing"


def test_a_picture_that_another_program_comes_to_is_told(made, shell):
    stamp = read_stamp(made[1][0])
    stamp = stamp.model_copy(update={"recipe": stamp.recipe.model_copy(update={"seed": 8})})
    with Image.open(made[1][0]) as image:
        (shell.folder / "other.png").write_bytes(encode_picture(image.convert("RGB"), stamp=stamp))
    code, out, err = shell("--recipe", "other.png", "--prove")
    assert (code, out) == (3, "different\n")
    assert "of the pixels differ" in err


def test_a_strangers_recipe_is_taken_as_far_as_it_goes(shell):
    (shell.folder / "theirs.png").write_bytes(png(parameters=A1111))
    code, out, err = shell("--recipe", "theirs.png", *QUICK, "--out", "here", "--quiet")
    assert code == 0
    starts = ("Left out, ", "model is ", "noise_source is ")
    others = [line for line in err.splitlines() if not line.startswith(starts)]
    assert others == [], "also where it is quiet"
    recipe = read_recipe(Path(out.strip()))
    assert (recipe.seed, recipe.request["scheduler"]) == (3057413427, "DPM++ 2M SDE Karras")
    assert recipe.request["num_inference_steps"] == 2, "what is said goes before what is read"


def test_a_picture_is_painted_over(shell):
    smooth((64, 64)).save(shell.folder / "before.png")
    mask = Image.new("L", (64, 64), 0)
    mask.paste(255, (32, 0, 64, 64))
    mask.save(shell.folder / "mask.png")
    code, out, err = shell(
        "x",
        "--image",
        "before.png",
        "--mask",
        "mask.png",
        "--mask-blur",
        "0",
        "--steps",
        "4",
        "--seed",
        "1",
        "--out",
        "o",
    )
    assert code == 0, err
    assert read_recipe(Path(out.strip())).task == "inpaint"
    with Image.open(out.strip()) as after:
        kept, new = after.crop((0, 0, 32, 64)), after.crop((32, 0, 64, 64))
    assert kept.tobytes() == smooth((64, 64)).crop((0, 0, 32, 64)).tobytes()
    assert new.tobytes() != smooth((64, 64)).crop((32, 0, 64, 64)).tobytes()
    code, out, err = shell("--recipe", out.strip(), "--out", "again")
    assert code == 1
    assert "image" in err, "a recipe that began with a picture needs it again"


def test_without_a_folder_the_studio_lists_it(shell, monkeypatch):
    monkeypatch.setattr(command_line, "outputs_dir", lambda asked: asked or shell.folder / "outputs")
    code, out, err = shell("a red circle", *QUICK, "--seed", "3", "--style", "anime")
    assert code == 0, err
    with opened(shell.folder / "outputs") as library:
        (one,) = library.newest(LOCAL_OWNER, 9)
    assert str(one.path) == out.strip()
    assert (one.seed, one.style, one.model) == (3, "anime", "starter")
    code, out, err = shell("--recipe", str(one.path), "--out", "again")
    assert code == 0, err
    again = read_recipe(Path(out.strip()))
    assert (again.style, again.request["prompt"]) == ("anime", one.prompt), "it is not laid over the prompt twice"


def test_a_disk_that_fails_is_told(shell, monkeypatch):
    def full(*_: object, **__: object) -> None:
        raise OSError(errno.ENOSPC, "No space left on device")

    with monkeypatch.context() as broken:
        broken.setattr(os, "link", full)
        broken.setattr(os, "fsync", full)
        code, out, err = shell("a red circle", *QUICK, "--out", "here")
    assert (code, out) == (1, "")
    assert "The disk is full" in err
    assert not list((shell.folder / "here").iterdir())


@pytest.mark.parametrize(
    ("arguments", "words"),
    [
        ((), ("nothing to make", "--recipe")),
        (("x", "--steps", "999"), ("--steps is 999", "150")),
        (("x", "--steps", "many"), ("--steps", "many")),
        (("x", "--width", "64"), ("width", "height")),
        (("x", "--model", "nothing"), ("nothing", "starter")),
        (("x", "--bogus"), ("--bogus", "--help")),
        (("x", "--sampler", "nothing at all"), ("--sampler is", "nothing at all")),
        (("x", "--style", "nothing"), ("--style", "nothing")),
        (("x", "--image", "nowhere.png"), ("--image", "nowhere.png")),
        (("x", "--mask", "a.png"), ("--mask", "--image")),
        (("--recipe", "nowhere.png"), ("--recipe", "nowhere.png")),
        (("--recipe", "plain.png"), ("plain.png", "no recipe")),
        (("--recipe", "text.png"), ("no picture",)),
        (("x", "--prove"), ("--prove", "--recipe")),
        (("x", "--format", "jpeg", "--lossless"), ("lossless", "jpeg")),
        (("x", "--quality", "0"), ("quality", "100")),
        (("x", "--name", "[nonsense]"), ("--name has", "[nonsense]")),
        (("x", "--name", "../[seed]"), ("--name is", "leads out")),
        (("x", "--name", "/etc/[seed]"), ("--name is", "leads out")),
        (("x", "--steps", "0"), ("--steps is 0",)),
        (("x", "--sampler", "nope"), ("--sampler is", "nope")),
        (("x", "--strength", "0.5"), ("--strength", "--image")),
        (("x", "--masked-content", "fill"), ("--masked-content was given", "from words")),
        (("x", "--bogus"), ("--bogus", "generate --help")),
        (("x", "--out", "text.png/here"), ("Pictures cannot be kept", "--out")),
        (("x", "--models-dir", "nowhere"), ("nowhere", "--models-dir")),
    ],
)
def test_what_cannot_be_done_is_one_sentence(shell, arguments, words):
    Image.new("RGB", (64, 64)).save(shell.folder / "plain.png")
    (shell.folder / "text.png").write_text("no picture", encoding="utf-8")
    code, out, err = shell(*arguments)
    assert (code, out) == (1, "")
    assert len(err.strip().splitlines()) == 1, err
    assert err.rstrip().endswith((".", "every flag."))
    for word in words:
        assert word in err


def test_help_is_answered(tmp_path):
    with run(tmp_path, "--help") as process:
        said, complaint = process.communicate(timeout=60)
    assert (process.returncode, complaint) == (0, "")
    assert "--recipe" in said


def test_nothing_is_drawn_where_nobody_looks(capsys):
    bar = ProgressBar(sys.stderr)
    bar.show(1, 2)
    bar.close()
    quiet = ProgressBar(sys.stderr, quiet=True)
    quiet.say("Nobody hears this.")
    assert capsys.readouterr().err == ""
    quiet.warn("Somebody has to know.")
    assert capsys.readouterr().err == "Somebody has to know.\n"


def test_the_documented_table_is_the_parser():
    text = (ROOT / "docs" / "command-line.md").read_text(encoding="utf-8")
    rows = {
        re.findall(r"`(--[a-z0-9-]+|PROMPT)", names)[0]: (set(re.findall(r"`(--[a-z0-9-]+|PROMPT)", names)), sentence)
        for names, sentence in re.findall(r"^\| (`.+?`) \| (.+) \|$", text, re.MULTILINE)
    }
    told = {}
    for action in generate_parser()._actions:
        names = [name for name in action.option_strings if name.startswith("--")] or ["PROMPT"]
        told[names[0]] = (set(names), action.help)
    assert rows == told
    for _, sentence in told.values():
        assert re.fullmatch(r"[A-Z0-9].+\.", sentence)


def test_what_is_said_arrives():
    said = parse_generate(
        ["x", "--steps", "7", "--guidance-scale", "3", "--seed", "0", "--out", "o", "--models-dir", "m"]
    )
    assert said.fields == {"prompt": "x", "num_inference_steps": 7, "guidance_scale": 3.0, "seed": "0"}
    assert parse_generate(["x", "--lora", "ink:0.8", "--lora", "b", "--vae", "taesd"]).fields == {
        "prompt": "x",
        "loras": ["ink:0.8", "b"],
        "vae": "taesd",
    }
    assert (said.out, said.models_dir) == (Path("o"), (Path("m"),))
    with pytest.raises(CannotStart):
        parse_generate(["x", "y"])
