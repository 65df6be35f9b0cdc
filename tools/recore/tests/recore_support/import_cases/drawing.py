"""Strategies of Hypothesis that draw cases: format, marks, header words, axis, quantity and values."""

from hypothesis import strategies as st

from recore_support.import_cases import assay_tables, axes
from recore_support.import_cases.building import (
    FORMATS,
    IDS,
    MIR_NM,
    MIR_UM,
    NIR_NM,
    VISNIR_NM,
    TextFormat,
    assays,
    axis,
    table,
    times,
    two_columns,
)
from recore_support.import_cases.case import Case, asks

STATED = [
    *((word, position) for word in axes.WAVENUMBER_WORDS[:11] for position in axes.PLAIN[:-1]),
    *((word, position) for word in axes.NANOMETRE_WORDS for position in (MIR_NM, NIR_NM, VISNIR_NM, MIR_NM.reversed)),
    *((word, position) for word in axes.MICROMETRE_WORDS for position in (MIR_UM, MIR_UM.reversed)),
]
NAMES = ("R1", "soil 7", "#2", "001", "A-12.5", "5003", "B_7")
CELLS = ("2024-03-01", "01.03.2024", "3,5 g", "1.234", "v1.2.3", "", "64", "Smith, J.", "0,5")
UNITS = (  # as a laboratory writes them, factor to ppm, largest number
    (("_pct", " (%)", " %", " [wt%]", " pct", "PCT"), 1e4, 20),
    (("_ppm", " (ppm)", " [mg/kg]", " ppm", " (g/t)", "_ppm_ICP", " XRF (ppm)"), 1, 90_000),
    (("_ppb", " (ppb)", " ug/kg"), 1e-3, 90_000),
)


def _is_written(word: str, form: TextFormat) -> bool:
    return word.encode(form.encoding, "replace").decode(form.encoding) == word


@st.composite
def spectrum_cases(draw: st.DrawFn) -> Case:
    """A file of one or several spectra; where the axis or the quantity is open or refused, nothing may be written."""
    form = draw(st.sampled_from(FORMATS))
    axis_word, questions = None, []
    kind = draw(st.sampled_from(("stated", "ambiguous", "drawn")))
    if kind == "stated":
        axis_word, positions = draw(st.sampled_from([pair for pair in STATED if _is_written(pair[0], form)]))
    elif kind == "ambiguous":
        positions, questions = draw(st.sampled_from(axes.AMBIGUOUS)), ["unit"]
    else:
        first, step = draw(st.integers(3000, 12000)), draw(st.sampled_from((3.857, 8.0, 16.0, 41.3)))
        last = first - step * (int(min(40, (first - 100) / step)) - 1)
        positions, questions = axis(first, last, -step, decimals=3), [] if last > 400 else ["unit"]
    parts = {"decimals": draw(st.integers(3, 6)), "offset": draw(st.floats(-0.1, 1.2))}
    if draw(st.booleans()):
        scales = {**axes.REFLECTANCE_WORDS, "neutral": axes.NEUTRAL_WORDS, "refused": axes.REFUSED_WORDS}
        scale = draw(st.sampled_from(("absorbance", *scales)))
        words = [word for word in scales.get(scale, axes.ABSORBANCE_WORDS) if _is_written(word, form)]
        questions = [*questions, *["quantity"] * (scale not in ("absorbance", "neutral"))]
        header = (axis_word or draw(st.sampled_from(("x", "X", "XData", "Spectrum"))), draw(st.sampled_from(words)))
        if form.separator != "," and draw(st.booleans()):  # a comment instead of a header
            header, parts = (
                (None, ""),
                {**parts, "before": f"# {', '.join(header)}\n", "offset": max(parts["offset"], 0)},
            )
        quantity = scale if scale in axes.REFLECTANCE_WORDS else "absorbance"
        case = two_columns(*header, positions, form, quantity=quantity, **parts)
    else:
        index = "|".join(draw(st.lists(st.sampled_from(NAMES), min_size=1, max_size=4, unique=True)))
        is_unit_of_channels = axis_word and positions.unit != "cm-1" and draw(st.booleans())
        case = table(
            positions,
            form,
            draw(sample_columns(index)),
            index,
            "{} " + positions.unit if is_unit_of_channels else "{}",
            f"# {axis_word}\n" if axis_word and not is_unit_of_channels else "",
            **parts,
        )
    return asks(tuple(questions), case)[0] if questions else case


@st.composite
def sample_columns(draw: st.DrawFn, index: str) -> dict[str, str]:
    rows = index.count("|") + 1
    title = draw(st.sampled_from(("sample", "SampleID", "Sample No", "Sample", "")))
    columns = {title: index}
    if title and draw(st.booleans()):
        first = draw(st.sampled_from((0, 1, 101)))
        counter = "|".join(str(first + row) for row in range(rows))
        columns = {draw(st.sampled_from(("", "No", "row", "#"))): counter, **columns}
    if draw(st.booleans()):
        cells = "|".join([draw(st.sampled_from(CELLS))] * rows)
        columns[draw(st.sampled_from(("note", "Date", "scans", "operator")))] = cells
    return columns


@st.composite
def join_cases(draw: st.DrawFn) -> Case:
    """Spectra and assays of three samples that only their ids join; counters beside the ids may overlap them."""
    samples = "|".join(
        draw(st.permutations(draw(st.sampled_from(("123", "012", ("R1", "R2", "R3"), ("01", "02", "03"))))))
    )
    title = draw(st.sampled_from(("sample", "SampleID", "Sample No", "sample_id")))
    before = {"": "1|2|3"} if draw(st.booleans()) else {}
    return assay_tables.join(draw(sample_columns(samples)), samples, title, before=before)


@st.composite
def assay_cases(draw: st.DrawFn) -> Case:
    form = draw(st.sampled_from(FORMATS))
    columns, values = {}, {}
    for element in draw(st.lists(st.sampled_from(("Cu", "Zn", "Ag", "Mo", "Li", "Ba")), min_size=2, unique=True)):
        units, factor, largest = draw(st.sampled_from(UNITS))
        decimals = draw(st.integers(0, 3))
        numbers = draw(st.lists(st.floats(10.0**-decimals, largest), min_size=3, max_size=3))
        numbers = [round(number, decimals) for number in numbers]
        header = element + draw(st.sampled_from(units))
        columns[header] = "|".join(form.number(number, decimals) for number in numbers)
        values[f"{element}PPM"] = times(factor, *numbers)
    names = draw(st.sampled_from(assay_tables.SAMPLE_NAMES)).split(",")
    ids = {**dict(zip(names, IDS.values(), strict=True)), names[3]: f"1|2|6{form.decimal}5"}
    depths = {"SiteID": ["H1", "H1", "H2"], "DepthFrom": [0, 1, 5], "DepthTo": [1, 2, 6.5]}
    return assays(columns, form, ids, depths, **values)
