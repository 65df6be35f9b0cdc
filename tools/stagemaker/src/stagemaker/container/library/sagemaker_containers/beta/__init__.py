"""Scripts import `framework` from this package, as they do from AWS's."""
