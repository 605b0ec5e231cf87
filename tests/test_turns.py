"""Owners are served evenly by steps; nobody saves up or owes turns while away."""

from __future__ import annotations

from pipelines.turns import Turns


def serve(turns: Turns, waiting: dict[str, list[str]], batches: int) -> list[str]:
    """Serves the first in turn, one convoy a batch, and notes whose it was."""
    order = []
    for _ in range(batches):
        owner, convoy = min(
            ((owner, convoy) for owner, convoys in waiting.items() for convoy in convoys),
            key=lambda pair: turns.place(*pair),
        )
        turns.count([(owner, convoy)])
        order.append(convoy)
    return order


def test_an_owner_with_many_jobs_gets_no_more_than_one_with_a_single_job() -> None:
    turns = Turns()
    waiting = {"many": [f"m{number}" for number in range(9)], "one": ["o"]}
    for owner in waiting:
        turns.welcome(owner)
    order = serve(turns, waiting, 20)
    assert order.count("o") == 10
    assert len(set(order) - {"o"}) == 9, "all jobs of one owner take turns too"


def test_a_newcomer_begins_level_with_the_others() -> None:
    turns = Turns()
    turns.welcome("old")
    serve(turns, {"old": ["x"]}, 100)
    turns.welcome("new")
    assert serve(turns, {"old": ["x"], "new": ["y"]}, 10).count("y") == 5


def test_who_has_left_is_forgotten() -> None:
    turns = Turns()
    turns.welcome("gone")
    turns.welcome("here")
    turns.count([("here", "h")] * 50)
    turns.forget({"here"}, {"h"})
    turns.welcome("gone")
    assert turns.place("gone", "g")[0] == turns.place("here", "h")[0]
