"""Rules that check the results of a submission's steps, which run as jobs."""
