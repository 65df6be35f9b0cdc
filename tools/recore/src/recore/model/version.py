"""The version of the interface: that of ML2P whose behaviour this package has."""

__version__ = "0.6.0"
