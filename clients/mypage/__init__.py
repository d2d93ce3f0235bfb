"""マイページ: where an owner looks at the own data and products, or an agency does so in the owner's place.

Owns the pages, the power data that they draw, and what a grant's permissions let an agency see here. Does not
own passwords, addresses, consents or the list of permissions: those are pages of the authorization server,
and while somebody acts for the owner the way to them is closed.
"""
