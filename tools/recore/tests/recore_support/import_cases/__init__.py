"""Made-up input files for `recore import`, each with its right answer written down beforehand.

The answers say what a careful laboratory manager would: which numbers a file holds, or which question it leaves open.
They were computed here, not by recore.
"""

from recore_support.import_cases import assay_tables, axes, formats

CASES = [
    *axes.AXES,
    *axes.QUANTITIES,
    *formats.PROGRAMS,
    *formats.MARKS,
    *formats.NAMES,
    *formats.REFUSED,
    *assay_tables.HEADER_CASES,
    *assay_tables.MARK_CASES,
    *assay_tables.COMPANION_CASES,
    *assay_tables.JOINS,
]
