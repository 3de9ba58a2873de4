// The drop-in script by itself: codes, sessions, failures, and old web views.
import assert from 'node:assert/strict';
import { readdirSync, readFileSync } from 'node:fs';
import { after, before, test } from 'node:test';
import { parse } from 'acorn';
import { corpId, launch, microApp, url } from './support.mjs';

let browser;
before(async () => { browser = await launch(); });
after(() => browser.close());

// A page with a JSAPI that gets its codes from the simulated company and counts what is asked of it.
const jsapi = `<script>
  window.seen = { codes: 0, configs: 0 };
  window.dd = {
    getAuthCode: async () => {
      window.seen.codes += 1;
      const answer = await fetch('/demo/auth-codes', {
        method: 'POST', headers: { 'content-type': 'application/json' }, body: '{"userid":"user00007"}',
      });
      return { authCode: (await answer.json()).code };
    },
    config: () => { window.seen.configs += 1; },
  };
</script>`;

async function open({ prepare = async () => {}, address = `${url}/app?corpId=${corpId}` } = {}) {
  const context = await browser.newContext();
  await microApp(context, { head: jsapi });
  const page = await context.newPage();
  page.posted = [];
  page.on('request', (request) => {
    if (request.url().startsWith(`${url}/v1/`)) page.posted.push({ path: new URL(request.url()).pathname, body: request.postData() });
  });
  await prepare(page);
  await page.goto(address);
  return page;
}

const count = (page, path) => page.posted.filter((request) => request.path === path).length;
const codesPosted = (page) => page.posted.filter((request) => request.path === '/v1/login').map((request) => JSON.parse(request.body).authCode);
const failure = (page) => page.evaluate(() => window.DingTalkSSO.login()
  .then(() => null, (error) => ({ code: error.code, error: error.error, status: error.status, requestId: error.requestId })));

// Answers the first so many logins in the service's place.
const failFirst = (times, respond) => async (page) => {
  let left = times;
  await page.route(`${url}/v1/login`, (route) => (left-- > 0 ? respond(route) : route.continue()));
};
const away = (route) => route.fulfill({
  status: 503, headers: { 'Retry-After': '1' },
  json: { code: 1112, error: 'dingtalk_unavailable', error_description: 'DingTalk does not answer', request_id: 'r1' },
});

test('the scripts parse in web views of the age of Chrome 69', () => {
  const folder = new URL('../../static/', import.meta.url);
  const scripts = readdirSync(folder).filter((name) => name.endsWith('.js'));
  assert.ok(scripts.includes('dingtalk-sso.js'));
  for (const name of scripts) parse(readFileSync(new URL(name, folder), 'utf8'), { ecmaVersion: 2018, sourceType: 'script' });
});

test('nothing of a browser younger than Chrome 69 is needed', async () => {
  const context = await browser.newContext();
  // The page acts by itself: what drives it from outside would need some of what is taken away here.
  const act = `<script>addEventListener('load', function () {
    DingTalkSSO.login().then(function () { return DingTalkSSO.me(); })
      .then(function (me) { console.log(typeof globalThis, me.userId); }, function (error) { console.log('failed', error.message); });
  });</script>`;
  await microApp(context, { head: jsapi + act });
  const page = await context.newPage();
  await page.addInitScript(() => {
    const young = [
      [Array.prototype, ['at', 'findLast', 'flat', 'flatMap', 'toSorted']], [String.prototype, ['at', 'matchAll', 'replaceAll']],
      [Object, ['fromEntries', 'hasOwn', 'groupBy']], [Promise, ['allSettled', 'any', 'withResolvers', 'try']],
      [Element.prototype, ['replaceChildren', 'toggleAttribute']], [AbortSignal, ['any', 'timeout']],
      [Crypto.prototype, ['randomUUID']], [URL, ['canParse', 'parse']], [Navigator.prototype, ['locks']],
      [window, ['globalThis', 'structuredClone', 'queueMicrotask', 'WeakRef', 'AggregateError']],
    ];
    for (const [owner, names] of young) for (const name of names) delete owner[name];
  });
  const [line] = await Promise.all([page.waitForEvent('console'), page.goto(`${url}/app?corpId=${corpId}`)]);
  assert.equal(line.text(), 'undefined user00007');
  await context.close();
});

