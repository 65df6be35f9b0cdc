import numpy as np

from recore.report.page.one_to_one import choose_axes


def test_axes_are_logarithmic_if_half_of_the_values_are_crowded() -> None:
    measured = np.array([0, 1, 2, 3, 4, 5, 6, 500, 1000, np.nan])
    predicted = np.array([1, -2, 0, 1e-9, 4, 5, 6, 400, 2000, 0])
    axes = choose_axes(measured, predicted)
    assert axes.logarithmic
    assert 0.7 < axes.low < 1
    assert 2000 < axes.high < 2600
    assert axes.format_scale(measured, predicted) == (
        "Logarithmic axes; triangles at the edge: 1 measured value below the axis, 1 of them 0 or less; "
        "3 predicted values below the axis, 2 of them 0 or less."
    )
    layout = axes.layout("ppm")
    assert layout["xaxis"]["range"] == layout["yaxis"]["range"]
    assert layout["xaxis"]["title"]["text"] == "measured, ppm, logarithmic"
    even_axes = choose_axes(np.arange(10.0), np.arange(-1.0, 9.0))
    assert not even_axes.logarithmic
    assert even_axes.low < -1
    assert not even_axes.is_outside_axes(np.arange(-1.0, 9.0)).any()
    assert even_axes.format_scale(measured, predicted) == ""
    assert not choose_axes(np.array([0, 0, 0, 5.0]), np.ones(4)).logarithmic  # most points would be at the edge
