"""A progress line on the terminal."""

import sys
import time
from collections.abc import Callable


def progress_line(title: str, every_seconds: float = 5.0) -> Callable[[int, int], None]:
    """A reporter (done, total) that keeps one moving line on a terminal, and prints a line now and then elsewhere."""
    began = time.monotonic()
    state = {"shown": 0.0, "first": -1}

    def report(done: int, total: int) -> None:
        now = time.monotonic()
        terminal = sys.stdout.isatty()
        if state["first"] < 0:
            state["first"] = done
        if done < total and now - state["shown"] < (0.1 if terminal else every_seconds):
            return
        state["shown"] = now
        spent, made = now - began, done - state["first"]
        left = f"  ETA {spent / made * (total - done):.0f} s" if made and done < total else ""
        bar = "#" * (30 * done // max(total, 1))
        text = f"{title} [{bar:<30}] {done}/{total}  {spent:.0f} s{left}"
        print(f"\033[2K{text}" if terminal else text, end="\r" if terminal and done < total else "\n", flush=True)

    return report
