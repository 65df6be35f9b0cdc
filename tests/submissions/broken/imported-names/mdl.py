class Ridge:
    alpha = 1.0
