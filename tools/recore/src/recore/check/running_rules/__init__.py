"""Rules that look at what a submission does when its steps run as jobs."""
