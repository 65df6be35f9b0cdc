"""Changes to a good submission, of which check_mutants.py measures how many `recore check` finds."""
