"""A browser without a window, and reports to look at."""

import functools
import json
import math
import sys
from pathlib import Path

import numpy as np
import pytest
import torch

sys.path.append(str(Path(__file__).resolve().parent))
from browser import find_browser, must_be_tested

from tendency.evaluation.baselines.persistence import Persistence
from tendency.evaluation.report.page import render_page
from tendency.evaluation.report.player import encode_rollouts
from tendency.evaluation.report.report import prepare_page
from tendency.evaluation.report.report_source import ReportSource, TrainingHistory, Trainings
from tendency.evaluation.report.space import Space
from tendency.evaluation.report_description import ReportDescription
from tendency.evaluation.rollouts.evaluate_rollouts import evaluate_rollouts
from tendency.evaluation.rollouts.rollout_reader import RolloutReader
from tendency.simulation.conditions import Conditions
from tendency.simulation.geometry import Boundary, Grid, random_nodes
from tendency.simulation.tree import map_tensors
from tendency.simulation.window import Window

ARGUMENTS = ["--no-sandbox", "--disable-dev-shm-usage", "--disable-gpu", "--disable-extensions"]
NASTY = "<script>alert(1)</script> <img src=x onerror=alert(1)> \"'&lt; {{ 7*7 }} </script>"


class Slowed:
    """Persistence that goes a share of the way to zero with each step, or is lost after some time."""

    history = 1

    def __init__(self, share, lost_at=math.inf):
        self.share, self.lost_at = share, lost_at

    def start(self, u, t, conditions, seed):
        return {}

    def advance(self, u, t, dt, conditions, memory):
        gone = (t + dt > self.lost_at).reshape(-1, *[1] * (u.ndim - 1))
        return torch.where(gone, torch.nan, u * (1 - self.share)), memory


def window_of(geometry, extent, snapshots=9, count=5):
    """Travelling waves that tell left from right and up from down."""
    sides = torch.tensor([extent], dtype=torch.float64).expand(count, -1)
    x = geometry.coordinates(sides)
    t = 0.25 * torch.arange(snapshots, dtype=torch.float64).expand(count, -1)
    phase = x[:, 0] * (2 * math.pi / extent[0])
    shape = (count, snapshots, *[1] * (phase.ndim - 1))
    angle = phase[:, None] - t.reshape(shape) + torch.arange(count).reshape(-1, *[1] * phase.ndim)
    u = torch.sin(angle)
    if len(extent) > 1:
        u = u + (x[:, 1] / extent[1])[:, None] ** 2
    u = torch.stack([u, 2 + u], 2).float()
    empty, index = torch.zeros(count, 0, dtype=torch.float64), torch.arange(count)
    conditions = Conditions(empty, empty, sides, empty, geometry)
    return Window(u, t, conditions, None, index, torch.zeros_like(index), torch.ones_like(index))


GEOMETRIES = {
    "line": (Grid([48], Boundary([["dirichlet", "neumann"]])), [3.0]),
    "plane": (Grid([24, 16], Boundary.periodic(2)), [6.0, 4.0]),
    "cloud": (random_nodes(80, Boundary.periodic(2)), [1.0, 1.0]),
}
HISTORIES = {
    name: TrainingHistory([(0, 1.0), (50, 0.2), (100, 0.03)], {"validation, rollout nRMSE": [(49, 0.5), (99, 0.1)]})
    for name in ("slow", NASTY)
}


@pytest.fixture(scope="session")
def report(tmp_path_factory):
    """``report("plane")``: the folder of a report of three methods and persistence, one of which blows up."""

    @functools.cache
    def written(kind):
        folder = tmp_path_factory.mktemp(kind)
        geometry, extent = GEOMETRIES[kind]
        window = window_of(geometry, extent)
        methods = {"slow": Slowed(0.02), "slower": Slowed(0.2), NASTY: Slowed(0.05, lost_at=1.4)}
        description = {
            "pde": NASTY,
            "dataset": "waves-1",
            "resolution": "resolved",
            "network_calls": dict.fromkeys(methods, 1),
            "learned": list(methods),
        }
        parts = [map_tensors(lambda x, i=i: x[i : i + 2], window) for i in (0, 2, 4)]
        results = evaluate_rollouts(
            methods | {"persistence": Persistence()},
            parts,
            ["u", NASTY],
            folder,
            description=ReportDescription(**description),
        )
        points = [{"method": "solver", "seconds": 0.1, "error": 0.2, "label": "32"}]
        source = ReportSource(
            title=NASTY,
            configuration={NASTY: NASTY},
            certificate={"trajectories": 2, "figures": [figure(NASTY)]},
            provenance={NASTY: NASTY},
            problem=NASTY,
            formula=r"\partial_t u = \nu \nabla^2 u < 1",
            data={NASTY: NASTY, "certificate": NASTY},
            trainings=Trainings([NASTY], facts={name: {NASTY: name} for name in methods}, histories=HISTORIES),
        )
        content = prepare_page(results, folder, source, {"break_even": points} if kind == "line" else None)
        space = Space(geometry, window.conditions.extent.numpy())
        with RolloutReader(folder / "rollouts.nc", results.trajectory.values) as reader:
            page = render_page(content, lambda most_bytes: encode_rollouts(results, reader, space, most_bytes))
        (folder / "report.html").write_text(page, encoding="utf-8")
        return folder

    return written