test('calls to log in at once share one code, and later ones the session', async () => {
  const page = await open();
  const users = await page.evaluate(async () => {
    const entries = await Promise.all([1, 2, 3].map(() => window.DingTalkSSO.login()));
    entries.push(await window.DingTalkSSO.login());
    return entries.map((entry) => entry.userId);
  });
  assert.deepEqual(users, ['user00007', 'user00007', 'user00007', 'user00007']);
  assert.deepEqual(await page.evaluate(() => window.seen), { codes: 1, configs: 1 });
  assert.equal(count(page, '/v1/login'), 1);
  await page.context().close();
});

test('an old JSAPI is asked when it says that it is ready, and not waited for forever', async () => {
  for (const readyAfter of [400, null]) {
    const page = await open();
    const userId = await page.evaluate(async (delay) => {
      const { getAuthCode } = window.dd;
      // Calls before the bridge is there are lost; after a failed dd.config of the page's own, nobody is called ready.
      let up = delay === null;
      window.dd = {
        ready: (listener) => { if (delay !== null) setTimeout(() => { up = true; listener(); }, delay); },
        runtime: { permission: { requestAuthCode: ({ onSuccess }) => {
          if (up) getAuthCode().then(({ authCode }) => onSuccess({ code: authCode }));
        } } },
      };
      return (await window.DingTalkSSO.login()).userId;
    }, readyAfter);
    assert.equal(userId, 'user00007');
    await page.context().close();
  }
});

test('a rejected code is replaced once', async () => {
  const page = await open();
  await page.evaluate(() => { window.dd = { getAuthCode: async () => ({ authCode: `unknown${window.seen.codes += 1}` }) }; });
  const { requestId, ...told } = await failure(page);
  assert.deepEqual(told, { code: 1103, error: 'auth_code_rejected', status: 401 });
  assert.match(requestId, /^[0-9a-f-]{36}$/);
  assert.deepEqual(codesPosted(page), ['unknown1', 'unknown2']);
  await page.context().close();
});

test('while DingTalk is away a login is tried once more, with another code', async () => {
  const page = await open({ prepare: failFirst(1, away) });
  assert.equal(await failure(page), null);
  const codes = codesPosted(page);
  assert.equal(codes.length, 2);
  assert.notEqual(codes[0], codes[1]);
  await page.context().close();
});

test('a login that stays without success is given up after the second code', async () => {
  const portal = (route) => route.fulfill({ contentType: 'text/html', body: '<p>Please accept the terms of this network.</p>' });
  const ends = [[away, 'dingtalk_unavailable'], [(route) => route.abort(), 'unreachable'], [portal, 'unreachable']];
  for (const [respond, error] of ends) {
    const page = await open({ prepare: failFirst(9, respond) });
    assert.equal((await failure(page)).error, error);
    assert.equal(new Set(codesPosted(page)).size, 2);
    assert.equal(codesPosted(page).length, 2);
    await page.context().close();
  }
});

test('dd.config is called once a page load, whoever signs in', async () => {
  const page = await open();
  await page.evaluate(async () => {
    await window.DingTalkSSO.login();
    await window.DingTalkSSO.logout();
    await window.DingTalkSSO.login();
  });
  assert.deepEqual(await page.evaluate(() => window.seen), { codes: 2, configs: 1 });
  await page.context().close();
});

test('a token is renewed before its end, once for all who wait', async () => {
  const page = await open({ prepare: (one) => one.clock.install() });
  await page.evaluate(() => window.DingTalkSSO.login());
  await page.clock.fastForward('59:30');
  const answers = await page.evaluate(async () => {
    const all = await Promise.all([1, 2, 3].map(() => window.DingTalkSSO.fetch('/v1/me')));
    return all.map((answer) => answer.status);
  });
  assert.deepEqual(answers, [200, 200, 200]);
  assert.equal(count(page, '/v1/token/refresh'), 1);
  assert.equal(count(page, '/v1/login'), 1);
  await page.context().close();
});

