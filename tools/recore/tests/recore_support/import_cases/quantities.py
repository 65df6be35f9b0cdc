"""Cases of the quantity: words that state absorbance, another quantity or nothing."""

import numpy as np

from recore_support.import_cases.case import Case
from recore_support.import_cases.rocks import MIR, MIR_UM, NIR_NM, NIR_OPUS
from recore_support.import_cases.spectra import table, transposed, two_columns
from recore_support.import_cases.text import GERMAN

ABSORBANCE_WORDS = (
    "Absorbance",
    "Absorbance (a.u.)",
    "Absorbance [A.U.]",
    "Absorbance Units",
    "absorbance_au",
    "A",
    "Abs",
    "Abs.",
    "log(1/R)",
    "log 1/R",
    "Log10(1/R)",
    "log(1/T)",
    "-log10(R)",
    "log (1/reflectance)",
    "Extinktion",
    "Absorbanz",
    "pseudo absorbance",
    "Absorbancia",
    "log(1/Reflectance)",
    "Log(1/Transmittance)",
    "Absorbance (log 1/R)",
    "apparent absorbance",
)
NEUTRAL_WORDS = ("Intensity", "Signal", "Value", "y", "R1", "T12", "Wert", "Sample 4", "rock_R2", "KM3 12.5")
REFLECTANCE_WORDS = (
    ("Reflectance", "fraction"),
    ("reflectance_frac", "fraction"),
    ("Diffuse Reflectance", "fraction"),
    ("Reflectivity", "fraction"),
    ("Refl.", "fraction"),
    ("R%", "percent"),
    ("%R", "percent"),
    ("R [%]", "percent"),
    ("Reflectance (%)", "percent"),
    ("ReflectancePercent", "percent"),
    ("R\u00e9flectance (%)", "percent"),
    ("Reflexion [%]", "percent"),
    ("R\u00e9flexion", "fraction"),
    ("Reflectancia (%)", "percent"),
    ("Riflettanza", "fraction"),
    ("Remission", "fraction"),
    ("Remissionsgrad [%]", "percent"),
    ("Transmittance", "fraction"),
    ("Transmission [%]", "percent"),
    ("% Transmittance", "percent"),
    ("%T", "percent"),
    ("T (%)", "percent"),
    ("T%", "percent"),
    ("transmittance_pct", "percent"),
    ("Transmitancia", "fraction"),
    ("Transmissionsgrad", "fraction"),
    ("Relative reflectance factor", "fraction"),
)
REFUSED_WORDS = (
    "Kubelka-Munk",
    "Kubelka Munk",
    "KubelkaMunk",
    "K-M",
    "KM",
    "F(R)",
    "Single Beam",
    "SingleBeam",
    "single_beam",
    "Single channel",
    "Emissivity",
    "emissivity_frac",
    "Emittance",
    "First derivative",
    "1st derivative of absorbance",
    "Absorbance, 2nd derivative",
    "second_derivative",
    "SecondDerivative",
    "Absorptance",
    "Photoacoustic",
    "Raman intensity",
    "Radiance",
    "Interferogram",
)

CASES: list[Case] = [
    *(two_columns(f"quantity {word!r}", header=("Wavenumber (cm-1)", word)) for word in ABSORBANCE_WORDS),
    *(two_columns(f"quantity {word!r} says nothing", header=("cm-1", word)) for word in NEUTRAL_WORDS),
    *(
        two_columns(f"quantity {word!r}", header=("cm-1", word), quantity=scale, decimals=6).asks("quantity")
        for word, scale in REFLECTANCE_WORDS
    ),
    # dark rocks in the near infrared: only the word tells
    *(
        two_columns(
            f"quantity {word!r}, dark", NIR_NM, header=("wavelength_nm", word), quantity=scale, decimals=6, offset=1.3
        ).asks("quantity")
        for word, scale in REFLECTANCE_WORDS
    ),
    *(two_columns(f"quantity {word!r}", header=("cm-1", word)).asks("quantity") for word in REFUSED_WORDS),
    two_columns("absorption", header=("cm-1", "Absorption")).or_asks("quantity"),
    two_columns("optical density", header=("cm-1", "Optical density")).or_asks("quantity"),
    two_columns("Raman shift", header=("Raman shift (cm-1)", "Intensity")).asks("quantity", "unit", "format"),
    # options
    *(
        two_columns(f"--convert {scale} of {word!r}", header=("cm-1", word), quantity=scale, decimals=6).with_options(
            convert=scale
        )
        for word, scale in (("Reflectance", "fraction"), ("%T", "percent"), ("Intensity", "fraction"), ("R", "percent"))
    ),
    table("--convert percent of a table", quantity="percent").with_options(convert="percent"),
    # no words: what the values say
    two_columns("reflectance without words", header=None, quantity="fraction").asks("quantity"),
    two_columns("reflectance that says Intensity", header=("cm-1", "Intensity"), quantity="fraction").asks("quantity"),
    two_columns("per cent without words", header=None, quantity="percent").asks("quantity"),
    table("table of reflectance without words", quantity="fraction").asks("quantity"),
    table("table of per cent without words", form=GERMAN, quantity="percent").asks("quantity"),
    table("absorbance of a polished surface", offset=0.8),
    table("near infrared absorbance", NIR_OPUS),
    # comments and titles
    two_columns("quantity in a comment", header=None, quantity="fraction", before="# reflectance\n").asks("quantity"),
    two_columns("absorbance in a comment", header=None, before="# cm-1, absorbance\n"),
    two_columns("emissivity in a comment", header=("cm-1", "value"), before="# emissivity of rocks\n").asks("quantity"),
    two_columns("Kubelka-Munk in a comment", header=None, before="# Y: Kubelka-Munk units\n").asks("quantity"),
    two_columns(
        "a header against a comment", header=("cm-1", "Absorbance"), before="# calculated from reflectance (%)\n"
    ),
    two_columns(
        "a header of transmittance against a comment",
        header=("cm-1", "%T"),
        before="# absorbance\n",
        quantity="percent",
    ).asks("quantity"),
    two_columns("PerkinElmer in %T", header=("cm-1", "%T"), before="rock 7\n", quantity="percent").asks("quantity"),
    two_columns(
        "title of reflectance", header=("cm-1", "Intensity"), before="Diffuse reflectance, %\n", offset=0.2
    ).or_asks("quantity"),
    table("title of a table of reflectance", before="Reflectance spectra\n", quantity="fraction").asks("quantity"),
    table("comment of a table of transmittance", before="# transmittance\n", quantity="fraction").asks("quantity"),
    table("comment of a table of single beams", before="# single beam\n").asks("quantity"),
    table("comment of a table of absorbance", MIR_UM, before="# Wavelength (um), log(1/R)\n"),
    transposed("emissivity of several samples", ("E1", "E2"), "Emissivity (cm-1)").asks("layout", "quantity"),
]

ZEROS = table("zeros in many channels")
assert ZEROS.values
ZEROS.values.absorbance[:, np.abs(MIR.wavenumbers - 2350) < 400] = 0


def with_zeros() -> Case:
    """A table in which some channels are exactly zero, as software writes for channels without a measurement."""
    rows = ["sample," + ",".join(f"{position:.1f}" for position in MIR.positions)]
    for sample, values in zip(ZEROS.values.index, ZEROS.values.absorbance, strict=True):  # type: ignore[union-attr]
        rows.append(f"{sample}," + ",".join(f"{value:.5f}" for value in values))
    return Case("zeros in many channels", {"spectra.csv": "\n".join(rows).encode()}, ZEROS.values).notes("exactly 0")


CASES.append(with_zeros())
