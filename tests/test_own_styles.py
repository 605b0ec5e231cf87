"""Styles that people save: kept over a restart, each owner's apart, several at once in forms and recipes."""

from __future__ import annotations

import hashlib
from collections.abc import Iterator
from pathlib import Path

import pytest

from pipelines.errors import InvalidRequest, PresetError
from pipelines.manager import PipelineManager
from pipelines.preset import load_styles
from webui.dreaming import make_request, origin_of
from webui.filling import own_words, style_words
from webui.form import first_values, styles_of
from webui.jobs import JobQueue
from webui.library.store import Library
from webui.own_styles import AllStyles
from webui.studio import Studio

OURS = {style.id: style for style in load_styles()[0]}


def key(owner: str) -> str:
    return hashlib.sha256(owner.encode()).hexdigest()[:16]


def styles_in(folder: Path, *, shared: bool = True) -> AllStyles:
    return AllStyles(OURS, folder, key, shared=shared)


@pytest.fixture
def studio(tmp_path: Path) -> Iterator[Studio]:
    manager, library = PipelineManager(), Library(tmp_path)
    queue = JobQueue(manager, lambda job, event: library.keep(job.owner, job.request, event))
    styles = AllStyles(OURS, tmp_path / ".library" / "styles", library.owner_key, shared=False)
    yield Studio(manager, queue, library, False, styles, ("a red circle",))
    queue.close()
    library.close()
    manager.close()


def test_a_saved_style_is_the_owners_and_there_after_a_restart(tmp_path: Path) -> None:
    styles = styles_in(tmp_path)
    ink = styles.save("ann", "Ink", "ink on paper", "colour")
    assert (ink.prompt, ink.negative_prompt) == ("{prompt}, ink on paper", "colour")
    assert styles.choices("ann")[-1] == ("Ink", ink.id)
    assert styles.choices("ben") == [(style.label, style.id) for style in OURS.values()]
    again = styles_in(tmp_path)
    assert again[ink.id] == ink
    assert again.own("ann") == {ink.id: ink}
    assert len(again) == len(OURS) + 1
    assert "ann" not in str(list(tmp_path.rglob("*"))), "no token in a name"
    assert not again.remove("ben", ink.id)
    assert again.remove("ann", ink.id)
    assert ink.id not in styles_in(tmp_path)


def test_ids_of_a_shared_studio_cannot_be_guessed_and_never_take_ours(tmp_path: Path) -> None:
    shared, alone = styles_in(tmp_path / "a"), styles_in(tmp_path / "b", shared=False)
    first, second = (shared.save(owner, "Anime", "mine", "") for owner in ("ann", "ben"))
    assert len({first.id, second.id, "anime"}) == 3
    assert alone.save("local", "Anime", "mine", "").id == "anime-2"


def test_a1111s_file_comes_in(tmp_path: Path) -> None:
    styles = styles_in(tmp_path, shared=False)
    kept, problems = styles.read_csv("local", b"name,prompt,negative_prompt\nInk,ink,\nBad,{prompt}{prompt},\n")
    assert [style.id for style in kept] == ["ink"]
    assert len(problems) == 1
    with pytest.raises(PresetError, match="lacks the columns"):
        styles.read_csv("local", b"a,b\n1,2\n")


@pytest.mark.parametrize(
    ("label", "prompt", "sentence"),
    [("", "ink", "no name"), ("Ink", " ", "no words"), ("Ink", "{prompt} {prompt}", "more than once")],
)
def test_what_cannot_be_kept_is_said(tmp_path: Path, label: str, prompt: str, sentence: str) -> None:
    with pytest.raises(InvalidRequest, match=sentence):
        styles_in(tmp_path).save("ann", label, prompt, "")


def test_several_styles_go_into_a_request_and_come_off_its_recipe(studio: Studio) -> None:
    ink = studio.styles.save("local", "Ink", "ink on paper", "colour")
    values = first_values(studio) | {"prompt": "a boat", "negative_prompt": "fog", "style": ["anime", ink.id]}
    request = make_request(studio, values)
    assert request.prompt.endswith(", ink on paper")
    assert request.negative_prompt.startswith("fog, ")
    style = str(origin_of(studio, values).style)
    assert style == f"anime,{ink.id}"
    assert style_words(studio, f"{style},gone") == "Anime + Ink + gone"
    own = {"prompt": "a boat", "negative_prompt": "fog", "style": ["anime", ink.id]}
    assert own_words(studio, style, request.prompt, request.negative_prompt) == own
    studio.styles.remove("local", ink.id)
    whole = own_words(studio, style, request.prompt, request.negative_prompt)
    assert whole == {"prompt": request.prompt, "negative_prompt": request.negative_prompt, "style": []}


def test_what_is_no_list_of_styles_is_none(studio: Studio) -> None:
    assert styles_of(studio, None) == styles_of(studio, 7) == styles_of(studio, ["gone"]) == styles_of(studio, "") == []
    assert [style.id for style in styles_of(studio, ["anime", "anime", "origami"])] == ["anime", "origami"]


@pytest.mark.parametrize(
    ("words", "sentence"),
    [
        ({"prompt": "a (boat"}, "is never closed"),
        (
            {"prompt": "a boat", "negative_prompt": "fog]"},
            "negative_prompt has a ']' at character 4 that",
        ),
        ({"prompt": "a {boat|__animle__}"}, "no wildcard that is here; did you mean __animal__"),
    ],
)
def test_dream_refuses_what_the_line_says_cannot_be_read(studio: Studio, words: dict[str, str], sentence: str) -> None:
    with pytest.raises(InvalidRequest, match=sentence.replace("]", r"\]")):
        make_request(studio, first_values(studio) | words)
    assert make_request(studio, first_values(studio) | words | {"prompt_syntax": "plain"}).prompt == words["prompt"]
