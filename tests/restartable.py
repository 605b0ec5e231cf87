"""A studio without a page, to be killed: ``python -m tests.restartable FOLDER SEED`` takes jobs in without end.

Whatever it has acknowledged to anybody it prints, one line of JSON each; a kill loses no line that was written.
"""

from __future__ import annotations

import hashlib
import json
import os
import random
import sys
import threading
from pathlib import Path

from PIL import Image

from pipelines.events import ImageFinished
from pipelines.request import GenerationRequest, ImageToImageRequest, TextToImageRequest
from tests.painter import Painter, painted
from webui.job import Job
from webui.jobs import JobQueue
from webui.journal import Journal
from webui.library.picture import SavedPicture
from webui.library.store import Library

OWNERS = tuple(character * 32 for character in "abc")
MOST_WAITING = 6
"""Jobs of one owner; enough to be at all points of their way when the kill comes."""


def open_queue(folder: Path) -> tuple[JobQueue, Library, Journal]:
    """Opens what is in the folder, with four jobs at work at once."""
    library = Library(folder)

    def keep(job: Job, event: ImageFinished) -> SavedPicture:
        return library.keep(job.owner, job.request, event, picture_id=job.picture_id(event.index))

    journal = Journal(folder / ".library" / "jobs.sqlite3")
    queue = JobQueue(
        Painter(total_steps=4), keep, workers=4, journal=journal, find=library.get, owner_key=library.owner_key
    )
    return queue, library, journal


def digest(image: Image.Image) -> str:
    """Tells one picture from another."""
    return hashlib.sha256(image.tobytes()).hexdigest()


def new_request(chance: random.Random, name: str) -> GenerationRequest:
    """A request unlike all others; some with a picture, half without a seed."""
    fields = {
        "prompt": name,
        "seed": chance.choice([-1, chance.randrange(10**9)]),
        "num_images_per_prompt": chance.randint(1, 4),
    }
    if chance.random() < 0.25:
        return ImageToImageRequest(**fields, image=painted(chance.randrange(10**9)))
    return TextToImageRequest(**fields)


def tell(**fact: object) -> None:
    """Prints a fact in one system call, so that its line is whole or not there."""
    os.write(1, (json.dumps(fact) + "\n").encode())


def watch(job: Job) -> None:
    """Tells of a job's pictures as a page would show them."""
    told: set[int] = set()
    view = job.view()
    while True:
        for picture in view.pictures:
            if picture.saved and picture.index not in told:
                told.add(picture.index)
                tell(fact="picture", job=job.id, id=picture.saved.id, seed=picture.seed)
        if view.ended:
            return
        view = job.wait_for_change(view.version)


def follow(job: Job) -> None:
    """Watches a job beside all else."""
    threading.Thread(target=watch, args=(job,), daemon=True).start()


def wish(chance: random.Random, queue: JobQueue, job: Job) -> None:
    """Now and then stops a job, skips a picture, pauses or moves it; mostly lets it go on."""
    number = chance.random()
    if number < 0.02 and queue.cancel(job.owner, job.id):
        tell(fact="stopped", job=job.id)
    elif number < 0.04 and queue.skip(job.owner, job.id):
        tell(fact="skipped", job=job.id)
    elif number < 0.1 and not job.paused and queue.pause(job.owner, job.id):
        queue.resume(job.owner, job.id)
    elif number < 0.2:
        queue.reorder(job.owner, job.id, chance.choice(["front", "back", 1]))
    else:
        job.wait_for_change(job.view().version, 1.0)


def main(folder: str, seed: str) -> None:
    """Takes jobs in and has wishes, until it is killed."""
    chance = random.Random(seed)
    tell(fact="opening")
    queue, _, journal = open_queue(Path(folder))
    for notice in journal.notices:
        tell(fact="notice", notice=notice)
    for owner in OWNERS:
        for job in queue.jobs(owner):
            if not job.ended:  # those that have ended were told of already
                queue.resume(owner, job.id)
                follow(job)
    number = 0
    while True:
        owner = chance.choice(OWNERS)
        waiting = [job for job in queue.jobs(owner) if not job.ended]
        if len(waiting) >= MOST_WAITING:
            wish(chance, queue, chance.choice(waiting))
            continue
        number += 1
        job = queue.submit(owner, new_request(chance, f"job {seed} {number}"))
        tell(fact="job", job=job.id, owner=owner, prompt=job.request.prompt, seeds=job.seeds)
        follow(job)


if __name__ == "__main__":
    main(*sys.argv[1:])
