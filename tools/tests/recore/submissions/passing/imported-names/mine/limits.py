LOW = 0.0
