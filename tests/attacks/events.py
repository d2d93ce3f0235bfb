"""What can happen to a person, an app or a sign-in while a code or token of theirs is about."""

from collections.abc import Callable

from idp.accounts.models import Account
from idp.accounts.rules import AccountStatus
from idp.accounts.sessions.service import end_all_sessions
from idp.delegation.standing import suspend_account
from idp.demo import PASSWORD, OwnerPart
from idp.oauth.models import Client, ClientStatus
from tests.accounts.visitor import Visitor, forms_of
from tests.attacks.stage import Stage

Happening = Callable[[Stage, OwnerPart, Visitor], None]
NEW_PASSWORD = "kaminari-taisaku-2027"


def sign_out(_stage: Stage, _person: OwnerPart, browser: Visitor) -> None:
    """Let the person sign out in this browser, by the button on their page."""
    token = forms_of(browser.get("/account"))[0].fields["csrf_token"]
    assert browser.post("/sign-out", {"csrf_token": token}).status_code == 303


def change_password(stage: Stage, person: OwnerPart, _browser: Visitor) -> None:
    """Let the person change the password in another browser."""
    answer = stage.browser(person).submit(
        "/account/password", current_password=PASSWORD, password=NEW_PASSWORD, password_confirm=NEW_PASSWORD
    )
    assert answer.status_code == 303, answer.text


def suspend(stage: Stage, person: OwnerPart, _browser: Visitor) -> None:
    """Let the operator suspend the account."""
    account_id = stage.account(person).id
    assert stage.write(lambda session: suspend_account(session, account_id))


def delete(stage: Stage, person: OwnerPart, _browser: Visitor) -> None:
    """Let the account be gone, and nothing but its status tell so."""
    account_id = stage.account(person).id
    stage.write(
        lambda session: setattr(session.get_one(Account, account_id), "status", AccountStatus.DELETED)
    )


def sign_out_everywhere(stage: Stage, person: OwnerPart, _browser: Visitor) -> None:
    """Let all of the person's sign-ins end."""
    account_id = stage.account(person).id
    stage.write(lambda session: end_all_sessions(session, account_id))


def set_client_status(stage: Stage, client_id: str, status: ClientStatus) -> None:
    """Let the operator disable a client, or enable it again."""
    stage.write(lambda session: setattr(session.get_one(Client, client_id), "status", status))
