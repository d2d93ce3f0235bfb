// openid-client signs in, refreshes, asks userinfo and signs out. usage: openid_client.mjs <scenario>, task in TASK
import assert from 'node:assert/strict';

import './older_node.mjs';
import { Person } from './person.mjs';

const client = await import('openid-client');
const task = JSON.parse(process.env.TASK);
const insecure = { execute: [client.allowInsecureRequests] };
const person = new Person(task.person);

async function discover(metadata = {}, authentication = client.ClientSecretBasic(task.secret)) {
  return client.discovery(new URL(task.issuer), task.client_id, metadata, authentication, insecure);
}

/** The parameters of a sign-in, and what has to be checked when it comes back. */
async function prepare(more = {}) {
  const pkceCodeVerifier = client.randomPKCECodeVerifier();
  const checks = { pkceCodeVerifier, expectedState: client.randomState(), expectedNonce: client.randomNonce() };
  const parameters = {
    redirect_uri: task.redirect_uri,
    scope: task.scope,
    code_challenge: await client.calculatePKCECodeChallenge(pkceCodeVerifier),
    code_challenge_method: 'S256',
    state: checks.expectedState,
    nonce: checks.expectedNonce,
    ...more,
  };
  return [parameters, { ...checks, idTokenExpected: true }];
}

async function signIn(config, more = {}) {
  const [parameters, checks] = await prepare(more);
  const arrived = await person.visit(client.buildAuthorizationUrl(config, parameters), task.redirect_uri);
  const given = arrived.method === 'POST' ? arrived : new URL(arrived.url);
  return client.authorizationCodeGrant(config, given, checks);
}

/** Everything that a client does with its tokens until the person signs out. */
async function useAndSignOut(config, tokens, options = {}) {
  const { sub } = tokens.claims();
  const userinfo = await client.fetchUserInfo(config, tokens.access_token, sub, options);
  assert.equal(userinfo.name, task.name);
  const renewed = await client.refreshTokenGrant(config, tokens.refresh_token, undefined, options);
  assert.notEqual(renewed.access_token, tokens.access_token);
  await client.fetchUserInfo(config, renewed.access_token, sub, options);
  const state = client.randomState();
  const leave = client.buildEndSessionUrl(config, {
    id_token_hint: tokens.id_token,
    post_logout_redirect_uri: task.post_logout_redirect_uri,
    state,
  });
  const left = new URL((await person.visit(leave, task.post_logout_redirect_uri)).url);
  assert.equal(left.searchParams.get('state'), state);
  await assert.rejects(client.refreshTokenGrant(config, renewed.refresh_token, undefined, options), {
    error: 'invalid_grant',
  });
}

const scenarios = {
  async code_flow() {
    const config = await discover();
    await useAndSignOut(config, await signIn(config));
  },
};

await scenarios[process.argv[2]]();
