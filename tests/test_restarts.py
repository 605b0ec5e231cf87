"""Killed at random moments, the studio loses, breaks and repeats no job and no picture that anybody was told of."""

from __future__ import annotations

import json
import random
import signal
import subprocess
import sys
import threading
from collections import Counter
from contextlib import suppress
from pathlib import Path
from typing import Any

import pytest
from PIL import Image

from tests.painter import PATIENCE, painted
from tests.restartable import OWNERS, digest, open_queue
from tests.studio import ROOT
from webui.library.embed import read_recipe

MOST_FACTS = 60
"""Facts after which a studio is killed at the latest; before the first of them it opens its folder."""


def kill_one(folder: Path, seed: int) -> list[dict[str, Any]]:
    """Starts a studio and kills it somewhere between opening the folder and being in full swing; gives what it told."""
    told = []
    with subprocess.Popen(
        [sys.executable, "-m", "tests.restartable", str(folder), str(seed)],
        cwd=ROOT,
        stdout=subprocess.PIPE,
        text=True,
    ) as studio:
        assert studio.stdout
        told += [json.loads(studio.stdout.readline()) for _ in range(1 + random.randint(0, MOST_FACTS))]
        with suppress(subprocess.TimeoutExpired):
            studio.wait(random.uniform(0, 0.05))
        studio.kill()
        told += [json.loads(line) for line in studio.stdout]
    assert studio.returncode == -signal.SIGKILL
    return told


def finish(folder: Path, told: list[dict[str, Any]]) -> dict[str, str]:
    """Opens the folder once more and lets everything come to its end; gives the state of each job it knew."""
    before = set(threading.enumerate())
    queue, library, journal = open_queue(folder)
    try:
        assert (journal.notices, library.notices) == ((), ())
        owners = {fact["job"]: fact["owner"] for fact in told if fact["fact"] == "job"}
        jobs = []
        for owner in OWNERS:
            for job in queue.jobs(owner):
                assert owners.get(job.id, owner) == owner
                jobs.append(job)
        for job in jobs:
            queue.resume(job.owner, job.id)  # one that was begun often enough is not begun by itself any more
            view = job.view()
            while not view.ended:
                changed = job.wait_for_change(view.version, PATIENCE)
                assert changed.version != view.version, view
                view = changed
        shown = [fact["id"] for fact in told if fact["fact"] == "picture"]
        assert all(any(library.get(owner, picture) for owner in OWNERS) for picture in shown), "a picture is lost"
        return {job.id: job.view().state for job in jobs}
    finally:
        queue.close()
        library.close()
        assert set(threading.enumerate()) == before


@pytest.mark.parametrize("kills", [6, pytest.param(100, marks=[pytest.mark.slow, pytest.mark.timeout(1200)])])
def test_killing_the_studio_loses_breaks_and_repeats_nothing(tmp_path: Path, kills: int) -> None:
    folder = tmp_path / "outputs"
    told = [fact for number in range(kills) for fact in kill_one(folder, number)]
    states = finish(folder, told)

    assert not [fact for fact in told if fact["fact"] == "notice"]
    jobs = {fact["job"]: fact for fact in told if fact["fact"] == "job"}
    wished = Counter(fact["job"] for fact in told if fact["fact"] in ("stopped", "skipped"))
    made: dict[str, list[int]] = {}
    for path in sorted(folder.glob("*/*.png")):
        recipe = read_recipe(path)
        assert recipe is not None
        with Image.open(path) as image:
            assert digest(image.convert("RGB")) == digest(painted(recipe.seed)), "a corrupt picture"
        made.setdefault(str(recipe.request["prompt"]), []).append(recipe.seed)
    for job_id, job in jobs.items():
        seeds = made.get(job["prompt"], [])
        assert len(seeds) == len(set(seeds)), "a picture was made twice"
        assert set(seeds) <= set(job["seeds"]), "a picture has another seed than was told"
        if not wished[job_id]:
            assert sorted(seeds) == sorted(job["seeds"]), f"pictures of job {job_id} are lost"
        assert states.get(job_id, "finished") in (("finished", "cancelled") if wished[job_id] else ("finished",))
    stopped = [fact["job"] for fact in told if fact["fact"] == "stopped"]
    assert all(states.get(job_id, "cancelled") in ("cancelled", "finished") for job_id in stopped)
    print(
        f"{kills} kills: {len(jobs)} jobs and {sum(map(len, made.values()))} pictures, {len(wished)} jobs with wishes"
    )
    assert len(jobs) >= kills
