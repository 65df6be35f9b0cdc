"""Writes to a folder of this machine, outside the job's own."""

open("OUTSIDE/written", "w").write("written")
