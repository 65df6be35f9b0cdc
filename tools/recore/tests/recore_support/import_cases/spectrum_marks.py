"""Cases of decimal and thousands marks in spectra."""

from recore_support.import_cases.case import ANY, Case
from recore_support.import_cases.rocks import MIR, MIR_WHOLE, NIR, OPUS, axis
from recore_support.import_cases.spectra import SAMPLES, table, two_columns
from recore_support.import_cases.text import (
    FRENCH_EXCEL,
    GERMAN,
    GERMAN_EXCEL,
    GERMAN_TAB,
    SWISS_EXCEL,
    SWISS_TYPOGRAPHIC,
    US,
    US_GROUPED,
    US_SEMICOLON,
    US_TAB,
    US_TAB_GROUPED,
    TextFormat,
)

POINTS_GROUP = TextFormat("\t", ",", ".")
THREE = axis(4000, 600, -100, decimals=3)


def replaced(case: Case, old: str, new: str, count: int = 1) -> Case:
    """The case with a text replaced in its only file."""
    ((name, content),) = case.files.items()
    assert old.encode() in content
    return Case(case.name, {name: content.replace(old.encode(), new.encode(), count)}, case.values)


CASES: list[Case] = [
    table("grouped whole channels, US csv", MIR_WHOLE, US_GROUPED),
    table("grouped whole channels, US tab", MIR_WHOLE, US_TAB_GROUPED),
    table("grouped whole channels, German", MIR_WHOLE, GERMAN_EXCEL),
    table("grouped whole channels, German tab", MIR_WHOLE, POINTS_GROUP),
    table("grouped whole channels, French", MIR_WHOLE, FRENCH_EXCEL),
    table("grouped whole channels, Swiss", MIR_WHOLE, SWISS_EXCEL),
    table("grouped channels, near infrared", NIR, US_GROUPED),
    table("grouped channels, near infrared, Swiss", NIR, SWISS_TYPOGRAPHIC),
    two_columns("grouped whole wavenumbers, US csv", MIR_WHOLE, US_GROUPED),
    two_columns("grouped whole wavenumbers, US tab", MIR_WHOLE, US_TAB_GROUPED, header=None),
    two_columns("grouped whole wavenumbers, German", MIR_WHOLE, GERMAN_EXCEL, header=("Wellenzahl", "Extinktion")),
    two_columns("grouped wavenumbers, German tab", OPUS, POINTS_GROUP, header=None),
    # three decimals are no thousands
    two_columns("three decimals, tab", THREE, US_TAB, decimals=3),
    two_columns("three decimals, semicolon", THREE, US_SEMICOLON, header=None, decimals=3),
    two_columns("three decimals, German", THREE, GERMAN, header=None, decimals=3),
    two_columns("three decimals, German tab", THREE, GERMAN_TAB, decimals=3),
    two_columns("three decimals above 1", THREE, US_TAB, header=None, decimals=3, offset=1),
    table("three decimals above 1, table", OPUS, US_TAB, decimals=3, offset=1),
    table("three decimals above 1, German table", OPUS, GERMAN, decimals=3, offset=1),
    table("three decimals above 1, csv", MIR_WHOLE, US, decimals=3, offset=1),
    # nothing but the values decides: 1234 is no absorbance, but 1.234 is what a tool may ask about
    table("three decimals above 1, whole channels", MIR_WHOLE, US_TAB, decimals=3, offset=1).or_asks("decimal"),
    table("three decimals above 1, whole channels, German", MIR_WHOLE, GERMAN, decimals=3, offset=1).or_asks("decimal"),
    # marks that contradict each other
    replaced(table("one comma among points, tab", MIR, US_TAB), "0.", "0,").asks("decimal", ""),
    replaced(table("one point among commas", MIR, GERMAN), "0,", "0.").asks("decimal", ""),
    replaced(table("grouped wrongly", MIR, US_TAB_GROUPED), "3,500.0", "35,00.0").asks("decimal", "", "layout"),
    replaced(table("both marks as decimals", MIR, US_TAB), "4000.0", "4.000,0").asks("decimal", ""),
    # channels in columns of other marks than cells
    table(
        "names with commas, cells with points", MIR, US_SEMICOLON, channel=lambda text: text.replace(".", ",")
    ).or_asks("decimal"),
    # other columns must not decide for the spectrum
    table("a price beside spectra", MIR, GERMAN, columns={"sample": SAMPLES, "IP": ("10.0.0.1",) * 3}),
    table("a mass with a comma in text", MIR, US_TAB, columns={"sample": SAMPLES, "note": ("1,5 g", "2,5 g", "3")}),
    table("a time with a comma", MIR, US_TAB, columns={"sample": SAMPLES, "time": ("12:00:01,5",) * 3}),
    table("--decimal comma", MIR_WHOLE, GERMAN, decimals=3, offset=1).with_options(decimal="comma").or_asks(ANY),
    table("--decimal point", MIR_WHOLE, US_TAB, decimals=3, offset=1).with_options(decimal="point").or_asks(ANY),
]
