"""People and organisations that can sign in: rules, registration, sign-in and profile of idp.accounts."""
