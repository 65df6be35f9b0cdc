"""Find the columns of the challenge's schema in a laboratory's table, and their units."""

import re
from collections.abc import Collection, Mapping, Sequence

from recore.challenge import challenge
from recore.dataset.column_options import column_option, likely_name, mistyped_target, most_similar, required_columns
from recore.dataset.companions import add_companions, depth_unit_column
from recore.dataset.grammar import Ambiguity, separate_words
from recore.dataset.grammar.contents import PARTIAL_CONTENT, list_targets, parse_assay_header
from recore.dataset.grammar.ids import Cells, find_id_columns, find_sample_column, rank_sample_name
from recore.dataset.grammar.numbers import Marks
from recore.dataset.grammar.target_units import find_target, unit_of
from recore.dataset.grammar.units import DEPTH_UNITS, depth_unit_in
from recore.dataset.target_columns import Source, add_factors, chosen_source, find_targets, tried_option
from recore.listing import list_names
from recore.schema import DEPTHS

SHOWN = 5  # names in a sentence
# column names of a table with one line for each result
ELEMENT = re.compile(r"\b(elements?|analytes?|parameters?|variables?|oxides?|constituents?|determinands?)\b")
RESULT = re.compile(r"\b(values?|results?|assays?|conc|concentrations?|contents?|grades?)\b")


def find_columns(
    header: dict[int, str],
    columns: Mapping[str, str],
    cells: Cells,
    marks: Marks,
    depth_unit: str | None = None,
    content_unit: str = "",
    with_spectra: bool = False,
) -> tuple[dict[str, Source], list[str]]:
    """Return the source in the table for each column of the challenge's schema, and remarks.

    header: column names by position. columns: the columns that the user chose. cells: returns the cells of the column
    at a position. with_spectra: whether the first column contains the sample names if no header says so. Raises
    Ambiguity if the header is ambiguous, and ValueError if it is invalid.
    """
    if unnamed := [position + 1 for position, name in header.items() if not name and position and any(cells(position))]:
        raise ValueError(f"column {unnamed[0]} has no name")
    _check_one_line_per_sample(header, columns, cells)
    sources = {name: _make_source(name, column, header) for name, column in columns.items()}
    named = {name: source for name, source in sources.items() if name in challenge().targets}
    sources |= _find_ids(_get_unused(header, sources), sources.keys(), cells, with_spectra)
    _check_missing(list(_get_unused(header, sources).values()), sources.keys(), header.get(0, ""), cells(0))
    _set_depth_units(sources, depth_unit, _get_unused(header, sources), cells)
    # a user who specifies a target, or all IDs, has chosen the columns; other options only resolve a question
    asks = not named and not {"sample", *challenge().ids} <= columns.keys()
    new_targets = find_targets(_get_unused(header, sources), header.values(), named, content_unit, cells, asks)
    targets = add_companions({**named, **new_targets}, _get_unused(header, {**sources, **new_targets}), cells, marks)
    sources |= add_factors(targets, named, content_unit)
    ignored = [name for name in _get_unused(header, sources).values() if name]
    names = [*header.values()]
    if repeated := sorted(source.column for source in sources.values() if names.count(source.column) > 1):
        raise ValueError(f"column {repeated[0]!r} appears more than once")
    _check_mistyped(ignored, sources.keys())
    return sources, _remarks(sources, named, ignored, asks)


def _check_one_line_per_sample(header: Mapping[int, str], targets: Collection[str], cells: Cells) -> None:
    """Raise ValueError if a column names each line's element, unless all are the same and the user chose a target."""
    words = {position: separate_words(name) for position, name in header.items()}
    if not any(RESULT.search(name) for name in words.values()):
        return
    for position in (position for position, name in words.items() if ELEMENT.search(name)):
        named = [cell for cell in cells(position) if cell]
        is_chosen = len({*named}) == 1 and not {*challenge().targets}.isdisjoint(targets)
        if named and not is_chosen and all(parse_assay_header(cell).formula for cell in named):
            raise ValueError(
                f"column {header[position][:40]!r} contains elements, such as {named[0][:40]!r}; "
                "rearrange the table to one line for each sample and one column for each element, such as Cu_ppm"
            )


