"""Scripts import `framework` from this package, as from AWS's package."""
