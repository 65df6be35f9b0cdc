import ast
import contextlib
import json
import re
from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd
import pytest
from recore_support.browser import assert_sound, open_report, print_from_shell, printed_colours

import recore.report
from recore.report.page.content import Figure, Page, PageFinding, Section, Table, short_name
from recore.report.page.figures import COLOURS, clip_to_axis, count_outside, edge_symbols, new_figure, thin_out
from recore.report.page.page_files import write_page

LIGHT_INK, DARK_INK = "#1b1f24", "#e6e9ed"  # of letters in light and in dark colours
HOSTILE = "</script><script>document.title='broken'</script><a href='http://example.com'>&lt;%{x}</a><img src=x>"


def make_page(word: str = "DD001") -> Page:
    x = np.linspace(4000, 600, 50)
    lines = new_figure(300, xaxis={"autorange": "reversed"})
    for name, y in ((word, np.sin(x / 300)), ("other", np.cos(x / 300))):
        lines.add_scatter(x=x, y=y, name=name, text=[word] * len(x), hovertemplate="%{text} %{y:.3f}")
    heatmap = new_figure(300)
    heatmap.add_heatmap(z=np.outer(x, x), hovertemplate="%{z}<extra></extra>")
    numbers = pd.DataFrame({"x": x, "y": np.sin(x / 300), "name": word})
    items = [Figure("lines", word, word, lines, numbers), Figure("heat", "Heat", "Two by two.", heatmap, numbers)]
    section = Section("only", word, word, [*items, Table("table", word, word, numbers)], word)
    return Page(word, word, {"file": word}, [PageFinding("bad", "words", word, "only", {"n": np.int64(3)})], [section])


def test_numbers_in_the_folder_are_exact(tmp_path: Path) -> None:
    example = make_page()
    folder = write_page(example, tmp_path / "new/r.html")
    assert sorted(folder) == sorted(path for path in (tmp_path / "new").rglob("*") if path.is_file())
    table = pd.read_csv(tmp_path / "new/r/lines.csv", float_precision="round_trip")
    pd.testing.assert_frame_equal(table, example.items[0].numbers, check_exact=True)
    contents = json.loads((tmp_path / "new/r/contents.json").read_text())
    assert contents["findings"][0]["values"] == {"n": 3}
    assert set(contents["files"]) == {"lines.csv", "heat.csv", "table.csv"}


def test_gaps_and_repeated_column_names_are_written_to_csv(tmp_path: Path) -> None:
    numbers = pd.DataFrame([["a,b", 1.5, np.inf, None], [None, np.nan, -np.inf, None]], columns=["n", "4.0", "4.0", 7])
    section = Section("only", "Only", "", [Figure("figure", "Figure", "", new_figure(300), numbers)], "")
    write_page(Page("Page", "", {}, [], [section]), tmp_path / "r.html")
    assert (tmp_path / "r/figure.csv").read_text() == '"n","4.0","4.0","7"\n"a,b",1.5,inf,\n,,-inf,\n'


def test_a_page_replaces_only_its_older_version(tmp_path: Path) -> None:
    write_page(make_page(), tmp_path / "r.html")
    write_page(make_page("again"), tmp_path / "r.html")
    assert "again" in (tmp_path / "r.html").read_text()
    (tmp_path / "r/mine.txt").write_text("mine")
    content = (tmp_path / "r.html").read_bytes()
    with pytest.raises(FileExistsError, match="other files"):
        write_page(make_page(), tmp_path / "r.html")
    assert (tmp_path / "r/mine.txt").exists()
    assert (tmp_path / "r.html").read_bytes() == content


@pytest.mark.parametrize("damaged", ["numbers", "render"])
def test_a_failure_does_not_change_an_old_page(tmp_path: Path, damaged: str, monkeypatch: pytest.MonkeyPatch) -> None:
    write_page(make_page(), tmp_path / "r.html")
    contents = {path: path.read_bytes() for path in tmp_path.rglob("*") if path.is_file()}
    new_page = make_page("new")
    if damaged == "numbers":
        new_page.sections[0].items[2].numbers["name"] = "\ud800"  # cannot be encoded in UTF-8
    else:
        new_page.facts["file"] = "\ud800"
    with pytest.raises(UnicodeEncodeError):
        write_page(new_page, tmp_path / "r.html")
    assert {path: path.read_bytes() for path in tmp_path.rglob("*") if path.is_file()} == contents