def _get_unused(header: Mapping[int, str], sources: Mapping[str, Source]) -> dict[int, str]:
    used_positions = {source.position for source in sources.values()}
    used_positions |= {column[0] for source in sources.values() for column in (source.signs, source.units) if column}
    return {position: name for position, name in header.items() if position not in used_positions}


def _make_source(name: str, column: str, header: Mapping[int, str]) -> Source:
    option, unit_text, names = f"--column {name}={column}", "", list(header.values())
    if column not in names and ":" in column:
        column, _, unit_text = column.rpartition(":")
    if column not in names:
        similar = most_similar(column, names)
        question = f"; did you mean {similar}?" if similar else ""
        raise ValueError(f"{option}: the table has no column {column!r}{question}")
    position = next(position for position, other in header.items() if other == column)
    if name in challenge().targets:
        return chosen_source(name, column, position, unit_text)
    if unit_text:
        fix = "specify the unit of depths with --depth-unit" if name in DEPTHS else f"{name} has no unit"
        raise ValueError(f"{option}: {fix}")
    return Source(position, column)


def _find_ids(columns: dict[int, str], known: Collection[str], cells: Cells, with_spectra: bool) -> dict[str, Source]:
    """Find the columns for `sample`, `index` and the IDs, except `known` ones. Raises Ambiguity if several fit one."""
    positions: dict[str, int] = {}
    if "index" not in known:
        positions.update(("index", position) for position, name in columns.items() if name == "index")
    for column in challenge().sample_ids:
        candidates = find_id_columns(column, columns) if column not in known else []
        if len(candidates) > 1:
            options = " or ".join(repr(columns[position][:40]) for position in candidates)
            example = column_option(column, columns[candidates[0]])
            raise Ambiguity("target", f"{column} can be {options}; choose one, for example with {example}")
        positions.update((column, position) for position in candidates)
    is_named = any(rank_sample_name(name) is not None for name in columns.values())
    if "sample" not in known and columns and (with_spectra or is_named or columns.get(0) == ""):
        others = {position: name for position, name in columns.items() if position not in positions.values()}
        others = {
            position: name
            for position, name in others.items()
            if not list_targets(parse_assay_header(name).formula) and not find_target(name)
        }
        if not any(rank_sample_name(name) is not None for name in others.values()):
            ids = [position for name, position in positions.items() if name not in ("index", challenge().group)]
            named = {position: columns[position] for position in ids if rank_sample_name(columns[position]) is not None}
            others = named or others
        others = others or {positions["index"]: "index"} if "index" in positions else others or columns
        positions["sample"] = find_sample_column(others, cells, "--column sample=COLUMN")
    return {name: Source(position, columns[position]) for name, position in positions.items()}


def _set_depth_units(sources: dict[str, Source], depth_unit: str | None, unused: dict[int, str], cells: Cells) -> None:
    """Set the unit of depths: the user's, otherwise the one in the headers or in a column of units, otherwise metres.

    Raises ValueError if different units are stated.
    """
    depths = {name: sources[name] for name in DEPTHS if name in sources}
    column = depth_unit_column(unused, cells)
    names = [source.column for source in depths.values()] + ([column[1]] if column else [])
    stated = {"m" if source.column == name else depth_unit_in(source.column) for name, source in depths.items()}
    stated |= {depth_unit_in(cell) for cell in cells(column[0])} if column else set()
    units = stated - {""}
    if len(units) > 1 and not depth_unit:
        raise ValueError(
            f"{' and '.join(map(repr, names))} have different units; specify --depth-unit if both depths have the "
            "same unit, otherwise convert them"
        )
    unit = depth_unit or "".join(units)
    for name, source in depths.items():
        sources[name] = Source(source.position, source.column, unit, DEPTH_UNITS[unit or "m"], units=column)


def _check_mistyped(ignored: Sequence[str], known: Collection[str]) -> None:
    for name in ignored:
        mistyped = mistyped_target(name) if not parse_assay_header(name).formulas else None
        if mistyped and mistyped[0] not in known:
            target, unit = mistyped
            option = tried_option(target, name, unit)
            fix = f"did you mean {target}?" + (f" {option} imports it from {unit}" if option else " rename it")
            raise ValueError(f"column {name[:40]!r} is not in the schema; {fix}")


