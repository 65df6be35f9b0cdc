"""The module itself fails."""

raise RuntimeError("not to be imported")
