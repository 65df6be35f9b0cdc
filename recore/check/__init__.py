"""Will this submission survive? Rules that read its source, and rules that run it in the simulator's sandbox."""
