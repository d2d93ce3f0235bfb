"""``RelyingParty``: what an application sees of the kit."""

from collections.abc import Callable, Iterable, Mapping
from functools import wraps
from typing import Any, ParamSpec
from urllib.parse import urlencode

from flask import Flask
from flask.typing import ResponseReturnValue
from werkzeug.exceptions import Forbidden

from clients.relying_party import api, gate, logs, routes, sign_in, web
from clients.relying_party.credentials import Vault
from clients.relying_party.parts import Application, Parts
from clients.relying_party.pending import PendingSignIn, Purpose
from clients.relying_party.provider import Provider
from clients.relying_party.reporting import Reporter
from clients.relying_party.reports import Report
from clients.relying_party.sessions import SessionStore
from clients.relying_party.settings import RelyingPartySettings
from clients.relying_party.token_endpoint import TokenEndpoint
from clients.relying_party.values import ActAsTicket, ApiResponse, Session

P = ParamSpec("P")
View = Callable[P, ResponseReturnValue]


class RelyingParty:
    """Makes a Flask application a relying party.

    It registers the blueprint ``rp`` (``/login``, ``/logout``, ``/oidc/…``, ``/proxy-login/end``,
    ``/language``), CSRF protection, the headers, the error pages and what the shared ``base.html`` needs.
    """

    def __init__(
        self,
        app: Flask,
        settings: RelyingPartySettings,
        *,
        name: str,
        title: str,
        scope: str,
        home_endpoint: str,
        after_sign_out: str = "/",
        act_as_supported: bool = False,
        agency_portal_url: str = "",
        form_action_origins: Iterable[str] = (),
    ) -> None:
        provider = Provider(settings.issuer, timeout=settings.timeouts)
        tokens = TokenEndpoint(settings, provider)
        self._parts = Parts(
            application=Application(
                name=name,
                title=title,
                scope=scope,
                home_endpoint=home_endpoint,
                after_sign_out=after_sign_out,
                act_as_supported=act_as_supported,
                agency_portal_url=agency_portal_url,
                form_action_origins=tuple(form_action_origins),
            ),
            settings=settings,
            provider=provider,
            tokens=tokens,
            sessions=SessionStore(settings),
            sign_in_vault=Vault(settings.secret_key, "sign-in cookie"),
            reporter=Reporter(settings, tokens),
        )
        logs.configure()
        web.install(app, self._parts)
        routes.install(app, self._parts)
        if act_as_supported:
            app.before_request(self._parts.reporter.look)

    @property
    def settings(self) -> RelyingPartySettings:
        """The settings that the kit was built with."""
        return self._parts.settings

    @property
    def session(self) -> Session | None:
        """The session of the present request; None while nobody is signed in."""
        return gate.current_session(self._parts)

    def login_required(self, view: View[P]) -> View[P]:
        """Let only signed-in people in.

        Without a session a GET goes to sign-in and comes back; a POST gets a page that says nothing was done.
        A proxy login whose access token has run out makes the round by the server first.
        """

        @wraps(view)
        def guarded(*args: P.args, **kwargs: P.kwargs) -> ResponseReturnValue:
            answer = gate.check_signed_in(self._parts)
            return answer if answer is not None else view(*args, **kwargs)

        return guarded

    def forbidden_under_act(self, view: View[P]) -> View[P]:
        """Refuse the page to somebody who acts for an owner, whatever the grant permits. Implies sign-in."""

        @wraps(view)
        def guarded(*args: P.args, **kwargs: P.kwargs) -> ResponseReturnValue:
            if self.get_session().act is not None:
                raise Forbidden
            return view(*args, **kwargs)

        return self.login_required(guarded)

    def requires_permission(self, permission: str) -> Callable[[View[P]], View[P]]:
        """Refuse the page to somebody who acts for an owner without this permission. Implies sign-in.

        :param permission: a scope such as ``mypage.write``. The owner's own session always has it.
        """

        def decorate(view: View[P]) -> View[P]:
            @wraps(view)
            def guarded(*args: P.args, **kwargs: P.kwargs) -> ResponseReturnValue:
                if not self.get_session().may(permission):
                    raise Forbidden
                return view(*args, **kwargs)

            return self.login_required(guarded)

        return decorate

    def get_session(self) -> Session:
        """Return the session of a view that requires one.

        :raises SessionIsOver: nobody is signed in.
        """
        return gate.get_session(self._parts)

    def api(
        self,
        method: str,
        path: str,
        *,
        json: Mapping[str, Any] | None = None,
        params: Mapping[str, str] | None = None,
        idempotency_key: str = "",
    ) -> ApiResponse:
        """Call the server's API in the name of the present session, with a fresh access token.

        :param path: from the issuer, such as ``/api/me/profile``.
        :param idempotency_key: for calls that are to be carried out once, however often they are sent.
        :raises SessionIsOver: nobody is signed in any more. Left alone, it becomes a page with a way to sign
            in.
        :raises ProxyLoginIsOver: the same under act; the page says why and leads back to the portal.
        :raises ProviderUnavailable: no answer; becomes a page that asks to try later.
        """
        return api.call(
            self._parts,
            self.get_session(),
            method=method,
            path=path,
            json=json,
            params=params,
            idempotency_key=idempotency_key,
        )

    def report_activity(
        self, action: str, *, item: str, description: str, description_en: str = "", once: bool = True
    ) -> None:
        """Tell the owner what somebody who acts for them does; nothing happens in the owner's own session.

        It is kept at once and sent by another thread, as often as it takes. The application has to be
        registered for ``client_credentials`` with the scope ``proxy_logins.report``.

        :param action: ``viewed``, ``changed`` or ``exported``.
        :param item: the kind of the owner's data, such as 電力データ.
        :param description: what was done, in a line of 200 characters at most that the owner understands.
        :param once: tell it once in this proxy login, however often the page is opened.
        """
        session = self.session
        if session is not None and session.act is not None:
            report = Report(action=action, item=item, description=description, description_en=description_en)
            self._parts.reporter.report(session.sid, report, once=once)

    def exchange(
        self, delegation_id: str, *, audience: str, scope: Iterable[str], reason: str = ""
    ) -> ActAsTicket:
        """Exchange the present session's access token for an act-as ticket (RFC 8693).

        :param audience: client id of the relying party that shall receive the proxy login.
        :param scope: permissions wanted, a subset of what the grant permits.
        :raises ExchangeRefused: the server says no; ``error`` has its code.
        """
        return api.exchange(
            self._parts,
            self.get_session(),
            delegation_id=delegation_id,
            audience=audience,
            scope=tuple(scope),
            reason=reason,
        )

    def sign_in_again(self, *, max_age: int, return_to: str) -> ResponseReturnValue:
        """Send the browser to give the password again, if it was given longer ago (RFC 9470 §4).

        :param max_age: seconds, as the server demands them.
        :param return_to: own path to come back to.
        """
        begun = PendingSignIn(purpose=Purpose.SIGN_IN, return_to=return_to)
        return sign_in.start(self._parts, begun, extra={"max_age": str(max_age)})

    def initiate_login_url(
        self, initiate_login_uri: str, *, ticket: ActAsTicket, target_link_uri: str
    ) -> str:
        """Return where to send the browser with a ticket (OIDC Core §4)."""
        query = {
            "iss": self.settings.issuer,
            "login_hint": ticket.value,
            "target_link_uri": target_link_uri,
        }
        return f"{initiate_login_uri}?{urlencode(query)}"
