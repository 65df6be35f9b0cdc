"""Changes to a good submission that `recore check` is measured with: see docs/check-mutants.md."""
