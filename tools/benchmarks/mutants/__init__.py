"""Changes to a good submission that `recore check` is measured with: see docs/reference/check-mutants.md."""
