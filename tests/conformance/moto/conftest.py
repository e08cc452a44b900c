"""Laid beside moto's tests of SQS: what its own server would do for them and another server does in its own way."""

import pytest
from moto.core import DEFAULT_ACCOUNT_ID
from moto.core.models import MockAWS

_make_mock = MockAWS.__init__


def _make_mock_of_account(self, *arguments, **named):
    """The tests expect moto's account; a broker without users takes the account from a key id of twelve digits."""
    _make_mock(self, *arguments, **named)
    self._fake_creds["AWS_ACCESS_KEY_ID"] = DEFAULT_ACCOUNT_ID


MockAWS.__init__ = _make_mock_of_account


@pytest.fixture
def account_id():
    """In the place of moto's own, which asks STS."""
    return DEFAULT_ACCOUNT_ID
