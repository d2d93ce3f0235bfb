"""A person's sign-in in one browser: the stored session, its cookie, and who may open which page.

Owns the browser session and the cookie that names it. It does not check passwords (``sign_in``) and
knows nothing of what relying parties do with a session (``oauth``).
"""
