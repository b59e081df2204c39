"""The page in a browser: it shows what was computed, needs no mouse, no network and no large screen."""

import numpy as np
import pytest
import xarray as xr
from matplotlib import colormaps

LOOKS = [
    ("plane", 1280, "light"),
    ("line", 390, "dark"),
    *(
        pytest.param(*look, marks=pytest.mark.slow)
        for look in (("plane", 390, "dark"), ("line", 1280, "dark"), ("line", 390, "light"), ("cloud", 390, "light"))
    ),
]

CONTRASTS = r"""() => {
  const channels = (colour) => colour.match(/[0-9.]+/g).slice(0, 3).map((c) => c / 255)
    .map((c) => c <= 0.03928 ? c / 12.92 : ((c + 0.055) / 1.055) ** 2.4);
  const light = (colour) => channels(colour).reduce((sum, c, i) => sum + c * [0.2126, 0.7152, 0.0722][i], 0);
  const ground = (node) => {
    for (; node; node = node.parentElement) {
      const colour = getComputedStyle(node).backgroundColor;
      if (!/, 0\)$/.test(colour) && colour !== "transparent") return colour;
    }
  };
  const found = {};
  const texts = "h1, h2, p, li, dt, dd, th, td, summary, label, button, a, figcaption, output";
  for (const node of document.querySelectorAll(texts)) {
    if (!node.textContent.trim() || !node.getClientRects().length) continue;
    const [a, b] = [light(getComputedStyle(node).color), light(ground(node))];
    found[node.tagName + "." + node.className] = (Math.max(a, b) + 0.05) / (Math.min(a, b) + 0.05);
  }
  return found;
}"""


@pytest.mark.parametrize(("kind", "width", "theme"), LOOKS, ids=lambda value: str(value))
def test_it_fits_the_screen_and_the_theme(opened, kind, width, theme):
    look = opened(kind, width=width, theme=theme)
    assert look.page.evaluate("document.documentElement.scrollWidth") <= width
    background = look.page.evaluate("getComputedStyle(document.body).backgroundColor")
    assert (background == "rgb(255, 255, 255)") == (theme == "light")
    # Every figure has been drawn: curves with their axes, and images that are not of one colour.
    charts = look.page.evaluate("[...document.querySelectorAll('.chart')].map((c) => c.querySelectorAll('.xy').length)")
    assert charts
    assert min(charts) > 0
    if kind != "line":
        assert look.pixels("truth").reshape(-1, 3).std(0).max() > 10


def test_the_scrubber_shows_the_snapshot_that_it_names(opened, report):
    look = opened("plane")
    look.page.select_option("#method", "slower")
    look.page.select_option("#trajectory", "worst")
    number = int(
        look.page.evaluate("document.querySelector('#trajectory option:checked').textContent").split()[-1][:-1]
    )
    look.page.focus("#scrubber")
    look.page.keyboard.press("Home")
    look.page.select_option("#scale", "same")
    before = look.pixels("prediction")
    for _ in range(5):
        look.page.keyboard.press("ArrowRight")
    assert "t = 1.25, snapshot 5" in look.page.text_content("#moment")
    assert not np.array_equal(look.pixels("prediction"), before)
    with xr.open_dataset(report("plane") / "rollouts.nc", engine="h5netcdf") as file:
        row = file.trajectory.values.tolist().index(number)
        truth = file.truth.isel(trajectory=row, channel=0).values
        prediction = file.prediction.sel(simulator="slower").isel(trajectory=row, channel=0).values
    limit = np.abs(truth).max()
    for part, values in (("truth", truth[5]), ("prediction", prediction[5]), ("difference", (prediction - truth)[5])):
        # The first axis to the right, the second up; all three on the truth's scale.
        expected = colormaps["RdBu_r"]((values.T[::-1] + limit) / (2 * limit))[..., :3] * 255
        assert np.abs(look.pixels(part) - expected).max() < 8, part


def test_it_opens_where_the_error_has_grown_with_a_scale_of_its_own(opened):
    look = opened("plane")
    assert "snapshot 6" in look.page.text_content("#moment")
    assert look.page.locator("#trajectory option:checked").text_content().startswith("median")
    assert set(look.page.evaluate("[...document.querySelectorAll('#trajectory option')].map((one) => one.value)")) == {
        "best",
        "median",
        "worst",
    }
    ends = [float(text) for text in look.page.locator(".bar span:last-child").all_text_contents()]
    assert ends[0] == ends[1] > ends[2] > 0
    assert look.pixels("difference").reshape(-1, 3).std(0).max() > 20
    # Both signs have colours of their own, whose middle is as dark as the page or as light.
    look.page.focus("#scrubber")
    look.page.keyboard.press("Home")
    assert look.pixels("difference").mean() > 240
    look.page.check("input[value=dark]", force=True)
    look.until("getComputedStyle(document.body).backgroundColor === 'rgb(20, 23, 27)'")
    assert look.pixels("difference").mean() < 45


