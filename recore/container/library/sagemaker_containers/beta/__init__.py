"""As in AWS's package: what scripts import is in `framework`."""
