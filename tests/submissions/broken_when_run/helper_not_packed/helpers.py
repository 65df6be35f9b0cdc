import math

finite = math.isfinite
