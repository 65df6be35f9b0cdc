"""Cases after files that people sent: lists of peaks, prefixes of channels, other axes, typographic signs."""

import numpy as np

from recore_support.import_cases.axes import like_case
from recore_support.import_cases.case import Case
from recore_support.import_cases.rocks import Axis, axis
from recore_support.import_cases.spectra import table, two_columns
from recore_support.import_cases.text import US

PEAKS = Axis(
    np.array([3620.4, 3412.9, 2927.1, 1634.7, 1430.2, 1376.1, 1030.3, 914.2, 798.5, 694.8, 532.1, 470.6]), decimals=1
)
NIR_AND_MIR = Axis(np.concatenate([np.arange(7000, 4000, -16), np.arange(3998, 2400, -4), np.arange(2280, 600, -4)]))
NOT_REGULAR = "differ by factors, as in a list of peaks"

OF_PEAKS: list[Case] = [
    two_columns("a list of peaks", PEAKS).asks("peaks"),
    two_columns("a list of four peaks", Axis(PEAKS.positions[:4])).asks("peaks"),
    two_columns("peaks and both ends", Axis(np.array([4000, *PEAKS.positions, 349])), header=None).asks("peaks"),
    table("a table of peaks", PEAKS).asks("peaks"),
    two_columns("chosen bands and --unit", PEAKS).with_options(unit="cm-1").notes(NOT_REGULAR),
    two_columns("two detectors and a gap", NIR_AND_MIR),
    two_columns("steps of 1.93 without decimals", axis(4000, 600, -1.93, decimals=0), header=None),
    like_case("five channels for a grid", axis(4000, 600, -800), axis(3900, 700, -100), US)
    .with_options(interpolate=True)
    .asks(""),
]

CASES: list[Case] = [*OF_PEAKS]
