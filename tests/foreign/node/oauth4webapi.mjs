// oauth4webapi, which leaves every step to its user, signs in. usage: oauth4webapi.mjs <scenario>, task in TASK
import assert from 'node:assert/strict';

import './older_node.mjs';
import { Person } from './person.mjs';

const oauth = await import('oauth4webapi');
const task = JSON.parse(process.env.TASK);
const insecure = { [oauth.allowInsecureRequests]: true };
const person = new Person(task.person);
const client = { client_id: task.client_id, ...task.metadata };

async function discover() {
  const issuer = new URL(task.issuer);
  const found = await oauth.processDiscoveryResponse(issuer, await oauth.discoveryRequest(issuer, insecure));
  const again = await oauth.discoveryRequest(issuer, { ...insecure, algorithm: 'oauth2' });
  assert.deepEqual(await oauth.processDiscoveryResponse(issuer, again), found);
  return found;
}

/** A sign-in whose code is redeemed with PKCE alone, as by an application without a secret. */
async function signIn(server, authentication) {
  const verifier = oauth.generateRandomCodeVerifier();
  const [state, nonce] = [oauth.generateRandomState(), oauth.generateRandomNonce()];
  const address = new URL(server.authorization_endpoint);
  address.search = new URLSearchParams({
    client_id: client.client_id,
    redirect_uri: task.redirect_uri,
    response_type: 'code',
    scope: task.scope,
    code_challenge: await oauth.calculatePKCECodeChallenge(verifier),
    code_challenge_method: 'S256',
    state,
    nonce,
  });
  const arrived = await person.visit(address, task.redirect_uri);
  const parameters = oauth.validateAuthResponse(server, client, new URL(arrived.url), state);
  const answer = await oauth.authorizationCodeGrantRequest(
    server, client, authentication, parameters, task.redirect_uri, verifier, insecure,
  );
  const options = { expectedNonce: nonce, requireIdToken: true };
  const tokens = await oauth.processAuthorizationCodeResponse(server, client, answer, options);
  await oauth.validateApplicationLevelSignature(server, answer, insecure);
  return tokens;
}

const scenarios = {
  async public_client() {
    const server = await discover();
    const authentication = oauth.None();
    const tokens = await signIn(server, authentication);
    const { sub } = oauth.getValidatedIdTokenClaims(tokens);
    const asked = await oauth.userInfoRequest(server, client, tokens.access_token, insecure);
    const userinfo = await oauth.processUserInfoResponse(server, client, sub, asked);
    assert.equal(userinfo.name, task.name);
    const refreshed = await oauth.refreshTokenGrantRequest(
      server, client, authentication, tokens.refresh_token, insecure,
    );
    const renewed = await oauth.processRefreshTokenResponse(server, client, refreshed);
    const taken = await oauth.revocationRequest(server, client, authentication, renewed.refresh_token, insecure);
    await oauth.processRevocationResponse(taken);
    const refused = await oauth.refreshTokenGrantRequest(
      server, client, authentication, renewed.refresh_token, insecure,
    );
    await assert.rejects(oauth.processRefreshTokenResponse(server, client, refused), { error: 'invalid_grant' });
  },

  async api_verifies_access_token() {
    const server = await discover();
    const { access_token } = await signIn(server, oauth.None());
    const request = new Request('http://localhost/api', { headers: { authorization: `Bearer ${access_token}` } });
    const claims = await oauth.validateJwtAccessToken(server, request, task.issuer, insecure);
    assert.equal(claims.client_id, client.client_id);
    await assert.rejects(oauth.validateJwtAccessToken(server, request, 'https://other.example', insecure));
  },
};

await scenarios[process.argv[2]]();
