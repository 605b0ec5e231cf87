"""The one error of starting up: why Reverie cannot start, in one sentence that ends with the way out."""

from __future__ import annotations


class CannotStart(Exception):
    """Shown as it is, without a traceback; ``launch.py`` then ends with exit code 1."""
