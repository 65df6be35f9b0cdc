"""The hooks come from another module."""

from hooks import *