@pytest.mark.slow
def test_logarithmic_axes_count_in_powers_of_ten_and_go_on_counting_when_zoomed(opened):
    look = opened("line")
    ticks = "[...document.querySelectorAll('#errors .ytick text')].map((one) => one.textContent)"
    look.until(f"{ticks}.length > 1 && document.getElementById('errors').layout.yaxis.tickvals")
    labels = [float(text) for text in look.page.evaluate(ticks)]
    assert labels == sorted(labels)
    assert {round(np.log10(label) % 1, 3) for label in labels} <= {0.0, 0.301, 0.699}
    # Plotly's own labels are 2 and 5 whatever the decade.
    look.page.evaluate("Plotly.relayout('errors', {'yaxis.range': [-0.6, -0.2]}).then(() => 0)")
    look.until(f"Math.min(...{ticks}.map(Number)) >= 0.25")
    zoomed = [float(text) for text in look.page.evaluate(ticks)]
    assert zoomed == sorted(zoomed)
    assert len(zoomed) >= 3
    assert zoomed[-1] < 0.64
    assert look.page.evaluate("[logarithmicTicks(-9, 2).ticktext, logarithmicTicks(-1, 0.1).ticktext]") == [
        [
            "10<sup>−8</sup>",
            "10<sup>−6</sup>",
            "10<sup>−4</sup>",
            "10<sup>−2</sup>",
            "10<sup>0</sup>",
            "10<sup>2</sup>",
        ],
        ["0.1", "0.2", "0.5", "1"],
    ]


@pytest.mark.slow
def test_a_table_wider_than_the_page_says_so_and_keeps_its_first_column(opened):
    look = opened("plane", width=390)
    table = look.page.locator(".scroll").first
    assert look.page.locator(".hint").first.is_visible()
    head = table.locator("tbody th").first
    before = head.bounding_box()["x"]
    table.evaluate("(box) => { box.scrollLeft = 200; }")
    assert table.evaluate("(box) => box.scrollLeft") == 200
    assert head.bounding_box()["x"] == before
    assert not opened("plane", width=1900).page.locator(".hint").first.is_visible()


def test_the_equation_and_the_facts_can_be_read(opened):
    look = opened("line", width=390, theme="dark")
    box = look.page.locator(".equation math").bounding_box()
    assert box["width"] > 60
    assert box["height"] > 12
    assert look.page.locator(".equation mfrac, .equation msup").count() == 1
    assert "<script>alert(1)</script>" in look.page.locator(".facts").first.text_content()
    # What a fact is called is not broken for the sake of a long text beside it.
    (lines,) = look.page.evaluate(
        "[...document.querySelectorAll('.facts dt')].filter((one) => one.textContent === 'certificate')"
        ".map((one) => { const range = document.createRange(); range.selectNodeContents(one);"
        " return range.getClientRects().length; })"
    )
    assert lines == 1
    look.until("document.querySelectorAll('#training .scatterlayer .trace').length === 2")
    # Every text stands out from what it lies on: a ratio of 4.5, as WCAG 2 asks of small ones.
    assert min(look.page.evaluate(CONTRASTS).values()) > 4.5


@pytest.mark.slow
def test_texts_stand_out_on_white_too(opened):
    assert min(opened("plane").page.evaluate(CONTRASTS).values()) > 4.5


def test_what_is_not_finite_is_grey(opened):
    look = opened("plane")
    look.page.select_option("#method", index=2)
    look.page.focus("#scrubber")
    look.page.keyboard.press("End")
    assert "not finite" in look.page.text_content("#moment")
    assert (look.pixels("prediction") == 0x9A).all()
    assert not (look.pixels("truth") == 0x9A).all()


