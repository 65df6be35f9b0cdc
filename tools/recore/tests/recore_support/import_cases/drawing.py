"""Strategies of Hypothesis that draw cases: format, marks, header words, axis, quantity and values."""

from collections.abc import Sequence

from hypothesis import strategies as st

from recore_support.import_cases import assay_words, axes, joins, quantities
from recore_support.import_cases.assays import IDS, assay_case, times
from recore_support.import_cases.case import Case
from recore_support.import_cases.rocks import MIR_NM, MIR_UM, NIR_NM, VISNIR_NM, Axis, axis
from recore_support.import_cases.spectra import table, two_columns
from recore_support.import_cases.text import FORMATS, TextFormat

STATED_AXES = {
    "cm-1": (axes.WAVENUMBER_WORDS[:12], tuple(axes.PLAIN.values())),
    "nm": (axes.NANOMETRE_WORDS, (MIR_NM, NIR_NM, VISNIR_NM, MIR_NM.reversed)),
    "um": (axes.MICROMETRE_WORDS, (MIR_UM, MIR_UM.reversed)),
}
SILENT_WORDS = ("x", "X", "XData", "channel position", "Spectrum")
NAMES = ("R1", "soil 7", "#2", "001", "A-12.5", "5003", "B_7")
PERCENT_UNITS = ("_pct", " (%)", " %", " [wt%]", " pct", "PCT")
PPM_UNITS = ("_ppm", " (ppm)", " [mg/kg]", " ppm", " (g/t)", "_ppm_ICP", " XRF (ppm)")
PPB_UNITS = ("_ppb", " (ppb)", " ug/kg")


def is_written(word: str, form: TextFormat) -> bool:
    """Whether an encoding has the characters of a word."""
    return word.encode(form.encoding, "replace").decode(form.encoding) == word


@st.composite
def axis_parts(draw: st.DrawFn, form: TextFormat) -> tuple[Axis, str | None, bool]:
    """An axis, a word that states its unit or none, and whether it must be asked about without such a word."""
    unit = draw(st.sampled_from(list(STATED_AXES)))
    words, positions = STATED_AXES[unit]
    if draw(st.booleans()):
        word = draw(st.sampled_from([word for word in words if is_written(word, form)]))
        return draw(st.sampled_from(positions)), word, False
    if draw(st.booleans()):
        return draw(st.sampled_from(list(axes.AMBIGUOUS.values()))), None, True
    first = draw(st.integers(3000, 12000))
    step = draw(st.sampled_from((3.857, 8.0, 16.0, 41.3)))
    number = int(min(40, (first - 100) / step))
    is_clear = first - step * (number - 1) > 400
    return axis(first, first - step * (number - 1), -step, decimals=3), None, not is_clear


@st.composite
def quantity_parts(draw: st.DrawFn, form: TextFormat) -> tuple[str | None, str, bool]:
    """A word, what the values are, and whether they must be refused."""
    words = draw(st.sampled_from((quantities.ABSORBANCE_WORDS, quantities.NEUTRAL_WORDS, quantities.REFUSED_WORDS, ())))
    is_refused = words is quantities.REFUSED_WORDS
    if words:
        return draw(st.sampled_from(words)), "absorbance", is_refused
    pairs = [pair for pair in quantities.REFLECTANCE_WORDS if is_written(pair[0], form)]
    word, scale = draw(st.sampled_from(pairs))
    return word, scale, True