def test_invalid_names_are_rejected(tmp_path: Path) -> None:
    with pytest.raises(ValueError, match=r"must end in \.html"):
        write_page(make_page(), tmp_path / "r.htm")
    duplicate = make_page()
    with pytest.raises(ValueError, match="same name"):
        write_page(Page("t", "", {}, [], [*duplicate.sections, *duplicate.sections]), tmp_path / "r.html")
    assert list(tmp_path.iterdir()) == []


def test_text_is_never_markup(tmp_path: Path) -> None:
    write_page(make_page(HOSTILE), tmp_path / "r.html")
    html = (tmp_path / "r.html").read_text()
    assert len(re.findall(r"<script\b", html)) == 3
    assert "<img" not in html
    assert "<a href='http" not in html
    assert r"\u0026amp;lt;%{x}" in html  # in plots, which would otherwise interpret it as markup
    assert r"\u0026lt;%{x}" not in html
    assert not re.search(r'(src|href)="(?!#|data:|r/)', html)


def test_every_placeholder_is_filled() -> None:
    """Names in braces occur only in f-strings, in strings that are formatted, or after % for Plotly."""
    modules = [path.read_text() for path in Path(recore.report.__file__).parent.rglob("*.py")]
    formatted = set(re.findall(r"\b(\w+)\.format\(", "".join(modules)))
    for tree in map(ast.parse, modules):
        filled_nodes: set[ast.AST] = set()
        for node in ast.walk(tree):  # parents first
            is_formatted = getattr(node, "attr", "") == "format" or (
                isinstance(node, ast.Assign) and getattr(node.targets[0], "id", "") in formatted
            )
            if is_formatted or isinstance(node, ast.JoinedStr):
                filled_nodes.update(ast.walk(node))
            elif isinstance(node, ast.Constant) and node not in filled_nodes:
                assert not re.search(r"(?<!%)\{[A-Za-z_]\w*[^{}]*\}", str(node.value))


def luminance(colour: str) -> float:
    values = (int(colour[start : start + 2], 16) / 255 for start in (1, 3, 5))
    linear = [value / 12.92 if value <= 0.04045 else ((value + 0.055) / 1.055) ** 2.4 for value in values]
    return float(np.dot([0.2126, 0.7152, 0.0722], linear))


@pytest.mark.parametrize("colour", COLOURS)
def test_colours_are_visible_on_light_and_dark(colour: str) -> None:
    """WCAG 2.1 requires a contrast of at least 3:1."""
    for background in ("#ffffff", "#14171c"):
        low, high = sorted((luminance(colour), luminance(background)))
        assert (high + 0.05) / (low + 0.05) >= 3


def test_thinning_keeps_the_important_points() -> None:
    is_marked = np.zeros(10_000, dtype=bool)
    is_marked[[5, 777]] = True
    kept_indices = thin_out(10_000, is_marked, 100)
    assert {5, 777} <= set(kept_indices.tolist())
    assert 90 <= len(kept_indices) <= 102
    assert len(thin_out(10_000, ~np.zeros(10_000, dtype=bool), 100)) == 100
    assert thin_out(3, is_marked[:3], 100).tolist() == [0, 1, 2]


def test_values_outside_the_axis_are_marked_and_counted() -> None:
    clipped, outside_count = clip_to_axis([-5, -1, 0.5, np.nan, 1, 7], -1, 1)
    np.testing.assert_array_equal(clipped, [-1, -1, 0.5, np.nan, 1, 1])
    assert outside_count.tolist() == [-1, 0, 0, 0, 0, 1]
    assert edge_symbols(outside_count, "circle") == ["triangle-left", *["circle"] * 4, "triangle-right"]
    assert edge_symbols(outside_count[[0, 5]], "circle", "y") == ["triangle-down", "triangle-up"]
    assert "2 values outside" in count_outside(outside_count)
    assert "1 value outside" in count_outside(outside_count[1:], outside_count[1:3])
    assert count_outside(outside_count[1:5]) == ""


def test_names_are_short_and_printable() -> None:
    assert short_name("a" * 100) == "a" * 27 + "\N{HORIZONTAL ELLIPSIS}"
    assert short_name("\x1b[31mred") == "?[31mred"
    assert short_name("") == "(empty)"


