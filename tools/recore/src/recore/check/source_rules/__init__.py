"""Rules that read a submission's files. No code of the submission runs."""
