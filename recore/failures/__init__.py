"""Why something failed, for people: exceptions in logs, reasons of jobs, hints, and text that is fit for a terminal."""
