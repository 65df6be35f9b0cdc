"""Writes to a folder of this machine."""

open("OUTSIDE/written", "w").write("written")
