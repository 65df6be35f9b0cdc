"""Writes to a folder on this machine that is not one of the job's."""

open("OUTSIDE/written", "w").write("written")
