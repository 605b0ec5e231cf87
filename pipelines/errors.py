"""Everything that Reverie refuses or fails at, as one small tree.

::

    ReverieError
    ├── InvalidRequest (ValueError)     a field of a request, or a picture given to it, cannot be used
    ├── ModelError                      a model is missing, unreadable or of an unknown kind
    ├── PresetError                     a file under presets/ cannot be read
    └── GenerationError                 making the picture failed (memory, not-a-number, a broken component)
        ├── OutOfMemory                 no thriftier way was left; the sentence names a size that fits
        └── Cancelled                   somebody asked to stop; not a failure

Each message is one sentence that names the parameter, its value and the way out; it may be shown to anyone.
"""

from __future__ import annotations


class ReverieError(Exception):
    """The root of the tree: its text is one sentence for the person at the screen."""


class InvalidRequest(ReverieError, ValueError):
    """A request that cannot be run.

    Attributes:
        parameter: The request field at fault, by its diffusers name (``num_inference_steps``).
    """

    def __init__(self, parameter: str, message: str) -> None:
        super().__init__(message)
        self.parameter = parameter

    def __reduce__(self) -> tuple[type[InvalidRequest], tuple[str, str]]:
        return type(self), (self.parameter, str(self))  # so that it crosses a process border whole


class ModelError(ReverieError):
    """A model that is missing, unreadable, or of a kind Reverie does not know."""


class PresetError(ReverieError):
    """A preset file that cannot be read; the message names the file."""


class GenerationError(ReverieError):
    """A picture that could not be finished, for a reason outside the request."""


class OutOfMemory(GenerationError):
    """Memory did not suffice, also in the thriftiest way."""


class Cancelled(GenerationError):
    """The generation was stopped on purpose."""
