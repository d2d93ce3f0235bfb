"""A person at a browser that speaks real HTTP: cookies, redirects, and the forms that stand on the pages."""

from dataclasses import dataclass, field
from urllib.parse import urljoin

import requests

from idp.demo import HANAKO, PASSWORD
from tests.accounts.visitor import PostForm, read_forms

STEPS = 12
Form = dict[str, list[str]]


@dataclass
class Person:
    """Somebody who signs in where asked, and says yes where asked."""

    email: str = HANAKO.email
    password: str = PASSWORD
    http: requests.Session = field(default_factory=requests.Session)

    def visit(
        self, url: str, *, until: str = "", form: Form | None = None, stop_at_forms: bool = False
    ) -> requests.Response:
        """Open an address (or send it a form) and do what the pages ask until there is nothing left to do.

        :param until: beginning of the application's own address; the redirect to it is returned and not
            followed, so that a test can play the application.
        :param stop_at_forms: follow redirects alone.
        """
        answer = self.send(url, form)
        for _ in range(STEPS):
            if answer.is_redirect:
                url = urljoin(url, answer.headers["Location"])
                if until and url.startswith(until):
                    return answer
                answer = self.send(url)
                continue
            asked = None if stop_at_forms else _question(answer)
            if asked is None:
                return answer
            url = urljoin(url, asked.action or url)
            answer = self.send(url, self._filled(asked))
        raise AssertionError(f"too many steps, now at {url}")

    def press(self, page: requests.Response, action: str) -> requests.Response:
        """Press the button of the form that goes to this address, and go on from there."""
        form = next(form for form in read_forms(page.text) if form.action.endswith(action))
        return self.visit(urljoin(page.url, form.action), form=form.fields, stop_at_forms=True)

    def send(self, url: str, form: Form | None = None) -> requests.Response:
        """Send one request, as browsers do it on pages with ``Referrer-Policy: no-referrer``."""
        headers = {} if form is None else {"Origin": "null", "Sec-Fetch-Site": "same-origin"}
        return self.http.request(
            "GET" if form is None else "POST",
            url,
            data=form,
            headers=headers,
            allow_redirects=False,
            timeout=30,
        )

    def _filled(self, asked: PostForm) -> Form:
        """Return what the person sends: the sign-in, or the first button of a question."""
        typed = {"email": [self.email], "password": [self.password]} if "password" in asked.fields else {}
        pressed = {name: [value] for name, value in asked.buttons[:1]}
        return {**asked.fields, **typed, **pressed}


def _question(page: requests.Response) -> PostForm | None:
    """Return the form that stands between the person and where they want to go."""
    if page.status_code != 200 or not page.headers.get("Content-Type", "").startswith("text/html"):
        return None
    forms = read_forms(page.text)
    return next((form for form in forms if "password" in form.fields or _goes_on(form)), None)


def _goes_on(form: PostForm) -> bool:
    """Tell whether a form belongs to the request: a question with answers, or what goes to the client."""
    return form.action.startswith("http") or any(name == "answer" for name, _ in form.buttons)
