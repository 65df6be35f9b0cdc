"""Cases of the axis: words and units that state it, and axes that state nothing."""

import numpy as np

from recore_support.import_cases.case import ANY, Case
from recore_support.import_cases.rocks import (
    MIR,
    MIR_NM,
    MIR_UM,
    MIR_WHOLE,
    NIR,
    NIR_NM,
    NIR_OPUS,
    OMNIC,
    OPUS,
    VISNIR_NM,
    Axis,
    axis,
)
from recore_support.import_cases.spectra import table, two_columns
from recore_support.import_cases.text import GERMAN, TextFormat

WAVENUMBER_WORDS = (
    "Wavenumber (cm-1)",
    "Wavenumbers [1/cm]",
    "Wavenumber",
    "wavenumber_cm-1",
    "cm-1",
    "cm^-1",
    "1/cm",
    "Wellenzahl [cm-1]",
    "Wellenzahl",
    "Wellenzahl (cm\u207b\u00b9)",
    "Nombre d'onde (cm-1)",
    "N\u00famero de onda (cm-1)",
    "Wave number / cm-1",
    "Wavelength (cm-1)",  # some software calls every axis a wavelength: the unit counts
    "Frequency (cm-1)",
    "WN",
    "x",
    "XData",
    "Spectrum",  # has "um" in it
    "Datum",
    "MicroLab",  # Agilent's software, not micrometres
    "Agilent MicroLab wavenumber",
    "microscope x",
)
NANOMETRE_WORDS = (
    "Wavelength (nm)",
    "wavelength_nm",
    "wl_nm",
    "WavelengthNm",
    "nm",
    "lambda [nm]",
    "Wellenl\u00e4nge [nm]",
    "Wellenlaenge (nm)",
    "Longueur d'onde (nm)",
    "Longitud de onda (nm)",
    "Wavelength/nm",
    "nm.",
    "WAVELENGTH NM",
    "Wavelength, nanometers",
    "wavelength.nm",
)
MICROMETRE_WORDS = (
    "Wavelength (\u00b5m)",
    "Wavelength (\u03bcm)",
    "wavelength_um",
    "um",
    "microns",
    "Wavelength (microns)",
    "Wavelength (micrometers)",
    "Wavelength [micrometres]",
    "Wellenl\u00e4nge [\u00b5m]",
)
AMBIGUOUS = {
    "rising within 350 to 2500": VISNIR_NM,
    "falling within 2500 to 350": VISNIR_NM.reversed,
    "rising within 1100 to 2500": NIR_NM,
    "falling within 2500 to 1000 in round steps": axis(2500, 1000, -50, decimals=0),
    "rising 6000 to 14500 in round steps": MIR_NM,
    "rising 2650 to 15000 in round steps": axis(2650, 14900, 350, decimals=0),
    "rising 7500 to 13000 in steps of 12.5": axis(7500, 8000, 12.5),
    "micrometres": MIR_UM,
    "falling micrometres": MIR_UM.reversed,
    "above 15,000, rising": axis(3000, 25000, 500, "nm", 0),
    "above 15,000, falling": axis(25000, 4000, -500, decimals=0),
}
PLAIN = {
    "falling 4000 to 600": MIR,
    "falling whole numbers 4000 to 400": MIR_WHOLE,
    "OPUS": OPUS,
    "rising as OMNIC exports": OMNIC,
    "rising 600 to 4000": MIR.reversed,
    "near infrared falling": NIR,
    "near infrared of OPUS": NIR_OPUS,
    "falling 7800 to 3600": axis(7800, 3600, -120, decimals=0),
}

