import itertools
import struct
import zlib
from pathlib import Path

import numpy as np
import pytest
from support.checkout import ROOT

from recore.report.page.figures import COLOURS

CHANNELS = {2: 3, 3: 1, 6: 4}  # the number of channels by colour type: RGB, palette, RGB with transparency


def read_png(path: Path) -> np.ndarray:
    """Return the pixels (height, width, 3), 0 to 255, of a non-interlaced PNG file."""
    content, chunks, position = path.read_bytes(), {}, 8
    while position < len(content):
        size, name = struct.unpack_from(">I4s", content, position)
        chunks[name] = chunks.get(name, b"") + content[position + 8 : position + 8 + size]
        position += 12 + size
    width, height, depth, colour_type, _, _, interlaced = struct.unpack(">IIBBBBB", chunks[b"IHDR"])
    assert (depth, interlaced) == (8, 0)
    channels = CHANNELS[colour_type]
    lines = np.frombuffer(zlib.decompress(chunks[b"IDAT"]), np.uint8).reshape(height, 1 + width * channels)
    pixels, above = np.empty((height, width, channels), np.uint8), np.zeros((width, channels), np.uint8)
    for number, line in enumerate(lines):
        pixels[number] = above = unfilter(int(line[0]), line[1:].reshape(width, channels), above)
    if colour_type == 3:
        return np.frombuffer(chunks[b"PLTE"], np.uint8).reshape(-1, 3)[pixels[:, :, 0]]
    return pixels[:, :, :3]


def unfilter(kind: int, line: np.ndarray, above: np.ndarray) -> np.ndarray:
    """Undo a filter of the PNG standard; lines and the result are arrays (width, channels)."""
    if kind == 0:
        return line
    if kind == 1:
        return np.cumsum(line, axis=0, dtype=np.uint8)
    if kind == 2:
        return line + above
    columns = []
    for values, upper in zip(line.T.tolist(), above.T.tolist(), strict=True):
        left, result = 0, []
        for value, up, corner in zip(values, upper, itertools.chain([0], upper), strict=False):
            left = (value + ((left + up) // 2 if kind == 3 else paeth_predictor(left, up, corner))) % 256
            result.append(left)
        columns.append(result)
    return np.array(columns, np.uint8).T


def paeth_predictor(left: int, up: int, corner: int) -> int:
    estimate = left + up - corner
    return min((left, up, corner), key=lambda neighbour: abs(estimate - neighbour))


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
