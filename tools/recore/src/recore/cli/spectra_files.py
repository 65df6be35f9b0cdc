"""Options shared by the commands that read spectra, and messages about the files that were read."""

import re
from collections import Counter
from typing import TYPE_CHECKING, Any

import click

from recore.cli.common import add_options
from recore.listing import count
from recore.text import plain

if TYPE_CHECKING:
    from recore.dataset import ImportResult, ReadingOptions

SHOWN = 5  # problems printed per file, because each line of a table can have one

reading_options = add_options(
    click.option(
        "--replicates",
        type=click.Choice(["one", "mean", "each"]),
        default="one",
        help="How to handle several spectra of a sample: reject, average, or write a row for each.",
    ),
    click.option("--name", metavar="REGEX", help="Pattern for file names.  [default: SAMPLE.REPLICATE, as in OPUS]"),
    click.option("--block", default="absorbance", help="Block of OPUS files to read; see `recore import --help`."),
    click.option(
        "--convert",
        type=click.Choice(["none", "fraction", "percent"]),
        help="Convert reflectance or transmittance on this scale to log10(1 / value). With none, values are "
        "absorbance, even if a header states otherwise.",
    ),
    click.option("--unit", type=click.Choice(["cm-1", "nm", "um"]), help="Unit of the axis of text files."),
    click.option("--decimal", type=click.Choice(["point", "comma"]), help="Decimal mark of text files."),
    click.option("--sample", metavar="COLUMN", help="Column of sample names in a table of spectra."),
    click.option("--interpolate", is_flag=True, help="Interpolate spectra on other grids instead of rejecting them."),
)


def take_reading(options: dict[str, Any]) -> "ReadingOptions":
    """Remove the options for reading files from a command's options, and return them.

    Raises ValueError if an option is invalid.
    """
    from recore.dataset import ReadingOptions

    return ReadingOptions(
        **{name: options.pop(name) for name in ("block", "unit", "convert", "decimal", "sample", "name")}
    )


def show_remarks(result: "ImportResult") -> None:
    """Print the remarks, suspected units and problems to stderr, one per line. A shared problem is printed once."""
    lines = [f"note: {remark}" for remark in result.remarks] + [f"bad: {unit.message}" for unit in result.suspected]
    reasons: dict[str, dict[str, list[str]]] = {}  # the sources of problems, by reason and file
    for problem in result.problems:
        file = re.sub(r" line \d+$", "", problem.source)
        reasons.setdefault(problem.reason, {}).setdefault(file, []).append(problem.source)
    counts: Counter[str] = Counter()
    for reason, files in reasons.items():
        (file, sources), *others = files.items()
        more = f"; {count(len(others), 'more file')} with the same problem" if others else ""
        for source in sources:
            counts[file] += 1
            if counts[file] <= SHOWN:
                lines.append(f"recore: {source}: {reason}{more}")
                more = ""
    for file, number in counts.items():
        if number > SHOWN:
            lines.append(f"recore: {file}: {count(number - SHOWN, 'more problem')}; --json lists all")
    for line in lines:
        click.echo(plain(line, 10_000), err=True)


def show_nothing_written(result: "ImportResult") -> None:
    """Report that nothing was written."""
    click.echo(f"recore: nothing was written because of {count(len(result.problems), 'problem')}", err=True)
