"""Findings on columns that are probably in another unit than the schema's."""

from recore.dataset import suspected_content_units, suspected_depth_unit
from recore.report.page.content import PageFinding
from recore.spectral_data import SpectralData


def unit_findings(public: SpectralData, private: SpectralData | None) -> list[PageFinding]:
    """A bad finding for each suspected column of the public file and of the private file, if there is one."""
    return _findings_of(public, "") + (_findings_of(private, f"{private.path.name}: ") if private else [])


def _findings_of(data: SpectralData, file: str) -> list[PageFinding]:
    suspected = suspected_content_units({name: data.assays[name] for name in data.assays})
    findings = [PageFinding("bad", "assay unit", file + one.text, "assays", one.values) for one in suspected]
    if depths := suspected_depth_unit(data.depth_from, data.depth_to):
        findings.append(PageFinding("bad", "depth unit", file + depths.text, "depth", depths.values))
    return findings
