"""The cases that are tried here, by number, and how a test says which ones it tries."""

from typing import Any

import pytest

CASES = {
    "AZ-001": "redirect URI with a path traversal behind it",
    "AZ-002": "redirect URI with a matrix-parameter traversal",
    "AZ-004": "redirect URI whose host hides behind user information",
    "AZ-007": "redirect URI with a fragment",
    "AZ-009": "redirect URI on another port",
    "AZ-011": "redirect URI over http",
    "AZ-012": "redirect URI in upper case",
    "AZ-014": "redirect URI with a slash behind it",
    "AZ-015": "redirect URI with a query",
    "AZ-016": "redirect URI that brings code and iss along",
    "AZ-017": "redirect URI whose host goes on",
    "AZ-020": "redirect URI with line breaks",
    "AZ-022": "redirect URI of another client",
    "AZ-024": "two redirect URIs",
    "AZ-026": "any other parameter twice",
    "AZ-028": "no redirect URI where two are registered",
    "AZ-029": "a wrong request with an unregistered redirect URI",
    "AZ-032": "an unknown client",
    "AZ-034": "script in any parameter",
    "AZ-036": "a response mode that is not served",
    "AZ-038": "implicit and hybrid response types",
    "AZ-039": "no response type",
    "AZ-040": "a public client without PKCE",
    "AZ-041": "a confidential client without PKCE",
    "AZ-042": "PKCE without a hash",
    "AZ-044": "a challenge of the wrong shape",
    "AZ-045": "a code injected into another session",
    "AZ-046": "an answer without the issuer",
    "AZ-049": "a request by reference to anywhere",
    "AZ-054": "silent sign-in of nobody",
    "AZ-057": "an old sign-in passed off as a new one",
    "AZ-059": "the hint of somebody else",
    "AZ-061": "a code used again",
    "AZ-062": "a code used many times at once",
    "AZ-063": "a code used by another client",
    "AZ-064": "a code that is too old",
    "AZ-066": "a code of somebody who has lost their standing",
    "AZ-071": "a page in somebody else's frame",
    "AZ-072": "a cookie planted before the sign-in",
    "AZ-073": "a sign-in that another site sends",
    "AZ-074": "a way back to another site",
    "AZ-076": "a way out to another site",
    "AZ-078": "a sign-out that an image sends",
    "AZ-082": "an address that tells too much",
    "AZ-083": "a secret in a cache",
    "AZ-084": "a redirect that sends the password again",
    "TK-001": "two ways of proving oneself at once",
    "TK-003": "a confidential client that only says its name",
    "TK-004": "a proof of a method that is not the registered one",
    "TK-005": "an assertion for somebody else's server",
    "TK-006": "an assertion used again",
    "TK-009": "an assertion without an end, or from another time",
    "TK-010": "an assertion in another client's name",
    "TK-011": "an assertion without signature",
    "TK-012": "an assertion signed with the public key",
    "TK-013": "an assertion that brings its key along",
    "TK-015": "an assertion whose key id is an attack",
    "TK-018": "something huge",
    "TK-020": "a parameter twice",
    "TK-021": "parameters in the address",
    "TK-022": "another method than POST",
    "TK-024": "grant types that are not served",
    "TK-025": "a grant type of another client",
    "TK-027": "a refresh token used many times at once",
    "TK-028": "a refresh that asks for more",
    "TK-029": "a refresh token of another client",
    "TK-030": "a refresh after what allowed it is over",
    "TK-032": "a family that is kept alive by rotation",
    "TK-033": "a token of another kind",
    "TK-034": "a token that was changed",
    "TK-037": "a script of another site",
    "TK-038": "introspection by a client that is not meant",
    "TK-040": "another client's token taken back",
    "TK-041": "a token that outlives its authorization",
    "TK-044": "a code without its verifier",
    "TK-046": "an ID token for somebody else",
}


def case(number: str) -> Any:
    """Mark a test with the case that it tries; several marks name several cases."""
    return pytest.mark.case(number)


def row(number: str, what: str, *values: Any) -> Any:
    """Return one line of a table of deviations: the case, what deviates, and with which values."""
    return pytest.param(*values, id=f"{number} {what}", marks=case(number))
