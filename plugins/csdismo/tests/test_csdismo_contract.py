from distoolkit_csdismo import METHOD

from distoolkit.testing import check_method


def test_it_keeps_the_contract() -> None:
    check_method(METHOD)
