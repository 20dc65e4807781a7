"""A polynomial is the list of its coefficients, the constant first."""


def value(coefficients, x):
    total = 0.0
    for coefficient in reversed(coefficients):
        total = total * x + coefficient
    return total


def mean_squared_error(coefficients, points):
    return sum((value(coefficients, x) - y) ** 2 for x, y in points) / len(points)


def improved(coefficients, points, rate):
    """After one step down the gradient of the mean squared error."""
    errors = [(x, value(coefficients, x) - y) for x, y in points]
    return [
        coefficient - rate * 2 * sum(error * x**power for x, error in errors) / len(points)
        for power, coefficient in enumerate(coefficients)
    ]


def written(coefficients):
    return " ".join(f"{c:+.2f} x^{power}" for power, c in enumerate(coefficients))
