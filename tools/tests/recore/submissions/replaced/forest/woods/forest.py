from challenge.meta_estimators import PerTargetRegressor
from sklearn.ensemble import RandomForestRegressor


def grow(inputs, targets, trees, depth):
    forest = RandomForestRegressor(trees, max_depth=depth, random_state=0)
    return PerTargetRegressor(forest).fit(inputs, targets)
