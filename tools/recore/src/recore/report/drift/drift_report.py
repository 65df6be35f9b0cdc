"""The report about what clients sent to an endpoint. Each module of this package adds a section."""

from typing import TYPE_CHECKING

from recore.listing import count
from recore.report.drift import bands, evidence, samples
from recore.report.page.content import Level, Page, PageFinding, by_level
from recore.text import plain

if TYPE_CHECKING:
    from recore.production.monitoring import Monitoring

MANY_OUTSIDE = 0.05  # the least share of samples outside the domain that is noted
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
        "compared with": f"{found.reference.name} in its training data",
        "samples": f"{len(times):,}, from {times.iloc[0]:%Y-%m-%d %H:%M} to {times.iloc[-1]:%Y-%m-%d %H:%M} UTC",
        "false alarms": found.rate_text,
    }
    return facts | ({"left out": f"{left_out:,}"} if left_out else {})


def _findings(found: "Monitoring") -> list[PageFinding]:
    drift, outside = found.drift, found.traffic.outside
    share = float(outside.mean())
    text = f"{outside.sum():,} of {count(len(outside), 'sample')} ({share:.1%}) are outside the domain; "
    level: Level = "note" if share > max(MANY_OUTSIDE, 2 * found.trained_on.usual_outside) else "good"
    values = {"samples": len(outside), "outside": int(outside.sum())}
    domain = PageFinding(level, "domain", text + found.usual_text, "samples", values)
    level, text = "good", f"no drift: {found.evidence_text}"
    if not found.units:
        level, text = "note", evidence.NOTHING
    elif found.began:
        level, text = "bad", f"drift since about {found.began:%Y-%m-%d %H:%M} UTC: {found.evidence_text}"
    values_of_test = {"evidence": drift.most, "threshold": drift.threshold}
    return [PageFinding(level, "drift", text, "evidence", values_of_test), domain]
