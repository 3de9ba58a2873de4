// openid-client, which the OpenID Foundation certified, as an application's back end uses it.
import assert from 'node:assert/strict';
import { after, before, test } from 'node:test';
import { createRemoteJWKSet, decodeProtectedHeader, jwtVerify } from 'jose';
import * as oidc from 'openid-client';
import { Browser, issuer, logoutReceiver, register } from './support.mjs';

// Nobody listens there: the browser of these tests stops at an application's address.
const callback = 'http://127.0.0.1:9/callback';
const goodbye = 'http://127.0.0.1:9/goodbye';
const scope = 'openid profile roles';

let logouts;
before(async () => { logouts = await logoutReceiver(); });
after(() => logouts.close());

async function application(id, { options = [], secret = oidc.ClientSecretBasic, algorithm = 'RS256' } = {}) {
  const { clientSecret } = register(id, ['--redirect-uri', callback, '--post-logout-redirect-uri', goodbye,
    '--id-token-alg', algorithm, ...options]);
  return connected(id, { id_token_signed_response_alg: algorithm }, secret(clientSecret));
}

// By default the library trusts the transport for ID tokens of the token endpoint; here it reads their signatures.
function connected(id, metadata, authentication) {
  return oidc.discovery(new URL(issuer), id, metadata, authentication, {
    execute: [oidc.allowInsecureRequests, oidc.enableNonRepudiationChecks],
  });
}

// Sends the browser off; answers where it came back to, and what the library has to compare that with.
async function sendOff(config, browser, more = {}) {
  const verifier = oidc.randomPKCECodeVerifier();
  const checks = { pkceCodeVerifier: verifier, expectedState: oidc.randomState(), expectedNonce: oidc.randomNonce() };
  const address = oidc.buildAuthorizationUrl(config, {
    redirect_uri: callback, scope, state: checks.expectedState, nonce: checks.expectedNonce,
    code_challenge: await oidc.calculatePKCECodeChallenge(verifier), code_challenge_method: 'S256', ...more,
  });
  return { back: await browser.open(address, callback), checks };
}

async function signIn(config, browser, more) {
  const { back, checks } = await sendOff(config, browser, more);
  return oidc.authorizationCodeGrant(config, back, { ...checks, idTokenExpected: true });
}

test('an application signs an employee in, and reads who it is', async () => {
  const config = await application('portal');
  const tokens = await signIn(config, new Browser('manager01'));
  const claims = tokens.claims();
  assert.equal(claims.iss, issuer);
  assert.equal(claims.aud, 'portal');
  assert.ok(Math.abs(claims.auth_time - Date.now() / 1000) < 60);
  assert.equal(decodeProtectedHeader(tokens.id_token).alg, 'RS256');
  const person = await oidc.fetchUserInfo(config, tokens.access_token, claims.sub);
  assert.deepEqual([person.name, person.preferred_username, person.userid, person.corp_id, person.dept_id],
    ['张三', 'manager01', 'manager01', 'dingdemo0001', 100000]);
});

test('an access token is read offline as RFC 9068 says', async () => {
  const config = await application('offline');
  const tokens = await signIn(config, new Browser('manager01'));
  const keys = createRemoteJWKSet(new URL(config.serverMetadata().jwks_uri));
  const { payload } = await jwtVerify(tokens.access_token, keys, { issuer, audience: 'offline', typ: 'at+jwt' });
  assert.deepEqual([payload.sub, payload.client_id, payload.scope], [tokens.claims().sub, 'offline', scope]);
});

test('an application may send its secret in the form', async () => {
  const config = await application('by-form', { secret: oidc.ClientSecretPost });
  const tokens = await signIn(config, new Browser('user00001'));
  assert.equal(tokens.claims().userid, 'user00001');
});

test('an application without a secret signs in by PKCE alone, and refreshes', async () => {
  register('page', ['--public', '--redirect-uri', callback]);
  const config = await connected('page', {}, oidc.None());
  const tokens = await signIn(config, new Browser('user00002'));
  const next = await oidc.refreshTokenGrant(config, tokens.refresh_token);
  assert.equal(next.claims().sub, tokens.claims().sub);
});

