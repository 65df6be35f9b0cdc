"""The report of `recore explore` on a data file. Each other module in this package adds a section."""

from collections.abc import Callable
from pathlib import Path

from recore.challenge import challenge
from recore.data_file import read_header
from recore.dataset import (
    explain_import,
    may_need_import,
    note_similar_holes,
    suspected_codes,
    suspected_content_units,
    suspected_depth_unit,
)
from recore.report.explore import assays, components, correlation, depth, duplicates, shift, spectra
from recore.report.explore.spectra import order_holes
from recore.report.page.content import Page, PageFinding, findings_of, sort_by_level
from recore.report.statistics import bin_spectra
from recore.schema import channels_of
from recore.spectral_data import SpectralData, read_data

STEPS = 9  # maximum number of calls of `advance`

LEAD = "Is this data file sound? The findings come first, then the sections with the evidence."


def explore_file(public: Path, private: Path | None = None, advance: Callable[[str], None] = lambda step: None) -> Page:
    """Return the report on a data file, compared with private data if given. advance: called with each step's name.

    Raises ValueError or OSError if a file is not a gzipped CSV file of spectra.
    """
    from threadpoolctl import threadpool_limits

    # the matrices are small, and several threads would wait for each other on a busy machine
    with threadpool_limits(1, "blas"):
        return _page(public, private, advance)


def _page(public: Path, private: Path | None, advance: Callable[[str], None]) -> Page:
    advance("reading")
    data = _read(public)
    private_data = _read(private) if private else None
    advance("shapes")
    binned = bin_spectra(data)
    private_shapes = None
    if private_data is not None and not shift.channel_difference(data, private_data):
        private_shapes = bin_spectra(private_data, like=data)
    advance("spectra")
    holes = order_holes(binned)
    names = [hole.name for hole in holes]
    sections = [spectra.section(binned, holes, private_data)]
    advance("components")
    section, table = components.section(binned, names)
    sections.append(section)
    if private_data is not None:
        advance("private against public")
        sections.append(shift.section(binned, private_data, private_shapes))
    advance("duplicates")
    sections.append(duplicates.section(binned, private_shapes))
    advance("assays")
    sections.append(assays.section(data))
    advance("correlation")
    sections.append(correlation.section(binned))
    advance("depth")
    sections.append(depth.section(data, table, names))
    facts = {"file": str(public), **_facts(data)}
    if private_data is not None:
        facts["private file"] = f"{private}, rows: {private_data.rows:,}, holes: {len(set(private_data.hole)):,}"
    private_findings = _column_findings(private_data, f"{private_data.path.name}: ") if private_data else []
    findings = sort_by_level([*findings_of(sections), *_column_findings(data), *private_findings])
    return Page(f"Explore {public.name}", LEAD, facts, findings, sections)


def _read(path: Path) -> SpectralData:
    try:
        names = read_header(path)[1:]
    except ValueError:
        names = []
    has_channels = bool(channels_of(names))
    if (may_need_import(names) or not has_channels) and (reason := explain_import(path, only_header=has_channels)):
        raise ValueError(f"{path}: {reason}")
    return read_data(path)


def _facts(data: SpectralData) -> dict[str, str]:
    return {
        "rows": f"{data.rows:,}",
        "holes": f"{len(set(data.hole)):,}",
        "channels": f"{len(data.wavenumbers):,}, {data.wavenumbers[0]:g} to {data.wavenumbers[-1]:g} cm-1",
        "assays": f"{int(data.assays.notna().any().sum())} of {len(challenge().targets)} measured",
    }


def _column_findings(data: SpectralData, file: str = "") -> list[PageFinding]:
    """Return findings on implausible units, suspected codes and similar hole names. file: a prefix of their texts."""
    content = {name: data.assays[name].to_numpy() for name in data.assays}
    units, codes = suspected_content_units(content), suspected_codes(content)
    findings = [PageFinding("bad", "assay unit", file + one.message, "assays", one.values) for one in units]
    findings += [PageFinding("bad", "assay codes", file + one.message, "assays", one.values) for one in codes]
    if challenge().depths and (depths := suspected_depth_unit(data.depth_from, data.depth_to)):
        findings.append(PageFinding("bad", "depth unit", file + depths.message, "depth", depths.values))
    if similar := note_similar_holes(data.hole.tolist()):
        findings.append(PageFinding("note", "similar holes", file + similar, "depth"))
    return findings