def _check_missing(unused: Sequence[str], known: Collection[str], first: str, first_cells: Sequence[str]) -> None:
    """Raise ValueError if a column is missing. first, first_cells: the name and the cells of the first column."""
    for missing in required_columns():
        if missing not in known:
            names = [cell for cell in first_cells if _is_column_name(cell)]
            if len(names) > 1 and len(names) * 2 >= len(first_cells):
                raise ValueError(
                    f"the table is transposed: its first column, {first[:40]!r}, contains the names of columns, such "
                    f"as {names[0][:40]!r}; transpose it to one line for each sample"
                )
            similar = next((name for name in unused if likely_name(name) == missing), None)
            fix = f"specify its column with --column {missing}=COLUMN"
            if similar:
                fix = f"did you mean {similar!r}? {column_option(missing, similar)} imports it"
            required = ", ".join(required_columns()[:-1]) + f" and {required_columns()[-1]}"
            raise ValueError(f"column {missing!r} is missing; {required} are required; {fix}")


def _is_column_name(cell: str) -> bool:
    contents = parse_assay_header(cell)
    is_id = any(find_id_columns(name, {0: cell}) for name in challenge().ids)
    return is_id or cell in challenge().targets or bool(contents.formula and contents.unit)


def _remarks(sources: Mapping[str, Source], chosen: Collection[str], ignored: Sequence[str], asks: bool) -> list[str]:
    renamed = [
        _conversion(name, source)
        for name, source in sources.items()
        if source.column and (name != source.column or source.factor != 1)
    ]
    stated = {name for name in chosen if sources[name].unit or sources[name].units or not unit_of(name)}
    without_unit = [(name, sources[name]) for name in chosen if name not in stated]
    unknown = [f"{name}={source.column}" for name, source in without_unit]
    remarks = [f"imported: {'; '.join(renamed)}"] if renamed else []
    for kind in ("signs", "units"):
        columns = [(column[1], source.column) for source in sources.values() if (column := getattr(source, kind))]
        if columns:
            names = list_names([f"{name} for {column}" for name, column in columns], SHOWN)
            remarks.append(f"{kind} read from separate columns: {names}")
    if unknown:
        tried = (tried_option(name, source.column, "pct") for name, source in without_unit)
        example = next((f"; for example, {option} states a different unit" for option in tried if option), "")
        remarks.append(f"columns without a unit were assumed to be in the target's unit: {', '.join(unknown)}{example}")
    if ignored:
        remarks.append(f"ignored columns: {list_names([name[:40] for name in ignored], SHOWN)}")
    options, unclear = dict[str, str](), list[str]()
    for column in ignored:
        contents = parse_assay_header(column)
        targets = [target for formula in contents.formulas for target in list_targets(formula)]
        # otherwise it contains strings, or is a coordinate called Y
        is_unclear = bool(contents.unit or not asks) or not contents.formula
        if not is_unclear or len(targets) != 1 or targets[0] in sources:
            continue
        # any other word can change the meaning of the number: a statistic, a factor, a valence
        is_partial = len(contents.formulas) == 1 and PARTIAL_CONTENT.issuperset(map(str.lower, contents.unknown))
        option = is_partial and tried_option(targets[0], column, "" if contents.units else "pct")
        if option:
            condition = "" if contents.units else " if it is in per cent"
            options[f"{targets[0]} in {column[:40]!r}"] = f"{option} imports the first{condition}"
        else:
            unclear.append(f"{targets[0]} in {column[:40]!r}")
    if options:
        names = list_names([*options], SHOWN)
        remarks.append(f"these ignored columns may be targets: {names}; {next(iter(options.values()))}")
    if unclear:
        remarks.append(
            f"the names of these ignored columns mention targets and something else: {list_names(unclear, SHOWN)}; if "
            "they contain total contents, convert them to the targets' units, and name them like the targets"
        )
    return remarks


def _conversion(name: str, source: Source) -> str:
    """Format a conversion, as in KPPM = 8301.5 x K2O (%) (pct K2O), DepthTo = 0.3048 x to_ft (ft), SiteID = hole."""
    if source.factor == 1:
        return f"{name} = {source.column}"
    stated = parse_assay_header(source.column).unit or depth_unit_in(source.column)
    return f"{name} = {source.factor:.6g} x {source.column}" + (f" ({source.unit})" if source.unit != stated else "")
