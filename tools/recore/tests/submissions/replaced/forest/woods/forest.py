from estimators import MeasuredRowsRegressor
from sklearn.ensemble import RandomForestRegressor


def grow(inputs, targets, trees, depth):
    forest = RandomForestRegressor(trees, max_depth=depth, random_state=0)
    return MeasuredRowsRegressor(forest).fit(inputs, targets)
