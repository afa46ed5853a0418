from math import sqrt

# The two-sided 95 % quantile of the normal distribution.
Z_95 = 1.959963984540054


def rate(part, whole):
    """The share ``part / whole``.

    :param part: number of successes
    :param whole: number of tries
    :return: float from 0 to 1; ``None`` when there is nothing to take a share of,
        or when ``part`` is no part of ``whole``

    >>> rate(1, 5)
    0.2
    >>> rate(0, 0) is None
    True
    >>> rate(3, 2) is None
    True
    """
    if not whole or part > whole:
        return None
    return part / whole


def wilson_interval(part, whole, z=Z_95):
    """The interval in which the true rate lies, with 95 % confidence.

    E. B. Wilson, "Probable Inference, the Law of Succession, and Statistical
    Inference", Journal of the American Statistical Association 22 (1927).

    :param part: number of successes
    :param whole: number of tries
    :param z: quantile of the normal distribution
    :return: ``[low, high]``, floats from 0 to 1; ``None`` where :func:`rate` is

    >>> [round(bound, 4) for bound in wilson_interval(1, 5)]
    [0.0362, 0.6245]
    >>> [round(bound, 4) for bound in wilson_interval(0, 10)]
    [0.0, 0.2775]
    >>> wilson_interval(0, 0) is None
    True
    """
    share = rate(part, whole)
    if share is None:
        return None
    spread = z * z / whole
    centre = share + spread / 2
    margin = z * sqrt((share * (1 - share) + spread / 4) / whole)
    return [
        # at the ends the formula is exact, its rounding is not
        max(0.0, (centre - margin) / (1 + spread)) if part else 0.0,
        min(1.0, (centre + margin) / (1 + spread)) if part < whole else 1.0,
    ]


def shrunk_rate(part, whole, prior, weight=10):
    """A rate that few tries draw towards what holds in general.

    The posterior mean of a binomial share whose prior is worth ``weight`` tries:
    the more is known, the less the prior counts.

    :param part: number of successes
    :param whole: number of tries
    :param prior: the rate in general, ``None`` when nothing is known
    :param weight: how many tries the prior counts for
    :return: float from 0 to 1; ``None`` without a prior

    >>> shrunk_rate(0, 0, 0.2)
    0.2
    >>> shrunk_rate(8, 10, 0.2)
    0.5
    >>> shrunk_rate(1, 2, None) is None
    True
    """
    if prior is None:
        return None
    return (part + weight * prior) / (whole + weight)
