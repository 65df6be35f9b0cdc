"""Explore: is this file what it should be? Every part looks at it, and the page is what they say."""

from collections.abc import Callable
from pathlib import Path

from recore.report.explore import assays, components, correlation, depth, duplicates, shift, spectra
from recore.report.explore.holes import order_holes
from recore.report.explore.units import unit_findings
from recore.report.page.content import Finding, Page, Section, by_level
from recore.report.reading import read_data
from recore.report.statistics.binning import bin_spectra

STEPS = 9  # times that `advance` is called, at the most


def explore(public: Path, private: Path | None = None, advance: Callable[[str], None] = lambda step: None) -> Page:
    """Look at a data file, and at private data beside it. `advance` is told of each step as it begins.

    Raises ValueError or OSError where a file is no gzipped CSV of spectra.
    """
    from threadpoolctl import threadpool_limits

    with threadpool_limits(1, "blas"):  # matrices are small: threads would wait for each other, on a busy machine long
        return _page(public, private, advance)


def _page(public: Path, private: Path | None, advance: Callable[[str], None]) -> Page:
    advance("reading")
    data = read_data(public)
    other = read_data(private) if private else None
    advance("shapes")
    shapes = bin_spectra(data)
    other_shapes = bin_spectra(other, like=data) if other is not None and not shift.differ(data, other) else None
    parts: list[tuple[Section, list[Finding]]] = []
    advance("spectra")
    by_difference = order_holes(data, shapes)
    holes = [hole.name for hole in by_difference]
    parts.append(spectra.section(data, shapes, by_difference, other))
    advance("components")
    section, found, model = components.section(data, shapes, holes)
    parts.append((section, found))
    if other is not None:
        advance("private against public")
        parts.append(shift.section(data, shapes, other, other_shapes))
    advance("duplicates")
    parts.append(
        duplicates.section(data, shapes, (other, other_shapes) if other is not None and other_shapes else None)
    )
    advance("assays")
    parts.append(assays.section(data))
    advance("correlation")
    parts.append(correlation.section(data, shapes))
    advance("depth")
    table = components.row_table(data, shapes, model) if model else None
    parts.append(depth.section(data, table, holes))
    facts = {
        "file": str(public),
        "rows": f"{data.rows:,}",
        "holes": f"{len(set(data.hole)):,}",
        "channels": f"{len(data.wavenumbers):,}, {data.wavenumbers[0]:g} to {data.wavenumbers[-1]:g} cm-1",
        "assays": f"{int(data.assays.notna().any().sum())} of 49 measured",
    }
    if other is not None:
        facts["private file"] = f"{private}, rows: {other.rows:,}, holes: {len(set(other.hole)):,}"
    findings = by_level([*(finding for _, found in parts for finding in found), *unit_findings(data, other)])
    lead = "Is this file what it should be? What was found first, then the pictures that it was found in."
    return Page(f"Explore {public.name}", lead, facts, findings, [section for section, _ in parts])