for (const algorithm of ['ES256', 'EdDSA']) {
  test(`ID tokens are signed by ${algorithm} for an application that registered it`, async () => {
    const config = await application(`signed-${algorithm}`, { algorithm });
    const tokens = await signIn(config, new Browser('manager01'));
    assert.equal(decodeProtectedHeader(tokens.id_token).alg, algorithm);
  });
}

test('a verifier of another sign-in redeems nothing, and costs its owner nothing', async () => {
  const config = await application('mixed-up');
  const { back, checks } = await sendOff(config, new Browser('manager01'));
  const forged = { ...checks, pkceCodeVerifier: oidc.randomPKCECodeVerifier() };
  await assert.rejects(oidc.authorizationCodeGrant(config, back, forged), { error: 'invalid_grant', status: 400 });
  assert.equal((await oidc.authorizationCodeGrant(config, back, checks)).claims().aud, 'mixed-up');
});

test('an answer that names another issuer, or another state, is not taken', async () => {
  const config = await application('careful');
  const { back, checks } = await sendOff(config, new Browser('manager01'));
  assert.equal(back.searchParams.get('iss'), issuer);
  for (const [name, value] of [['iss', 'https://elsewhere.example'], ['state', 'another']]) {
    const forged = new URL(back);
    forged.searchParams.set(name, value);
    await assert.rejects(oidc.authorizationCodeGrant(config, forged, checks), ({ cause }) => cause.message.includes(`"${name}"`));
  }
  const tokens = await oidc.authorizationCodeGrant(config, back, checks);
  assert.equal(tokens.claims().aud, 'careful');
});

test('a code is redeemed once, and its second use ends the tokens of the first', async () => {
  const config = await application('twice');
  const { back, checks } = await sendOff(config, new Browser('manager01'));
  const tokens = await oidc.authorizationCodeGrant(config, back, checks);
  await assert.rejects(oidc.authorizationCodeGrant(config, back, checks), { error: 'invalid_grant' });
  assert.equal((await oidc.tokenIntrospection(config, tokens.access_token)).active, false);
});

test('refresh tokens rotate, and one that comes back ends its whole family', async () => {
  const config = await application('rotating');
  const first = await signIn(config, new Browser('manager01'));
  const second = await oidc.refreshTokenGrant(config, first.refresh_token);
  assert.notEqual(second.refresh_token, first.refresh_token);
  assert.deepEqual([second.claims().sub, second.claims().auth_time], [first.claims().sub, first.claims().auth_time]);
  const third = await oidc.refreshTokenGrant(config, second.refresh_token);
  await assert.rejects(oidc.refreshTokenGrant(config, first.refresh_token), { error: 'invalid_grant' });
  await assert.rejects(oidc.refreshTokenGrant(config, third.refresh_token), { error: 'invalid_grant' });
});

test('a token is told to be good until it is revoked', async () => {
  const config = await application('asking');
  const tokens = await signIn(config, new Browser('manager01'));
  const good = await oidc.tokenIntrospection(config, tokens.access_token);
  assert.deepEqual([good.active, good.client_id, good.username, good.sub], [true, 'asking', 'manager01', tokens.claims().sub]);
  assert.equal((await oidc.tokenIntrospection(config, tokens.refresh_token)).active, true);
  await oidc.tokenRevocation(config, tokens.refresh_token);
  assert.deepEqual(await oidc.tokenIntrospection(config, tokens.access_token), { active: false });
  await assert.rejects(oidc.fetchUserInfo(config, tokens.access_token, tokens.claims().sub), { status: 401 });
  await assert.rejects(oidc.refreshTokenGrant(config, tokens.refresh_token), { error: 'invalid_grant' });
});

