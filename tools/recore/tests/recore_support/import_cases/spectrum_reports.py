"""Cases after files that people sent: lists of peaks, prefixes of channels, other axes, typographic signs."""

import re
from collections.abc import Callable
from dataclasses import replace

import numpy as np

from recore_support.import_cases.axes import like_case
from recore_support.import_cases.case import ANY, Case
from recore_support.import_cases.rocks import MIR, MIR_UM, VISNIR_NM, Axis, absorbance, axis
from recore_support.import_cases.spectra import SAMPLES, table, transposed, two_columns
from recore_support.import_cases.tables import FROMS, HOLES, TOS, in_one_table
from recore_support.import_cases.text import GERMAN, US, TextFormat

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

PREFIXES = ("m", "V", "wn", "abs", "nir", "v.", "X.", "Y_", "spec_", "A", "wavenumber", "mir-")
OF_PREFIXES: list[Case] = [
    *(table(f"prefix {word!r}", channel=word + "{}").notes(f"begin with {word!r}") for word in PREFIXES),
    *(table(f"prefix {word!r}, decimal commas", MIR, GERMAN, channel=word + "{}") for word in ("m", "abs")),
    *(
        table(f"prefix {word!r} of nanometres", VISNIR_NM, channel=word + "{}")
        for word in ("nm", "nm_", "wl", "wl_", "wl.", "Wavelength", "lambda_")
    ),
    table("prefix 'wl' and micrometres", MIR_UM, channel="wl{}").asks("unit"),
    table("prefix 'wl' and 4000 to 600", channel="wl{}").asks("unit"),
    table("prefix 'um' of micrometres", MIR_UM, channel="um{}"),
    table("prefix 'm' and a unit", channel="m{} cm-1"),
    table("prefix 'm' within 350 to 2500", VISNIR_NM, channel="m{}").asks("unit"),
    table("prefix 'R_'", quantity="fraction", channel="R_{}").asks("quantity"),
    table("prefix 'T'", quantity="percent", channel="T{}").asks("quantity"),
    table("prefix 'scan2_'", channel="scan2_{}").notes("begin with 'scan2_'"),
    table("prefix 'd1_'", channel="d1_{}").asks("quantity"),
    table("a word for transmittance after the channels", quantity="fraction", channel="{}_transmittance").asks(
        "quantity"
    ),
    table("names of MATLAB", channel=lambda text: "x" + text.replace(".", "_")).asks(""),
    table("prefix 'm' and soil", columns={"PIDN": SAMPLES, "BSAN": ("0.1", "0.2", "0.3")}, channel="m{}"),
    table("spectra and their errors", channel=lambda text: f"{'sd' if text < '2' else 'm'}{text}").asks(ANY),
    *(
        table(f"channels {word}1 to {word}40", axis(1, 40, 1, decimals=0), channel=word + "{}").asks("channels")
        for word in "rVXc"
    ),
    table("channels PC0 to PC39", axis(0, 39, 1, decimals=0), channel="PC{}").asks("channels"),
    transposed("samples S101 to S108 in columns", tuple(f"S{number}" for number in range(101, 109))).asks("layout"),
    transposed("samples S1 to S8 in columns", tuple(f"S{number}" for number in range(1, 9)), "").asks("layout"),
    transposed("samples S5, S9 in columns, --unit", tuple(f"S{4 * n * n}" for n in range(2, 12)), "")
    .with_options(unit="cm-1")
    .asks("layout"),
    in_one_table(
        "one table of a laboratory, prefix 'm'",
        {
            "SampleID": ("R1", "R2", "R3"),
            "HoleID": HOLES,
            "From": FROMS,
            "To": TOS,
            "Cu (%)": ("0.1", "0.2", "0.5"),
            "Au (g/t)": ("1", "2", "3"),
        },
        channel="m{}",
    ),
]

OTHER_AXES = (
    *(
        "Energy (meV)",
        "eV",
        "Photon energy [keV]",
        "Frequency (GHz)",
        "E (kJ/mol)",
        "kcal mol-1",
        "Energy (Hartree)",
        "Angular wavenumber (rad/cm)",
        "k / rad cm-1",
    ),
    *(
        "Raman shift (cm-1)",
        "Raman Shift / cm-1",
        "2theta",
        "2\u03b8 (deg)",
        "Two-Theta",
        "m/z",
    ),
    *("Retention time (min)", "Minutes", "seconds", "Chemical shift (ppm)", "ppm", "Temperature (K)"),
)


