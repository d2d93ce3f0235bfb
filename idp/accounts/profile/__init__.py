"""What owners and agencies tell of themselves: name, address, telephone (登録情報, 販売店情報).

Owns the forms and the change itself. The owner's page on which consent is given belongs to ``delegation``,
which uses ``OwnerProfileForm`` and ``update_owner`` from here. Mail addresses are not changed here.
"""
