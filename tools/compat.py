"""placeholder"""


def compare():
    """x"""
