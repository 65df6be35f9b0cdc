from estimators import MeasuredRowsRegressor
from sklearn.cross_decomposition import PLSRegression


def fit(inputs, targets, holes, n_components=8):
    return MeasuredRowsRegressor(PLSRegression(n_components)).fit(inputs, targets)
