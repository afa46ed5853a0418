def cumulative_incidence(lives, horizon):
    """The share that will have been won ``horizon`` days after the start, as far
    as the lives seen so far tell, with *lost* as a competing event.

    The Aalen–Johansen estimator for one cause: the sum, over the times at which
    a deal was won, of the share still undecided just before, times the part of
    the deals then at risk that was won. A deal that is not decided yet counts
    as at risk for as long as it has been seen. O. Aalen and S. Johansen, "An
    Empirical Transition Matrix for Non-Homogeneous Markov Chains Based on
    Censored Observations", Scandinavian Journal of Statistics 5 (1978).

    :param lives: list of ``(days, won, lost, undecided)``: how many deals were
        won, were lost, or were last seen undecided, that many days after their
        start; in any order, each number of days once
    :param horizon: days
    :return: float from 0 to 1; ``None`` when there are no lives

    With everybody decided it is the plain share:

    >>> cumulative_incidence([(1, 1, 0, 0), (2, 0, 3, 0)], 30)
    0.25

    Who is not decided yet passes his chances on to those who come later:

    >>> cumulative_incidence([(1, 0, 0, 2), (2, 1, 1, 0)], 30)
    0.5
    >>> cumulative_incidence([(5, 1, 0, 0)], 3)
    0.0
    >>> cumulative_incidence([], 30) is None
    True
    """
    if not lives:
        return None
    at_risk = sum(won + lost + undecided for _days, won, lost, undecided in lives)
    undecided_share, won_share = 1.0, 0.0
    for days, won, lost, undecided in sorted(lives):
        if days > horizon:
            break
        won_share += undecided_share * won / at_risk
        undecided_share *= 1 - (won + lost) / at_risk
        at_risk -= won + lost + undecided
    return won_share
