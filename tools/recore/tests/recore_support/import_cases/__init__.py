"""Made-up input files for `recore import`, each with its right answer written down beforehand.

The answers say what a careful laboratory manager would: which numbers a file holds, or which question it leaves open.
They were computed here, not by recore. `python -m recore_support.import_cases` prints how many recore answers rightly.
"""

from recore_support.import_cases import (
    assay_companions,
    assay_headers,
    assay_marks,
    assay_questions,
    axes,
    foreign_formats,
    joins,
    public_formats,
    quantities,
    spectrum_formats,
    spectrum_marks,
    spectrum_reports,
    spectrum_traps,
    tables,
)

CASES = [
    *axes.CASES,
    *public_formats.CASES,
    *quantities.CASES,
    *spectrum_formats.CASES,
    *spectrum_marks.CASES,
    *spectrum_reports.CASES,
    *spectrum_traps.CASES,
    *tables.CASES,
    *foreign_formats.CASES,
    *joins.CASES,
    *assay_companions.CASES,
    *assay_headers.CASES,
    *assay_marks.CASES,
    *assay_questions.CASES,
]
