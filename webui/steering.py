"""What is wished of a running job, passed on to whatever makes its pictures just now."""

from __future__ import annotations

from collections.abc import Collection

from pipelines.control import Control


class Steering:
    """Wishes about a job; its job's lock guards it.

    A job may be made in several portions, one after the other, each with a control of its own that counts the
    portion's pictures from 0; wishes hold for all of them.

    Attributes:
        still: Whether everything should stand still.
        stopped: Whether nothing more is wanted.
    """

    def __init__(self) -> None:
        self.still = self.stopped = False
        self._control: Control | None = None
        self._portion = range(0)

    def follow(self, control: Control, portion: range) -> None:
        """Steers the making of some of the pictures from now on."""
        self._control, self._portion = control, portion

    def tell(self, skipped: Collection[int]) -> None:
        """Passes on what has been wished and not been told; never waits.

        Args:
            skipped: Indices, in the job, of pictures to leave out.
        """
        control = self._control
        if control is None:
            return
        for local, index in enumerate(self._portion):
            # A skip is heeded at once, also by what stands still or waits; so that is how a job is stopped, too.
            if (self.stopped or index in skipped) and local not in control.skipped:
                control.skip(local)
        if self.still and not control.paused:
            control.pause()
        elif control.paused and not self.still:
            control.resume()
