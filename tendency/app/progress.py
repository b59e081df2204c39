"""Progress of a long piece of work: a bar on a terminal, a line now and then in a log."""

import time
from collections.abc import Callable

from tendency.data.live_bar import LiveBar, shows_bars

REDRAW_SECONDS = 0.1


def progress_line(title: str, every_seconds: float = 5.0) -> Callable[[int, int], None]:
    """A function (parts done, parts in all) that shows the title, both numbers, the seconds spent and those left.

    Args:
        title: what is being done.
        every_seconds: least time between two lines where standard output is no terminal.
    """
    began = time.monotonic()
    bar: LiveBar | None = None
    shown: float | None = None
    first = 0

    def report(done: int, total: int) -> None:
        nonlocal bar, shown, first
        now = time.monotonic()
        if shown is None:
            first = done
            bar = LiveBar() if shows_bars() else None
        elif done < total and now - shown < (every_seconds if bar is None else REDRAW_SECONDS):
            return
        shown = now
        spent, new = now - began, done - first
        left = f"  ETA {spent / new * (total - done):.0f} s" if new and done < total else ""
        if bar is None:
            print(f"{title}  {done}/{total}  {spent:.0f} s{left}", flush=True)
            return
        bar.show(title, done, total, f"{spent:.0f} s{left}")
        if done >= total:
            bar.stop()

    return report
