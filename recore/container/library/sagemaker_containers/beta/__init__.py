"""Scripts import `framework` from this package, as in AWS's own."""