@st.composite
def spectrum_cases(draw: st.DrawFn) -> Case:
    """A file of one or several spectra; where the axis or the quantity is open or refused, nothing may be written."""
    form = FORMATS[draw(st.sampled_from(list(FORMATS)))]
    positions, axis_word, is_axis_open = draw(axis_parts(form))
    decimals = draw(st.integers(3, 6))
    offset = draw(st.floats(-0.1, 1.2))
    if draw(st.booleans()):
        word, quantity, is_refused = draw(quantity_parts(form))
        header = (axis_word or draw(st.sampled_from(SILENT_WORDS)), word or "Value")
        before = ""
        if form.separator != "," and draw(st.booleans()):  # a comment instead of a header
            header, before = None, f"# {', '.join(header)}\n"
            offset = max(offset, 0.0)
        case = two_columns("drawn", positions, form, header, quantity, before=before, decimals=decimals, offset=offset)
        questions = ["quantity"] * is_refused + ["unit"] * is_axis_open
        return case.asks(*questions) if questions else case
    index = tuple(draw(st.lists(st.sampled_from(NAMES), min_size=1, max_size=4, unique=True)))
    columns = draw(sample_columns(index))
    before = f"# {axis_word}\n" if axis_word else ""
    channel = "{}"
    if axis_word and positions.unit != "cm-1" and draw(st.booleans()):
        before, channel = "", "{} " + positions.unit
    case = table("drawn", positions, form, columns, index, channel, before=before, decimals=decimals, offset=offset)
    return case.asks("unit") if is_axis_open else case


@st.composite
def sample_columns(draw: st.DrawFn, index: Sequence[str]) -> dict[str, Sequence[str]]:
    """The columns in front of the channels: an id, perhaps a counter before it, and a column that means nothing."""
    title = draw(st.sampled_from(("sample", "SampleID", "Sample No", "Sample", "")))
    columns = {title: index}
    if title and draw(st.booleans()):
        first = draw(st.sampled_from((0, 1, 101)))
        counter = [str(first + row) for row in range(len(index))]
        columns = {draw(st.sampled_from(("", "No", "row", "#"))): counter, **columns}
    if draw(st.booleans()):
        cell = draw(
            st.sampled_from(("2024-03-01", "01.03.2024", "3,5 g", "1.234", "v1.2.3", "", "64", "Smith, J.", "0,5"))
        )
        columns[draw(st.sampled_from(("note", "Date", "scans", "operator")))] = [cell] * len(index)
    return columns


@st.composite
def join_cases(draw: st.DrawFn) -> Case:
    """Spectra and assays of three samples that only their ids join; counters beside the ids may overlap them."""
    samples = draw(
        st.one_of(
            st.permutations(("1", "2", "3")),
            st.permutations(("0", "1", "2")),
            st.permutations(("R1", "R2", "R3")),
            st.permutations(("001", "002", "003")),
            st.permutations(("101", "102", "103")),
        )
    )
    columns = draw(sample_columns(samples))
    title = draw(st.sampled_from(("sample", "SampleID", "Sample No", "sample_id")))
    before = {"": ["1", "2", "3"]} if draw(st.booleans()) else {}
    return joins.join("drawn", columns, samples, title=title, before=before)


@st.composite
def assay_cases(draw: st.DrawFn) -> Case:
    """A laboratory's table with two to four assays, whose headers state their units."""
    form = FORMATS[draw(st.sampled_from(list(FORMATS)))]
    columns, values = {}, {}
    for element in draw(st.lists(st.sampled_from(("Cu", "Zn", "Ag", "Mo", "Li", "Ba")), min_size=2, unique=True)):
        units, factor, largest = draw(
            st.sampled_from(((PERCENT_UNITS, 1e4, 20), (PPM_UNITS, 1, 90_000), (PPB_UNITS, 1e-3, 90_000)))
        )
        decimals = draw(st.integers(0, 3))
        number = st.floats(10.0**-decimals, largest).map(lambda value, decimals=decimals: round(value, decimals))
        numbers = draw(st.lists(number, min_size=3, max_size=3))
        columns[element + draw(st.sampled_from(units))] = [form.number(value, decimals) for value in numbers]
        values[f"{element}PPM"] = times(factor, *numbers)
    names = draw(st.sampled_from(assay_words.IDS_OF_LABORATORIES))
    ids = dict(zip(names, IDS.values(), strict=True))
    ids[names[3]] = [cell.replace(".", form.decimal) for cell in ids[names[3]]]
    return assay_case("drawn", columns, values, form, ids)
