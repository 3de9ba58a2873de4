// The demo page as a person on a phone uses it, in a real browser.
import assert from 'node:assert/strict';
import { after, before, test } from 'node:test';
import { chromium } from 'playwright-core';

const url = process.env.SSO_URL;
const flags = ['--no-sandbox', '--disable-gpu', '--no-first-run', '--disable-background-networking',
  '--disable-component-update', '--disable-sync'];
let browser;

before(async () => {
  browser = await chromium.launch({ executablePath: process.env.CHROMIUM, args: flags });
});
after(() => browser.close());

async function open() {
  const page = await browser.newPage({ viewport: { width: 390, height: 844 } });
  await page.goto(`${url}/`);
  return page;
}

async function pick(page, name) {
  await page.getByTestId('search').fill(name);
  const person = page.getByTestId('employee').filter({ hasText: name }).first();
  await person.click();
  await page.getByTestId('verified').waitFor();
}

test('picking an employee ends in a verified config', async () => {
  const page = await open();
  await pick(page, '张三');
  assert.equal(await page.getByTestId('employee-name').textContent(), '张三');
  assert.equal(await page.getByTestId('department-path').textContent(), '重庆分公司 › 技术中心 › 单点登录小队');
  assert.match(await page.getByTestId('verified').textContent(), /SHA1/);
  assert.match(await page.getByTestId('token').textContent(), /"userid": "manager01"/);
  if (process.env.SCREENSHOT) await page.screenshot({ path: process.env.SCREENSHOT, fullPage: true });
  await page.close();
});

test('a refreshed session answers, and a closed one does not', async () => {
  const page = await open();
  await pick(page, '张三');
  await page.getByTestId('refresh').click();
  await page.getByTestId('answer').filter({ hasText: 'refreshToken' }).waitFor();
  await page.getByTestId('me').click();
  await page.getByTestId('answer').filter({ hasText: '"userId": "manager01"' }).waitFor();
  await page.getByTestId('logout').click();
  await page.getByTestId('answer').filter({ hasText: '204' }).waitFor();
  await page.getByTestId('me').click();
  await page.getByTestId('answer').filter({ hasText: '1114' }).waitFor();
  await page.close();
});

test('calls to log in at once share one code', async () => {
  const page = await open();
  const seen = await page.evaluate(async () => {
    let codes = 0;
    const dd = { getAuthCode: async () => {
      codes += 1;
      const answer = await fetch('/demo/auth-codes', {
        method: 'POST', headers: { 'content-type': 'application/json' }, body: '{"userid":"user00007"}',
      });
      return { authCode: (await answer.json()).code };
    } };
    const entries = await Promise.all([1, 2, 3].map(() => window.DingTalkSSO.login({ dd })));
    return { codes, users: entries.map((entry) => entry.userId) };
  });
  assert.deepEqual(seen, { codes: 1, users: ['user00007', 'user00007', 'user00007'] });
  await page.close();
});

test('a rejected code is replaced once', async () => {
  const page = await open();
  const codes = await page.evaluate(async () => {
    let codes = 0;
    const dd = { getAuthCode: async () => { codes += 1; return { authCode: `unknown${codes}` }; } };
    const error = await window.DingTalkSSO.login({ dd }).catch((caught) => caught);
    return { codes, code: error.code };
  });
  assert.deepEqual(codes, { codes: 2, code: 1103 });
  await page.close();
});
