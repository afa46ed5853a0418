from math import erfc, sqrt

# What happens by chance less often than this is not taken for chance.
SIGNIFICANT = 0.05

# The normal distribution stands for counts from this size on.
LEAST_EXPECTED = 5


def two_proportion_test(part, whole, other_part, other_whole):
    """How likely two shares at least so different are, when they differ by chance.

    The two-sided z-test with a pooled share: W. G. Cochran, "The χ² Test of
    Goodness of Fit", Annals of Mathematical Statistics 23 (1952), also for the
    rule that every expected count has to be at least 5.

    :param part: number of successes of the one
    :param whole: number of tries of the one
    :param other_part: number of successes of the other
    :param other_whole: number of tries of the other
    :return: float from 0 to 1; ``None`` when there is too little to tell

    >>> round(two_proportion_test(20, 100, 40, 100), 4)
    0.002
    >>> two_proportion_test(10, 100, 10, 100)
    1.0
    >>> two_proportion_test(0, 3, 5, 10) is None
    True
    """
    if part > whole or other_part > other_whole:
        return None
    together = whole + other_whole
    succeeded = part + other_part
    expected = [
        tries * count / together if together else 0
        for tries in (whole, other_whole)
        for count in (succeeded, together - succeeded)
    ]
    if min(expected) < LEAST_EXPECTED:
        return None
    pooled = succeeded / together
    error = sqrt(pooled * (1 - pooled) * (1 / whole + 1 / other_whole))
    return erfc(abs(part / whole - other_part / other_whole) / error / sqrt(2))


def below_others(part, whole, other_part, other_whole):
    """Whether a share is lower than that of the others, and not by chance.

    :return: ``None``, or ``{"rate", "others_rate", "p_value"}``

    >>> below_others(40, 100, 20, 100) is None
    True
    >>> below_others(20, 100, 40, 100)["others_rate"]
    0.4
    """
    p_value = two_proportion_test(part, whole, other_part, other_whole)
    if p_value is None or p_value >= SIGNIFICANT:
        return None
    share, others = part / whole, other_part / other_whole
    if share >= others:
        return None
    return {"rate": share, "others_rate": others, "p_value": p_value}
