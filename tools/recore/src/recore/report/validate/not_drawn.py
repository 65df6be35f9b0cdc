"""Why a section has no figures."""

NOTHING_PREDICTED = "Not drawn: no target varies and was predicted."
NO_TIME = "Not drawn: there was no time for it; --minutes sets the time."
