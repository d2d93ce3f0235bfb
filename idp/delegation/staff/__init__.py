"""Agencies' pages about their staff, and what ends with somebody's place: tickets and running proxy logins.

Places, roles and invitations are ``accounts.staff``'s; who looks after whom is ``assignments``'.
"""
