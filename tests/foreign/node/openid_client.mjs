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
  // Under the profile fapi2 a refresh token is not replaced.
  const last = renewed.refresh_token ?? tokens.refresh_token;
  await assert.rejects(client.refreshTokenGrant(config, last, undefined, options), { error: 'invalid_grant' });
}

/** The client's own key, as Web Cryptography has it. */
async function importKey(jwk) {
  const key = await crypto.subtle.importKey('jwk', jwk, { name: 'ECDSA', namedCurve: 'P-256' }, false, ['sign']);
  return { key, kid: jwk.kid };
}

const scenarios = {
  async code_flow() {
    const config = await discover();
    await useAndSignOut(config, await signIn(config));
  },

  async offline_access() {
    const config = await discover();
    const tokens = await signIn(config, { scope: `${task.scope} offline_access`, prompt: 'consent' });
    const leave = client.buildEndSessionUrl(config, {
      id_token_hint: tokens.id_token,
      post_logout_redirect_uri: task.post_logout_redirect_uri,
    });
    await person.visit(leave, task.post_logout_redirect_uri);
    const renewed = await client.refreshTokenGrant(config, tokens.refresh_token);
    assert.ok(renewed.refresh_token);
  },

  async private_key_and_dpop() {
    const config = await discover({}, client.PrivateKeyJwt(await importKey(task.jwk)));
    const DPoP = client.getDPoPHandle(config, await client.randomDPoPKeyPair('ES256'));
    const [parameters, checks] = await prepare();
    const arrived = await person.visit(client.buildAuthorizationUrl(config, parameters), task.redirect_uri);
    const tokens = await client.authorizationCodeGrant(config, new URL(arrived.url), checks, undefined, { DPoP });
    assert.equal(tokens.token_type, 'dpop');
    await assert.rejects(client.fetchUserInfo(config, tokens.access_token, tokens.claims().sub));
    await useAndSignOut(config, tokens, { DPoP });
  },

  async fapi2() {
    const metadata = { id_token_signed_response_alg: 'ES256' };
    const config = await discover(metadata, client.PrivateKeyJwt(await importKey(task.jwk)));
    client.enableNonRepudiationChecks(config);
    const DPoP = client.getDPoPHandle(config, await client.randomDPoPKeyPair('ES256'));
    const [parameters, checks] = await prepare();
    const pushed = await client.buildAuthorizationUrlWithPAR(config, parameters, { DPoP });
    assert.deepEqual([...pushed.searchParams.keys()].sort(), ['client_id', 'request_uri']);
    const arrived = await person.visit(pushed, task.redirect_uri);
    const tokens = await client.authorizationCodeGrant(config, new URL(arrived.url), checks, undefined, { DPoP });
    assert.equal(tokens.token_type, 'dpop');
    await useAndSignOut(config, tokens, { DPoP });
  },

  async form_post() {
    const config = await discover();
    const tokens = await signIn(config, { response_mode: 'form_post' });
    assert.ok(tokens.id_token);
  },

  async request_object() {
    const config = await discover({}, client.PrivateKeyJwt(await importKey(task.jwk)));
    const [parameters, checks] = await prepare();
    const signed = await client.buildAuthorizationUrlWithJAR(config, parameters, await importKey(task.jwk));
    assert.deepEqual([...signed.searchParams.keys()].sort(), ['client_id', 'request']);
    const arrived = await person.visit(signed, task.redirect_uri);
    await useAndSignOut(config, await client.authorizationCodeGrant(config, new URL(arrived.url), checks));
  },

  async client_credentials() {
    const config = await discover();
    const tokens = await client.clientCredentialsGrant(config, { resource: task.resource });
    const told = await client.tokenIntrospection(config, tokens.access_token);
    assert.equal(told.active, true);
    assert.equal(told.aud, task.resource);
    const signed = await discover({ introspection_signed_response_alg: 'RS256' });
    client.enableNonRepudiationChecks(signed);
    const again = await client.tokenIntrospection(signed, tokens.access_token);
    assert.equal(again.client_id, task.client_id);
    await client.tokenRevocation(config, tokens.access_token);
    assert.equal((await client.tokenIntrospection(config, tokens.access_token)).active, false);
  },

  async device() {
    const config = await discover();
    const asked = await client.initiateDeviceAuthorization(config, { scope: task.scope });
    const polling = client.pollDeviceAuthorizationGrant(config, asked);
    await person.visit(asked.verification_uri_complete);
    const tokens = await polling;
    const userinfo = await client.fetchUserInfo(config, tokens.access_token, client.skipSubjectCheck);
    assert.equal(userinfo.name, task.name);
  },

  async registration() {
    const config = await client.dynamicClientRegistration(
      new URL(task.issuer),
      {
        client_name: 'Registered',
        redirect_uris: [task.redirect_uri],
        post_logout_redirect_uris: [task.post_logout_redirect_uri],
        grant_types: ['authorization_code', 'refresh_token'],
        token_endpoint_auth_method: 'client_secret_basic',
        scope: task.scope,
      },
      client.ClientSecretBasic(),
      { ...insecure, initialAccessToken: task.initial_access_token },
    );
    await useAndSignOut(config, await signIn(config));
    const { registration_client_uri: address, registration_access_token: token } = config.clientMetadata();
    const authorization = { headers: { authorization: `Bearer ${token}` } };
    assert.equal((await fetch(address, authorization)).status, 200);
    assert.equal((await fetch(address, { ...authorization, method: 'DELETE' })).status, 204);
    assert.equal((await fetch(address, authorization)).status, 401);
  },
};

await scenarios[process.argv[2]]();
