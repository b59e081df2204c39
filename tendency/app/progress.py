"""Progress of a long piece of work: a bar on a terminal, a line now and then in a log."""

import time
from collections.abc import Callable

from tendency.data.live_bar import LiveBar, shows_bars

REDRAW_SECONDS = 0.1
LONG_SECONDS = 3600.0
"""What takes longer says so as soon as its first part shows it, on a terminal too."""


def duration(seconds: float) -> str:
    """A time that a reader grasps: ``45 s``, ``12 min``, ``3.2 hours``, ``5.1 days``."""
    for unit, length in (("days", 86400.0), ("hours", 3600.0), ("min", 60.0)):
        if seconds >= 1.5 * length:
            return f"{seconds / length:.3g} {unit}"
    return f"{seconds:.0f} s"


def progress_line(title: str, every_seconds: float = 5.0) -> Callable[[int, int], None]:
    """A function (parts done, parts in all) that shows the title, both numbers, the seconds spent and those left.

    Args:
        title: what is being done.
        every_seconds: least time between two lines where standard output is no terminal.
    """
    began = time.monotonic()
    bar: LiveBar | None = None
    shown: float | None = None
    first, announced = 0, False

    def announce(done: int, total: int, now: float) -> None:
        nonlocal announced
        if announced or done == first or done >= total:
            return
        announced = True
        seconds = (now - began) / (done - first) * (total - done)
        if seconds > LONG_SECONDS:
            text = f"{title}: about {duration(seconds)} for {total - done} more, by the first {done - first}"
            if bar is None:
                print(text, flush=True)
            else:
                bar.print(text)

    def report(done: int, total: int) -> None:
        nonlocal bar, shown, first
        now = time.monotonic()
        if shown is None:
            # What was there before took no time.
            first = done
            bar = LiveBar() if shows_bars() else None
        elif done < total and now - shown < (every_seconds if bar is None else REDRAW_SECONDS):
            return
        shown = now
        spent, new = now - began, done - first
        announce(done, total, now)
        left = f"  ETA {spent / new * (total - done):.0f} s" if new and done < total else ""
        if bar is None:
            print(f"{title}  {done}/{total}  {spent:.0f} s{left}", flush=True)
            return
        bar.show(title, done, total, f"{spent:.0f} s{left}")
        if done >= total:
            bar.stop()

    return report
