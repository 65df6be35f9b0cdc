"""The report about what clients sent to an endpoint. Each module of this package adds a section."""

from typing import TYPE_CHECKING

from recore.listing import count
from recore.report.drift import bands, evidence, samples
from recore.report.page.content import Page, PageFinding, by_level
from recore.text import plain

if TYPE_CHECKING:
    from recore.production import Monitoring

LEAD = "Do the spectra that clients send still look like those that the model was trained on?"


def drift_page(found: "Monitoring") -> Page:
    """Report on what monitoring an endpoint found."""
    sections = [evidence.section(found), samples.section(found), bands.section(found)]
    title = f"Drift at {plain(found.endpoint)}"
    return Page(title, LEAD, _facts(found), by_level(_findings(found)), sections)


def _facts(found: "Monitoring") -> dict[str, str]:
    times = found.traffic.samples["time"]
    left_out = sum(found.traffic.left_out.values())
    facts = {
        "endpoint": plain(found.endpoint),
        "version": f"{found.version}, trained on {found.trained_on.reference['rows']:,} spectra",
        "compared with": found.reference.name,
        "samples": f"{len(times):,}, from {times.iloc[0]:%Y-%m-%d %H:%M} to {times.iloc[-1]:%Y-%m-%d %H:%M} UTC",
        "false alarms": f"at most {found.false_alarms:.1%}, however often you look",
    }
    return facts | ({"left out": f"{left_out:,}"} if left_out else {})


def _findings(found: "Monitoring") -> list[PageFinding]:
    drift, outside = found.drift, found.traffic.outside
    share = float(outside.mean())
    values = {"samples": len(outside), "outside": int(outside.sum())}
    text = f"{values['outside']:,} of {count(len(outside), 'sample')} ({share:.1%}) are outside the domain; "
    findings = [
        PageFinding(
            "note" if share > samples.MANY_OUTSIDE else "good", "domain", text + samples.USUAL, "samples", values
        )
    ]
    evidence_values = {"evidence": drift.most, "threshold": drift.threshold}
    if not found.units:
        findings.append(PageFinding("note", "drift", evidence.NOTHING, "evidence", evidence_values))
    elif found.began is None:
        findings.append(
            PageFinding("good", "drift", f"no drift: {evidence.describe(found)}", "evidence", evidence_values)
        )
    else:
        text = f"drift since {found.began:%Y-%m-%d %H:%M} UTC: {evidence.describe(found)}"
        findings.append(PageFinding("bad", "drift", text, "evidence", evidence_values))
    return findings