@pytest.mark.machine
@pytest.mark.parametrize("scheme", ["light", "dark"])
def test_a_page_works_in_a_browser(chromium: Any, tmp_path: Path, scheme: str) -> None:
    write_page(make_page(HOSTILE), tmp_path / "r.html")
    with open_report(chromium, tmp_path / "r.html", scheme) as report:
        assert_sound(report, tmp_path / "r.html")
        assert report.tab.title() == HOSTILE
        assert report.tab.locator("svg a").count() == 0
        assert report.tab.locator(f"text={HOSTILE[:30]}").count() > 0
        assert HOSTILE[:60] in report.hover("lines") or "other" in report.hover("lines")
        assert report.hover("heat")
        assert report.toggle("lines") == ("1", "0.5")
        text_colour = "getComputedStyle(document.querySelector('#lines .xtick text')).fill"
        background = "getComputedStyle(document.body).backgroundColor"
        colours = report.tab.evaluate(text_colour), report.tab.evaluate(background)
        report.tab.click("#theme")
        assert {*colours, report.tab.evaluate(text_colour), report.tab.evaluate(background)} == {
            *("rgb(27, 31, 36)", "rgb(255, 255, 255)", "rgb(230, 233, 237)", "rgb(20, 23, 28)")
        }


@pytest.mark.machine
def test_a_page_works_by_keyboard_and_in_print(chromium: Any, tmp_path: Path) -> None:
    write_page(make_page(), tmp_path / "r.html")
    with open_report(chromium, tmp_path / "r.html", "dark") as report:
        tab = report.tab
        tab.keyboard.press("Tab")
        assert "Skip" in tab.evaluate("document.activeElement.textContent")
        for _ in range(20):
            tab.keyboard.press("Tab")
            if tab.evaluate("document.activeElement.dataset.figure") == "lines":
                break
        for key in ("ArrowRight", "ArrowRight", "ArrowDown", "ArrowRight"):
            tab.keyboard.press(key)
        tab.wait_for_timeout(300)
        expected = f"{np.cos(np.linspace(4000, 600, 50)[1] / 300):.3f}".replace("-", "\N{MINUS SIGN}")
        assert expected in tab.text_content("#spoken")
        tab.keyboard.press("Enter")
        tab.wait_for_timeout(100)
        assert tab.text_content("#spoken") == "other hidden"
        printed = tab.pdf(format="A4")
        assert printed.startswith(b"%PDF")
        tab.emulate_media(media="print")
        assert tab.evaluate("getComputedStyle(document.body).backgroundColor") == "rgb(255, 255, 255)"
        assert_sound(report, tmp_path / "r.html")


@pytest.mark.machine
def test_a_shell_prints_the_figures_in_light_colours(tmp_path: Path) -> None:
    write_page(make_page(), tmp_path / "r.html")
    colours = printed_colours(print_from_shell(tmp_path / "r.html", "--blink-settings=preferredColorScheme=0"))
    assert set(COLOURS[:2]) <= colours  # the colours of the two lines
    assert LIGHT_INK in colours
    assert DARK_INK not in colours


@pytest.mark.machine
def test_without_javascript_a_message_replaces_each_figure(tmp_path: Path, chromium: Any) -> None:
    write_page(make_page(), tmp_path / "r.html")
    with contextlib.closing(chromium.new_context(java_script_enabled=False)) as context:
        tab = context.new_page()
        tab.goto((tmp_path / "r.html").as_uri())
        for name in ("lines", "heat"):
            assert f"{name}.csv contains the numbers" in tab.inner_text(f"#{name} .plot")
        assert tab.locator("#table tbody tr").count() == 50


@pytest.mark.machine
def test_the_content_security_policy_blocks_outside_requests(chromium: Any, tmp_path: Path) -> None:
    write_page(make_page(), tmp_path / "r.html")
    as_function: Callable[[str], str] = "code => {{ {} }}".format
    with open_report(chromium, tmp_path / "r.html") as report:
        answer = report.tab.evaluate("fetch('https://example.com').then(() => 'reached', () => 'blocked')")
        assert answer == "blocked"
        report.tab.evaluate(
            "document.head.append(Object.assign(document.createElement('script'), {text: 'window.x=1'}))"
        )
        report.tab.evaluate(as_function("new Image().src = 'https://example.com/i.png'"), "")
        report.tab.wait_for_timeout(100)
        assert report.tab.evaluate("window.x") is None
        assert sum("Content Security Policy" in problem for problem in report.problems) >= 3
