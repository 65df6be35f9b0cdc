"""The documentation's pictures of reports: each shows text and a figure."""

import numpy as np
import pytest
from recore_support.pictures import read_png
from support.checkout import ROOT

from recore.report.page.figures import COLOURS

LARGEST_DIFFERENCE = 30  # of 255 levels, for each colour channel: lines have soft edges, and some are transparent


@pytest.mark.parametrize(
    "picture",
    [
        "docs/reports-explore.png",
        "docs/reports-validate.png",
        "docs/reports-run.png",
        "tools/recore/docs/reports-drift.png",
    ],
)
def test_a_picture_of_a_report_shows_text_and_a_figure(picture: str) -> None:
    pixels = read_png(ROOT / picture).astype(int)
    assert 0.5 < (pixels > 240).all(axis=2).mean() < 0.98  # the background
    third = len(pixels) // 3
    assert (pixels[:third] < 80).all(axis=2).mean() > 0.005  # the title, with findings or facts below it
    figure = pixels[-third:]
    drawn_colours = []
    for colour in COLOURS[:-1]:  # the last one is grey, like axes and text
        expected = [int(colour[start : start + 2], 16) for start in (1, 3, 5)]
        if (np.abs(figure - expected) < LARGEST_DIFFERENCE).all(axis=2).sum() > 300:
            drawn_colours.append(colour)
    assert drawn_colours
