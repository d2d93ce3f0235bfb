"""販売店・業者様向け管理画面: where an agency's staff decide about owners' requests and start proxy logins.

Owns the pages that a member of staff sees after signing in, and which buttons they offer. It keeps neither
accounts nor grants: every page asks the authorization server again, and every decision is taken there.
Passwords are never typed here.
"""
