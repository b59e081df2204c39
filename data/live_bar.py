"""A bar on the terminal, drawn by rich when there is something new to show."""

import os
import sys


def shows_bars() -> bool:
    """Whether standard output is a terminal that can overwrite a line; logs and pipes get plain lines instead."""
    return sys.stdout.isatty() and os.environ.get("TERM") not in ("dumb", "unknown")


class LiveBar:
    """``title ━━━━━━ 3/24  text``, which moves.

    It is drawn by the calls of ``show`` alone: no thread keeps the process alive or draws while workers start. The
    cursor stays visible, at the beginning of the line, and standard output is left as it is, so that a process which
    is killed, or ends with an exception, leaves the terminal in order.
    """

    def __init__(self) -> None:
        # Imported here: rich takes 65 ms, which a mistyped command and a log need not wait for.
        from rich.console import Console
        from rich.progress import BarColumn, MofNCompleteColumn, Progress, TextColumn

        self.progress = Progress(
            TextColumn("{task.description}", markup=False),
            BarColumn(30),
            MofNCompleteColumn(),
            TextColumn("{task.fields[text]}", markup=False),
            console=Console(file=sys.stdout, force_terminal=True),
            auto_refresh=False,
            redirect_stdout=False,
            redirect_stderr=False,
        )
        self.task = self.progress.add_task("", text="", visible=False)
        self.progress.start()
        self.progress.console.show_cursor(True)

    def show(self, title: str, done: int, total: int, text: str) -> None:
        """Draws the bar again.

        Args:
            title: text before the bar.
            done: parts that are done.
            total: parts in all.
            text: text after the bar.
        """
        self.progress.update(
            self.task, description=title, completed=done, total=max(total, 1), text=text, visible=True, refresh=True
        )
        self._rewind()

    def print(self, line: str) -> None:
        """Prints a line above the bar, where it stays."""
        self.progress.console.print(line, markup=False, highlight=False, soft_wrap=True)
        self._rewind()

    def stop(self, *, keep: bool = True) -> None:
        """Ends the bar; it stays on the screen as it is, or is taken away."""
        self.progress.live.transient = not keep
        self.progress.stop()

    def _rewind(self) -> None:
        """Puts the cursor where a message of somebody else may begin."""
        file = self.progress.console.file
        file.write("\r")
        file.flush()
