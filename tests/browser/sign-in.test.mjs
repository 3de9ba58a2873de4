// The way in and out of applications, in a real browser: outside DingTalk, inside it, and what is shown on the way.
import assert from 'node:assert/strict';
import { execFileSync } from 'node:child_process';
import { randomBytes } from 'node:crypto';
import { once } from 'node:events';
import { createServer } from 'node:http';
import { after, before, test } from 'node:test';
import { platforms } from './device.mjs';
import { launch, url } from './support.mjs';

const challenge = 'E9Melhoa2OwvFrEMTJguCHaoeK1t8URWbuGJSstw-cM';
const run = randomBytes(4).toString('hex');
const [one, other] = [`one-${run}`, `other-${run}`];

// The application: of another site than the service, and served by itself, since a redirect is not intercepted.
const server = createServer((request, response) => {
  response.setHeader('content-type', 'text/html').end('<title>application</title>');
});

let application;
let browser;
before(async () => {
  server.listen(0, 'localhost');
  await once(server, 'listening');
  application = `http://localhost:${server.address().port}`;
  for (const id of [one, other]) {
    const words = ['--config', process.env.SSO_CONFIG, 'client', 'add', id, '--public',
      '--redirect-uri', `${application}/callback`, '--post-logout-redirect-uri', `${application}/goodbye`];
    // With no environment: what begins with SSO_ there is a setting to the command.
    execFileSync(process.env.SSO_BINARY, words, { env: {}, stdio: 'pipe' });
  }
  browser = await launch();
});
after(async () => {
  await browser.close();
  server.closeAllConnections();
  server.close();
});

async function open(options = {}) {
  const context = await browser.newContext({ viewport: { width: 390, height: 844 }, locale: 'zh-CN', ...options });
  const page = await context.newPage();
  page.complaints = [];
  page.on('pageerror', (error) => page.complaints.push(error.message));
  page.on('console', (line) => { if (/Content Security Policy/.test(line.text())) page.complaints.push(line.text()); });
  return page;
}

const inside = { userAgent: platforms.android.userAgent };

function wish(client, more = {}) {
  const query = new URLSearchParams({
    client_id: client, response_type: 'code', redirect_uri: `${application}/callback`, scope: 'openid profile', state: 's1',
    code_challenge: challenge, code_challenge_method: 'S256', ...more,
  });
  return `${url}/oauth2/authorize?${query}`;
}

// Where the browser comes back to at the application.
async function back(page) {
  await page.waitForURL(`${application}/**`);
  return new URL(page.url()).searchParams;
}

async function pick(page, name) {
  await page.getByRole('searchbox').fill(name);
  await page.getByRole('button', { name: '搜索' }).click();
  await page.locator('button[name=userid]', { hasText: name }).first().click();
}

test('outside DingTalk its page asks once, and a second application does not', async () => {
  const page = await open();
  await page.goto(wish(one));
  assert.ok(await page.locator('.qr svg').isVisible());
  await pick(page, '张三');
  const answer = await back(page);
  assert.match(answer.get('code'), /^[\w-]{43}$/);
  assert.deepEqual([answer.get('state'), answer.get('iss')], ['s1', url]);
  await page.goto(wish(other));
  assert.ok((await back(page)).get('code'));
  await page.goto(wish(other, { prompt: 'none' }));
  assert.ok((await back(page)).get('code'));
  await page.context().close();
});

test('prompt=login asks again whoever is signed in', async () => {
  const page = await open();
  await page.goto(wish(one));
  await pick(page, '张三');
  await back(page);
  await page.goto(wish(one, { prompt: 'login' }));
  await pick(page, '赵静');
  assert.ok((await back(page)).get('code'));
  await page.context().close();
});

for (const platform of ['android', 'pc']) {
  test(`inside DingTalk (${platform}) nobody is asked anything`, async () => {
    const page = await open({ userAgent: platforms[platform].userAgent });
    await page.goto(wish(one));
    assert.ok((await back(page)).get('code'));
    assert.deepEqual(page.complaints, []);
    await page.context().close();
  });
}

test('where the JSAPI is not there, the page inside DingTalk says so and leads to DingTalk’s own', async () => {
  const page = await open(inside);
  await page.route('**/demo/dd.js', (route) => route.abort());
  await page.goto(wish(one));
  await page.getByTestId('failed').waitFor();
  assert.equal(await page.getByTestId('busy').isVisible(), false);
  assert.match(await page.getByTestId('reason').textContent(), /JSAPI/);
  await page.getByRole('link').click();
  await pick(page, '张三');
  assert.ok((await back(page)).get('code'));
  await page.context().close();
});

test('a refused code is told on the page, with a way out', async () => {
  const page = await open(inside);
  await page.route('**/demo/auth-codes', (route) => route.fulfill({ json: { code: 'made-up' } }));
  await page.goto(wish(one));
  await page.getByTestId('failed').waitFor();
  assert.ok(await page.getByTestId('reason').textContent());
  assert.ok(await page.getByRole('link').isVisible());
  await page.context().close();
});

test('somebody of another company, and whoever refuses, is sent back with access_denied', async () => {
  for (const decide of [
    (page) => page.locator('button[value=outsider01]').click(),
    (page) => page.getByRole('button', { name: '拒绝授权' }).click(),
  ]) {
    const page = await open();
    await page.goto(wish(one));
    await decide(page);
    const answer = await back(page);
    assert.deepEqual([answer.get('error'), answer.get('state'), answer.get('code')], ['access_denied', 's1', null]);
    await page.context().close();
  }
});

test('a sign-out without proof is confirmed first, and then the next application asks', async () => {
  const page = await open();
  await page.goto(wish(one));
  await pick(page, '张三');
  await back(page);
  await page.goto(`${url}/oauth2/logout?client_id=${one}&post_logout_redirect_uri=${application}/goodbye&state=bye`);
  assert.equal(await page.getByTestId('signed-out').isVisible(), false);
  await page.getByTestId('confirm').click();
  await page.waitForURL(`${application}/goodbye?state=bye`);
  await page.goto(wish(other, { prompt: 'none' }));
  assert.equal((await back(page)).get('error'), 'login_required');
  await page.goto(`${url}/oauth2/logout`);
  assert.ok(await page.getByTestId('signed-out').isVisible());
  assert.equal(await page.getByTestId('confirm').isVisible(), false);
  assert.deepEqual(page.complaints, []);
  await page.context().close();
});

for (const colorScheme of ['light', 'dark']) {
  test(`in ${colorScheme} the pages fit a phone and a desktop`, async () => {
    const page = await open({ ...inside, colorScheme });
    const fits = async (name) => {
      for (const [width, height] of [[320, 568], [390, 844], [1280, 800]]) {
        await page.setViewportSize({ width, height });
        const wide = await page.evaluate(() => document.documentElement.scrollWidth);
        assert.ok(wide <= width, `${name}: ${wide} at ${width}`);
        if (process.env.SCREENSHOTS) await page.screenshot({ path: `${process.env.SCREENSHOTS}/${name}-${colorScheme}-${width}.png` });
      }
    };
    await page.route('**/demo/dd.js', (route) => route.fulfill({ contentType: 'text/javascript', body: '' }));
    await page.goto(wish(one));
    await fits('busy');
    await page.getByTestId('failed').waitFor();
    await fits('failed');
    await page.getByRole('link').click();
    await pick(page, '张三');
    await back(page);
    await page.goto(`${url}/oauth2/logout`);
    await fits('sign-out');
    await page.getByTestId('confirm').click();
    await page.getByTestId('signed-out').waitFor();
    await fits('signed-out');
    await page.context().close();
  });
}