def test_it_plays_and_pauses_with_the_space_bar(opened):
    look = opened("plane", width=390)
    look.page.focus("#scrubber")
    look.page.keyboard.press("Home")
    look.page.keyboard.press("Space")
    look.until("document.getElementById('scrubber').value === '8'")
    look.until("document.getElementById('play').getAttribute('aria-label') === 'Play'")
    # Two presses at once, however slow the machine is: it starts anew, and stops where it is.
    press = "document.getElementById('scrubber').dispatchEvent(new KeyboardEvent('keydown', {key: ' ', bubbles: true}))"
    label = "document.getElementById('play').getAttribute('aria-label')"
    found = look.page.evaluate(f"(() => {{ {press}; const first = {label}; {press}; return [first, {label}]; }})()")
    assert found == ["Pause", "Play"]
    assert look.page.input_value("#scrubber") == "0"


def test_on_a_line_the_cursor_goes_where_space_time_is_touched(opened):
    look = opened("line")
    look.until("document.querySelectorAll('.line .shapelayer path').length >= 3")
    look.page.mouse.click(*look.inside(".line", 0.75, 0.5))
    assert look.page.input_value("#scrubber") == "6"
    assert "t = 1.5, snapshot 6" in look.page.text_content("#moment")
    drawn = look.page.evaluate("document.querySelector('.profile').data.map((trace) => [trace.name, trace.y.length])")
    assert drawn == [["truth", 48], ["prediction", 48]]


def test_the_table_sorts_by_click_and_by_key(opened, numbers):
    look = opened("plane")
    summary = numbers("plane")["summary"]
    key = "final_nrmse"
    finite = sorted((name for name in summary if summary[name][key] is not None), key=lambda name: summary[name][key])
    (lost,) = (name for name in summary if summary[name][key] is None)
    head = look.page.locator("table.sorts thead th", has_text="nRMSE at the horizon")
    names = "[...document.querySelector('table.sorts').querySelectorAll('tbody th')].map((cell) => cell.textContent)"
    head.locator("button").click()
    assert head.get_attribute("aria-sort") == "ascending"
    assert look.page.evaluate(names) == [*finite, lost]
    look.page.keyboard.press("Enter")
    assert head.get_attribute("aria-sort") == "descending"
    assert look.page.evaluate(names) == [*reversed(finite), lost]
    assert look.page.locator("th[aria-sort=descending], th[aria-sort=ascending]").count() == 1


def test_the_switch_of_themes_works_without_a_mouse(opened):
    look = opened("plane", theme="light")
    colour = "getComputedStyle(document.querySelector('#errors .xtick text')).fill"
    before = look.page.evaluate(colour)
    look.page.focus("input[name=theme]:checked")
    look.page.keyboard.press("ArrowLeft")
    assert look.page.evaluate("document.documentElement.dataset.theme") == "dark"
    assert look.page.evaluate("getComputedStyle(document.body).backgroundColor") == "rgb(20, 23, 27)"
    look.until(f"{colour} !== '{before}'")


def test_curves_change_their_axis_and_say_what_is_under_the_pointer(opened):
    look = opened("line")
    assert look.page.evaluate("document.getElementById('errors').layout.yaxis.type") == "log"
    look.page.uncheck("[data-logarithmic=errors]")
    assert look.page.evaluate("document.getElementById('errors').layout.yaxis.type") == "linear"
    look.page.select_option("[data-chart=errors]", "correlation of the rollout")
    assert "correlation" in look.page.evaluate("document.getElementById('errors').layout.yaxis.title.text")
    look.page.mouse.move(*look.inside("#errors", 0.5, 0.5))
    look.page.wait_for_selector("#errors .hoverlayer text")
    assert "slower" in look.page.text_content("#errors .hoverlayer")
    assert look.page.locator("#break-even .scatterlayer .trace").count() == 1


@pytest.mark.parametrize("name", ["metrics.csv", "spectra.csv"])
def test_numbers_are_downloaded_from_the_page(opened, report, tmp_path, name):
    look = opened("line", width=390)
    with look.page.expect_download() as started:
        look.page.click(f"button[data-file='{name}']")
    started.value.save_as(tmp_path / name)
    text = (tmp_path / name).read_text()
    if name == "metrics.csv":
        assert text == (report("line") / name).read_text()
    assert text.count("\n") > 40


def test_names_stay_text_wherever_they_are_shown(opened):
    look = opened("line")
    look.page.select_option("#method", index=2)
    look.page.wait_for_timeout(100)
    assert "<script>alert(1)</script>" in look.page.text_content("#facts")
    assert "<script>alert(1)</script>" in look.page.text_content("h1")
    assert look.page.locator("img[src=x]").count() == 0
    own = look.page.locator("script:not([type])").count()
    assert own == 3
