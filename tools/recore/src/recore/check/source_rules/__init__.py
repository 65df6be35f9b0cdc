"""Rules that read a submission's files without running its code."""