def figure(name):
    """One line of a certificate."""
    return {"name": name, "value": 1e-9, "tolerance": 1e-6, "remedy": "", "binding": True}


@pytest.fixture(scope="session")
def chromium():
    """A browser without a window and without a network."""
    path = find_browser()
    if path is None:
        (pytest.fail if must_be_tested() else pytest.skip)("no browser")
    api = pytest.importorskip("playwright.sync_api")
    with api.sync_playwright() as driver:
        browser = driver.chromium.launch(executable_path=path, args=ARGUMENTS)
        yield browser
        browser.close()


class Opened:
    """A report in the browser, and what it complained of.

    Args:
        browser: to open it in.
        folder: of the report.
        width: of the screen.
        theme: that the system prefers.
    """

    def __init__(self, browser, folder, width=1280, theme="light"):
        self.context = browser.new_context(
            viewport={"width": width, "height": 844}, color_scheme=theme, offline=True, accept_downloads=True
        )
        self.page = self.context.new_page()
        self.page.set_default_timeout(120_000)
        self.complaints, self.requests = [], []
        # Not warnings: that a canvas is read back often is this test's doing.
        self.page.on("console", lambda message: message.type == "error" and self.complaints.append(message.text))
        self.page.on("pageerror", lambda error: self.complaints.append(str(error)))
        self.page.on("dialog", lambda dialog: (self.complaints.append(dialog.message), dialog.dismiss()))
        self.page.on("request", lambda request: self.requests.append(request.url))
        self.page.goto((folder / "report.html").as_uri())
        self.until("document.getElementById('moment').textContent !== ''")

    def until(self, expression):
        """Waits for something to be true. The driver's own way evaluates a text, which the page's policy forbids."""
        for _ in range(1200):
            if self.page.evaluate(expression):
                return
            self.page.wait_for_timeout(100)
        raise AssertionError(f"never true: {expression}")

    def inside(self, selector, across, up):
        """The place on the screen at these shares of the width and the height of a plot's upper axes."""
        script = """(selector) => { const div = document.querySelector(selector), box = div.getBoundingClientRect();
            const {xaxis, yaxis} = div._fullLayout;
            return [box.left + xaxis._offset, xaxis._length, box.top + yaxis._offset, yaxis._length]; }"""
        self.page.locator(selector).scroll_into_view_if_needed()
        left, width, top, height = self.page.evaluate(script, selector)
        return left + across * width, top + up * height

    def outside(self):
        """What it asked for that is not in the page."""
        return [url for url in self.requests[1:] if not url.startswith(("data:", "blob:"))]

    def pixels(self, part):
        """The canvas (rows, columns, 3) of one part, uint8."""
        script = """(label) => { const c = document.querySelector(`canvas[aria-label=${label}]`);
            return [c.height, c.width, Array.from(c.getContext('2d').getImageData(0, 0, c.width, c.height).data)]; }"""
        height, width, values = self.page.evaluate(script, part)
        return np.array(values, dtype=np.uint8).reshape(height, width, 4)[..., :3]


@pytest.fixture
def opened(chromium, report):
    """``opened("plane", width=390)``: the report in the browser; at the end it must have had nothing to complain of."""
    pages = []

    def look(kind, **how):
        pages.append(Opened(chromium, report(kind), **how))
        return pages[-1]

    yield look
    for one in pages:
        one.context.close()
        assert one.complaints == []
        assert one.outside() == []


@pytest.fixture
def numbers(report):
    """``numbers("plane")``: metrics.json of that report."""
    return lambda kind: json.loads((report(kind) / "metrics.json").read_text())
