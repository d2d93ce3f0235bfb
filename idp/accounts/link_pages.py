"""The pages of a mailed link that cannot be used (any more), each with the next step."""

from flask import render_template, url_for

from idp.accounts.rules import LinkNotFresh, LinkPurpose, LinkState

START = {
    LinkPurpose.AGENCY_REGISTRATION: "agency_registration.start",
    LinkPurpose.OWNER_REGISTRATION: "owner_registration.start",
    LinkPurpose.PASSWORD_RESET: "passwords.forgotten",
}
AGAIN = {
    LinkPurpose.AGENCY_REGISTRATION: "agency_registration.send_again",
    LinkPurpose.OWNER_REGISTRATION: "owner_registration.send_again",
    LinkPurpose.PASSWORD_RESET: "passwords.send_again",
}


def show_link_over(token: str, refusal: LinkNotFresh) -> tuple[str, int]:
    """Show what became of a link. The address that it was sent to is not shown: links get passed on."""
    can_send_again = refusal.state in {LinkState.EXPIRED, LinkState.REPLACED}
    page = render_template(
        "accounts/link_over.html",
        state=refusal.state,
        purpose=refusal.purpose,
        again=url_for(AGAIN[refusal.purpose], token=token) if can_send_again else "",
        start=url_for(START[refusal.purpose]),
    )
    return page, refusal.status