def two_axes(name: str, axes: tuple[str, ...], form: TextFormat = US, counted: bool = False) -> Case:
    """A spectrum with several columns of an axis, perhaps after numbers of the lines."""
    columns = [MIR.positions if "mber" in word or "cm" in word else 1e7 / MIR.positions for word in axes]
    rows = [[*[""] * counted, *axes, "Absorbance"]]
    for number, (*positions, y) in enumerate(zip(*columns, absorbance(MIR.wavenumbers, 1)[0], strict=True)):
        rows.append([*[str(number)] * counted, *(form.number(x, 3) for x in positions), form.number(y, 5)])
    return Case(name, {"R1.csv": form.content(rows)}, None, frozenset({"layout"}))


OF_OTHER_AXES: list[Case] = [
    *(two_columns(f"the axis {word!r}", header=(word, "Intensity")).asks("unit") for word in OTHER_AXES),
    *(table(f"a prefix of {word!r}", channel=word + "{}").asks("unit") for word in ("Raman shift ", "m/z ", "eV_")),
    *(
        table(f"samples in a column {word!r}", columns={word: SAMPLES})
        for word in ("Time", "Sample / ppm", "Depth", "Temperature")
    ),
    *(
        two_columns(f"the axis {word!r} is one of wavenumbers", header=(word, "Absorbance"))
        for word in ("Energy (cm-1)", "Frequency / cm-1", "Photon energy in wavenumbers")
    ),
    two_columns("an axis below 0", axis(2000, -200, -50), header=("freq", "data")).asks(""),
    two_columns("an axis below 0, with a unit", axis(-200, 2000, 50), header=("cm-1", "A")).asks(""),
    two_axes("wavenumbers and wavelengths", ("Wavenumber (cm-1)", "Wavelength (nm)")),
    two_axes("wavelengths and wavenumbers", ("Wavelength (nm)", "Wavenumber (cm-1)"), GERMAN),
    two_axes("two axes after numbers of lines", ("Wavenumber", "wl_nm"), counted=True),
    Case(
        "a line of wavelengths below the header",
        {
            "spectra.csv": US.content(
                [
                    ["Wavenumber (cm-1)", *(f"{x:.0f}" for x in MIR.positions)],
                    ["Wavelength (nm)", *(f"{1e7 / x:.1f}" for x in MIR.positions)],
                    ["R1", *(f"{y:.5f}" for y in absorbance(MIR.wavenumbers, 1)[0])],
                ]
            )
        },
        None,
        frozenset({"layout"}),
    ),
]

FULL_WIDTH = str.maketrans("0123456789.", "".join(map(chr, (*range(0xFF10, 0xFF1A), 0xFF0E))))
MINUS_SIGNS = ("\u2212", "\u2013", "\u2011", "\ufe63", "\uff0d")
SPACES_AROUND = ("\u00a0", "\u202f", "\u2009", "\u200b", "\ufeff", "\u3000")


def typed(case: Case, write: Callable[[str], str]) -> Case:
    """A case whose numbers are written with other characters; it is read rightly or refused, never misread."""
    ((name, content),) = case.files.items()
    text = re.sub(r"-?\d+\.\d+", lambda match: write(match.group()), content.decode())
    return replace(case, files={name: text.encode()}).or_asks(ANY)


OF_SIGNS: list[Case] = [
    *(
        typed(make(f"{name} with minus {sign!a}", offset=-0.3), lambda text, sign=sign: text.replace("-", sign))
        for name, make in (("two columns", two_columns), ("a table", table))
        for sign in MINUS_SIGNS
    ),
    *(
        typed(make(f"{name} with spaces {space!a}"), lambda text, space=space: f"{space}{text}{space}")
        for name, make in (("two columns", two_columns), ("a table", table))
        for space in SPACES_AROUND
    ),
    typed(two_columns("two columns in full-width digits"), lambda text: text.translate(FULL_WIDTH)),
    typed(table("a table in full-width digits"), lambda text: text.translate(FULL_WIDTH)),
    two_columns("words in full-width letters", header=("\uff37avenumber \uff08cm\uff0d1\uff09", "Absorbance")),
    two_columns("cm to the minus sign 1", header=("Wavenumber (cm\u22121)", "Absorbance")),
    table("channels with a raised -1", channel="{} cm\u207b\u00b9"),
]

CASES: list[Case] = [*OF_PEAKS, *OF_PREFIXES, *OF_OTHER_AXES, *OF_SIGNS]