test('a logout after the end of the token still ends the session', async () => {
  const page = await open({ prepare: (one) => one.clock.install() });
  const { token } = await page.evaluate(() => window.DingTalkSSO.login());
  await page.clock.fastForward('01:01:00');
  const bearers = [];
  page.on('request', (request) => {
    if (request.url() === `${url}/v1/logout`) bearers.push(request.headers().authorization);
  });
  await page.evaluate(() => window.DingTalkSSO.logout());
  assert.deepEqual(page.posted.map((request) => request.path), ['/v1/login', '/v1/token/refresh', '/v1/logout']);
  assert.notEqual(bearers[0], `Bearer ${token}`);
  assert.equal(await page.evaluate(() => window.DingTalkSSO.session()), null);
  await page.context().close();
});

test('a device whose clock is hours off renews no token needlessly', async () => {
  for (const hours of [-5, 5]) {
    const page = await open({ prepare: (one) => one.clock.setFixedTime(Date.now() + hours * 3_600_000) });
    await page.evaluate(() => window.DingTalkSSO.login());
    assert.equal(await page.evaluate(async () => (await window.DingTalkSSO.fetch('/v1/me')).status), 200);
    assert.equal(count(page, '/v1/token/refresh'), 0);
    await page.context().close();
  }
});

test('a session that another tab ended is replaced by a new login', async () => {
  const page = await open();
  await page.evaluate(async () => {
    const { token } = await window.DingTalkSSO.login();
    await fetch('/v1/logout', { method: 'POST', headers: { Authorization: `Bearer ${token}` } });
  });
  const statuses = await page.evaluate(() => Promise.all([1, 2].map(async () => (await window.DingTalkSSO.fetch('/v1/me')).status)));
  assert.deepEqual(statuses, [200, 200]);
  assert.equal(count(page, '/v1/login'), 2);
  assert.deepEqual(await page.evaluate(() => window.seen), { codes: 2, configs: 1 });
  await page.context().close();
});

test('after a reload the token is still at hand, and a login asks DingTalk anew', async () => {
  const page = await open();
  await page.evaluate(() => window.DingTalkSSO.login());
  await page.reload();
  assert.equal(await page.evaluate(async () => (await window.DingTalkSSO.me()).userId), 'user00007');
  assert.equal(count(page, '/v1/login'), 1);
  await page.evaluate(() => window.DingTalkSSO.login());
  assert.equal(count(page, '/v1/login'), 2);
  await page.context().close();
});

test("a request's own headers and body survive the token, also when it is sent again", async () => {
  const page = await open();
  const sent = [];
  await page.route(`${url}/api/orders`, async (route) => {
    const headers = route.request().headers();
    sent.push([headers['x-trace'], headers.authorization.slice(0, 7), route.request().postData()]);
    await route.fulfill({ status: sent.length === 1 ? 401 : 200 });
  });
  const status = await page.evaluate(async () => {
    const request = new Request('/api/orders', { method: 'POST', headers: { 'X-Trace': 't1' }, body: 'two pens' });
    return (await window.DingTalkSSO.fetch(request)).status;
  });
  assert.equal(status, 200);
  assert.deepEqual(sent, [['t1', 'Bearer ', 'two pens'], ['t1', 'Bearer ', 'two pens']]);
  await page.context().close();
});

test('without a company the script says what to write', async () => {
  const page = await open({ address: `${url}/app?corpId=$CORPID$` });
  assert.equal((await failure(page)).error, 'no_corp_id');
  assert.equal(await page.evaluate(() => window.seen.codes), 0);
  await page.context().close();
});

test('a page of a foreign origin gets nothing', async () => {
  const foreign = 'http://127.0.0.1:7999/';
  // The browser takes this page for one of the internet, which may not reach a loopback address just so.
  const context = await browser.newContext({ permissions: ['local-network-access'] });
  await context.route(foreign, (route) => route.fulfill({
    contentType: 'text/html', body: `<!doctype html><script src="${url}/static/dingtalk-sso.js" data-corp-id="${corpId}"></script>`,
  }));
  const page = await context.newPage();
  await page.goto(foreign);
  await page.evaluate(() => { window.dd = { getAuthCode: async () => ({ authCode: 'somecode' }) }; });
  assert.equal((await failure(page)).error, 'unreachable');
  await context.close();
});
