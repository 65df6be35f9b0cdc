from woods.forest import grow


def fit(inputs, targets, holes, trees=15, depth=6):
    return grow(inputs, targets, trees, depth)
