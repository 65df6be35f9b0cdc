"""Changes to a good submission that `recore check` is measured with: see tools/docs/recore/check-mutants.md."""
