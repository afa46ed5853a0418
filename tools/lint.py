"""placeholder"""


def lint():
    """x"""