test('a service has a token of its own, which is nobody’s', async () => {
  const { clientSecret } = register('nightly', ['--grant', 'client_credentials', '--scope', 'directory:read']);
  const config = await connected('nightly', {}, oidc.ClientSecretBasic(clientSecret));
  const tokens = await oidc.clientCredentialsGrant(config, { scope: 'directory:read' });
  const told = await oidc.tokenIntrospection(config, tokens.access_token);
  assert.deepEqual([told.active, told.sub, told.scope, told.username], [true, 'nightly', 'directory:read', undefined]);
  await assert.rejects(oidc.fetchUserInfo(config, tokens.access_token, oidc.skipSubjectCheck), { status: 403 });
  await assert.rejects(oidc.clientCredentialsGrant(config, { scope: 'openid' }), { error: 'invalid_scope' });
});

test('whoever is signed in is not asked by a second application, unless it wants that', async () => {
  const [one, other] = [await application('first-one'), await application('second-one')];
  const browser = new Browser('manager01');
  await assert.rejects(signIn(one, browser, { prompt: 'none' }), { error: 'login_required' });
  const first = await signIn(one, browser);
  const second = await signIn(other, browser, { prompt: 'none' });
  assert.equal(second.claims().sub, first.claims().sub);
  await signIn(other, browser, { max_age: '600' });
  assert.equal(browser.asked, 1);
  const again = await signIn(other, browser, { prompt: 'login' });
  assert.equal(browser.asked, 2);
  assert.ok(again.claims().auth_time >= first.claims().auth_time);
});

test('somebody of another company, or who refuses, comes back with access_denied', async () => {
  const config = await application('closed');
  for (const userid of ['outsider01', undefined]) {
    await assert.rejects(signIn(config, new Browser(userid)), { error: 'access_denied' });
  }
});

test('an application that only one department may use turns others away', async () => {
  const config = await application('for-one-team', { options: ['--require-department', '100000'] });
  assert.equal((await signIn(config, new Browser('manager01'))).claims().dept_id, 100000);
  await assert.rejects(signIn(config, new Browser('user00005')), { error: 'access_denied' });
});

test('a logout ends the browser’s session, and every other application hears of it', async () => {
  const hearing = await application('hearing', { options: ['--backchannel-logout-uri', logouts.uri], algorithm: 'ES256' });
  const leaving = await application('leaving');
  const browser = new Browser('manager01');
  const heard = await signIn(hearing, browser);
  const left = await signIn(leaving, browser);

  const address = oidc.buildEndSessionUrl(leaving, {
    id_token_hint: left.id_token, post_logout_redirect_uri: goodbye, state: 'until-then',
  });
  assert.equal((await browser.open(address, goodbye)).href, `${goodbye}?state=until-then`);
  await assert.rejects(signIn(leaving, browser, { prompt: 'none' }), { error: 'login_required' });
  assert.deepEqual(await oidc.tokenIntrospection(leaving, left.access_token), { active: false });

  const keys = createRemoteJWKSet(new URL(hearing.serverMetadata().jwks_uri));
  const { payload, protectedHeader } = await jwtVerify(await logouts.next(), keys, {
    issuer, audience: 'hearing', typ: 'logout+jwt', algorithms: ['ES256'], requiredClaims: ['iat', 'exp', 'jti'],
  });
  assert.equal(protectedHeader.typ, 'logout+jwt');
  assert.deepEqual([payload.sub, payload.sid], [heard.claims().sub, heard.claims().sid]);
  assert.deepEqual(payload.events, { 'http://schemas.openid.net/event/backchannel-logout': {} });
  assert.equal('nonce' in payload, false);
  assert.deepEqual(await oidc.tokenIntrospection(hearing, heard.access_token), { active: false });
});

test('a browser is sent nowhere that the application did not register', async () => {
  const config = await application('strict');
  const elsewhere = 'http://127.0.0.1:9/elsewhere';
  for (const address of [
    oidc.buildAuthorizationUrl(config, { redirect_uri: elsewhere, scope }),
    oidc.buildEndSessionUrl(config, { post_logout_redirect_uri: elsewhere }),
  ]) {
    await assert.rejects(new Browser('manager01').open(address, elsewhere), /400 .*"code":1101/);
  }
});
