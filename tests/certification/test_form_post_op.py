"""oidcc-formpost-basic-certification-test-plan: every module of the Basic plan, answered by form."""

import pytest

from tests.certification import test_basic_op
from tests.certification.conditions import came_back
from tests.certification.suite import Suite
from tests.oauth.relying_party import RelyingParty


@pytest.fixture
def response_mode() -> str:
    return "form_post"


globals().update({name: module for name, module in vars(test_basic_op).items() if name.startswith("test_")})


def test_the_form_needs_no_script(suite: Suite, client: RelyingParty) -> None:
    callback = came_back(suite, suite.visit(client))
    assert set(callback.parameters) == {"code", "state", "iss"}  # and no field of our own beside them