CASES: list[Case] = [
    *(two_columns(f"axis word {word!r}", header=(word, "Absorbance")) for word in WAVENUMBER_WORDS),
    *(two_columns(f"axis word {word!r}", MIR_NM, header=(word, "Absorbance")) for word in NANOMETRE_WORDS),
    *(two_columns(f"axis word {word!r}", MIR_UM, header=(word, "Absorbance")) for word in MICROMETRE_WORDS),
    *(two_columns(f"axis without words, {name}", value, header=None) for name, value in PLAIN.items()),
    *(table(f"table, axis {name}", value) for name, value in PLAIN.items()),
    *(two_columns(f"axis without words, {name}", value, header=None).asks("unit") for name, value in AMBIGUOUS.items()),
    *(table(f"table, axis {name}", value).asks("unit") for name, value in AMBIGUOUS.items()),
    # words that state no unit
    two_columns("wl without a unit", MIR_NM, header=("wl", "abs")).asks("unit"),
    two_columns("Wavelength without a unit, 350 to 2500", VISNIR_NM, header=("Wavelength", "A")).asks("unit"),
    two_columns("Wellenlaenge without a unit", NIR_NM, header=("Wellenlaenge", "Extinktion")).asks("unit"),
    two_columns("Wavelength without a unit, 4000 to 600", header=("Wavelength", "A")).or_asks("unit"),
    two_columns("MicroLab is not a unit", MIR_NM, header=("MicroLab", "Absorbance")).asks("unit"),
    two_columns("a name with nm in it", MIR_NM, header=("column m", "Absorbance")).asks("unit"),
    two_columns("Wellenzahl within 2500 to 1000", axis(2500, 1000, -50), header=("Wellenzahl", "Absorbance")),
    two_columns("Wavenumber rising 4000 to 10000", NIR.reversed, header=("Wavenumber", "Absorbance")),
    two_columns("cm-1 rising 350 to 2500", axis(350, 2500, 50), header=("cm-1", "A")),
    two_columns(
        "terahertz", Axis(np.round(MIR.positions * 0.0299792458, 5), decimals=5), header=("Frequency (THz)", "A")
    ).asks("unit"),
    # options
    two_columns("--unit nm", MIR_NM, header=("wl", "abs")).with_options(unit="nm"),
    two_columns("--unit um", MIR_UM, header=None).with_options(unit="um"),
    table("--unit nm for a table", VISNIR_NM).with_options(unit="nm"),
    table("--unit cm-1 for a table", axis(2500, 1000, -50)).with_options(unit="cm-1"),
    # comments and titles
    two_columns("unit in a comment", MIR_NM, header=None, before="# wavelength (nm), absorbance\n"),
    two_columns(
        "unit in one of several comments", MIR_UM, header=None, before="# rock 7\n# x: microns\n# y: log 1/R\n"
    ),
    two_columns("unit in a comment above an empty header", NIR_NM, header=("x", "y"), before="# x in nm\n"),
    two_columns("comment against header", MIR_NM, before="# sensor: 4 um pixels\n", header=("wl (nm)", "A")),
    two_columns(
        "a resolution is not the axis", MIR_NM, before="# resolution: 4 cm-1\n", header=("wavelength_nm", "abs")
    ),
    two_columns("a resolution is no answer", MIR_NM, before="# resolution: 4 cm-1\n", header=("wl", "abs")).asks(
        "unit"
    ),
    two_columns(
        "a laser is not the axis", before="# reference laser: 633 nm\n# aperture: 6 mm\n", header=("x", "Absorbance")
    ),
    two_columns("an unusual laser is no answer", VISNIR_NM, before="# laser 785 nm\n", header=("x", "A")).asks("unit"),
    table("unit in a comment above a table", MIR_NM, before="# channels are wavelengths in nm\n"),
    table("unit in a title above a table", VISNIR_NM, before="Spectra by wavelength (nm)\n"),
    two_columns("title of instrument", before="Agilent MicroLab\n", header=("Wavenumber", "Absorbance")),
    two_columns("title above the header", before="Sample 12 DRIFT 64 scans\n", header=("Wavenumber", "Intensity")),
    two_columns("quoted title of PerkinElmer", before='"rock 7 Created as New Dataset"\n', header=("cm-1", "A")),
    two_columns("two titles", MIR, before="Institute of Soils\nDRIFT\n\n", header=("cm-1", "A")),
    table("title above a table", before="Drill core 2024\n").notes("Drill core 2024"),
    # names of channels
    table("channels with cm-1", channel="{} cm-1"),
    table("channels with cm-1 in brackets", channel="{} (cm-1)").or_asks(ANY),
    table("channels with nm", MIR_NM, channel="{}nm"),
    table("channels with nm after a space", VISNIR_NM, channel="{} nm"),
    table("channels with um", MIR_UM, channel="{} um"),
    table("channels of R", channel="X{}"),
    table("channels of R's matrix in a data frame", channel="spc.{}"),
    table("channels of a spectral library", MIR_WHOLE, channel="scan_mir.{}_abs").or_asks(ANY),
    table("channels with units that differ", channel=lambda text: f"{text} {'nm' if text < '2' else 'cm-1'}").asks(ANY),
    # numbers of channels instead of an axis
    table("channels 1 to 60", axis(1, 60, 1, decimals=0)).asks("channels"),
    table("channels 0 to 39", axis(0, 39, 1, decimals=0)).asks("channels"),
    table("channels 851 to 1", axis(851, 1, -1, decimals=0)).asks("channels"),
    table("channels V2 to V41 of R", axis(2, 41, 1, decimals=0), channel="V{}").asks(ANY),
    two_columns("a spectrum over channel numbers", axis(1, 400, 1, decimals=0), header=("n", "A")).asks("channels"),
    two_columns("a spectrum over 1.0, 2.0, 3.0", axis(1, 300, 1), header=None, form=GERMAN).asks("channels"),
]


def like_case(name: str, spectra_axis: Axis, grid: Axis, form: TextFormat) -> Case:
    """Spectra for the channels of a data file of the challenge."""
    spectra = table(name, spectra_axis, form)
    like = table("", grid, columns={"": ("1",), "SiteID": ("1",), "DepthFrom": ("0",), "DepthTo": ("1",)}, index=("1",))
    return Case(name, {**spectra.files, "like.csv": like.files["spectra.csv"]}, spectra.values, like="like.csv")


CASES += [
    like_case("--like", MIR.reversed, MIR, GERMAN),
    like_case("--like does not answer for nm", MIR_NM, Axis(MIR_NM.positions[::-1], decimals=0), GERMAN).asks("unit"),
]
