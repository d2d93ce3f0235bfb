// A person at a browser, in plain JavaScript: cookies, redirects, and the forms that stand on the pages.

const REDIRECTS = 12;
const ENTITIES = { amp: '&', lt: '<', gt: '>', quot: '"', '#34': '"', '#39': "'" };

/** The attributes of a tag, by name; one without a value has an empty one. */
function attributesOf(tag) {
  const found = [...tag.matchAll(/([\w-]+)(?:="([^"]*)")?/g)];
  return Object.fromEntries(
    found.map(([, name, value = '']) => [name, value.replace(/&(#?\w+);/g, (all, entity) => ENTITIES[entity] ?? all)]),
  );
}

/** The POST forms of a page: where each goes, what it would send untouched, and its buttons. */
export function formsOf(html) {
  return [...html.matchAll(/<form\b([^>]*)>([\s\S]*?)<\/form>/g)]
    .map(([, tag, inside]) => ({
      ...attributesOf(tag),
      inputs: [...inside.matchAll(/<input\b([^>]*)>/g)].map(([, input]) => attributesOf(input)),
      buttons: [...inside.matchAll(/<button\b([^>]*)>/g)].map(([, button]) => attributesOf(button)),
    }))
    .filter((form) => form.method?.toLowerCase() === 'post');
}

/** What a form would send if nobody touched it. */
function untouched(form) {
  const sent = form.inputs.filter(
    (input) => input.name && (!['checkbox', 'radio'].includes(input.type) || 'checked' in input),
  );
  return new URLSearchParams(sent.map((input) => [input.name, input.value ?? '']));
}

export class Person {
  #cookies = new Map();

  constructor({ email, password }) {
    this.email = email;
    this.password = password;
  }

  /**
   * Open an address and do what the pages ask, until the browser is sent to the application.
   * Returns that request as the application would receive it: a GET, or the POST of `form_post`.
   * Without an application it goes on until a page asks nothing more, and returns that page.
   */
  async visit(address, application = 'nowhere:') {
    let url = new URL(address);
    let answer = await this.#send(url);
    for (let step = 0; step < REDIRECTS; step += 1) {
      if (answer.status >= 300 && answer.status < 400) {
        url = new URL(answer.headers.get('location'), url);
        if (url.href.startsWith(application)) return new Request(url);
        answer = await this.#send(url);
        continue;
      }
      const html = await answer.text();
      if (answer.status !== 200) throw new Error(`${answer.status} at ${url.pathname}: ${html}`);
      const asked = this.#answer(html, url);
      if (!asked && application === 'nowhere:') return html;
      if (!asked) throw new Error(`nothing to answer at ${url.pathname}: ${html}`);
      const [target, body] = asked;
      if (target.href.startsWith(application)) return new Request(target, { method: 'POST', body });
      url = target;
      answer = await this.#send(url, body);
    }
    throw new Error(`too many steps, now at ${url}`);
  }

  /** Fill in the form of a page: the sign-in, or a question that is answered with yes. */
  #answer(html, url) {
    const forms = formsOf(html);
    const chosen =
      forms.find((form) => form.inputs.some((input) => input.type === 'password')) ??
      forms.find((form) => form.inputs.some((input) => input.name === 'code')) ??
      forms.find((form) => form.buttons.some((button) => button.name === 'answer'));
    if (!chosen) return null;
    const body = untouched(chosen);
    if (body.has('password')) {
      body.set('email', this.email);
      body.set('password', this.password);
    }
    const [yes] = chosen.buttons.filter((button) => button.name);
    if (yes) body.set(yes.name, yes.value);
    return [new URL(chosen.action || url.href, url), body];
  }

  async #send(url, body) {
    const headers = { cookie: [...this.#cookies].map(([name, value]) => `${name}=${value}`).join('; ') };
    // As browsers do it for the forms of a page with `Referrer-Policy: no-referrer`.
    if (body) Object.assign(headers, { origin: 'null', 'sec-fetch-site': 'same-origin' });
    const answer = await fetch(url, { method: body ? 'POST' : 'GET', body, headers, redirect: 'manual' });
    // Node 18 has no getSetCookie(); a comma that begins a cookie is followed by its name and `=`.
    for (const line of (answer.headers.get('set-cookie') ?? '').split(/,(?=\s*[^;,=\s]+=)/).filter(Boolean)) {
      const [, name, value] = /^\s*([^=]+)=([^;]*)/.exec(line);
      if (/max-age=0\b/i.test(line)) this.#cookies.delete(name);
      else this.#cookies.set(name, value);
    }
    return answer;
  }
}
