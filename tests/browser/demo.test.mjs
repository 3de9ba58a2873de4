// The demo page as a person on a phone uses it, in a real browser.
import assert from 'node:assert/strict';
import { after, before, test } from 'node:test';
import { launch, url } from './support.mjs';

let browser;
before(async () => { browser = await launch(); });
after(() => browser.close());

async function open({ path = '/', ...context } = {}) {
  const opened = await browser.newContext({ viewport: { width: 390, height: 844 }, locale: 'zh-CN', ...context });
  const page = await opened.newPage();
  page.complaints = [];
  page.on('pageerror', (error) => page.complaints.push(error.message));
  page.on('console', (line) => { if (/Content Security Policy/.test(line.text())) page.complaints.push(line.text()); });
  page.foreign = [];
  // Pictures of employees are DingTalk's own.
  const expected = (address) => address.startsWith(url) || /^http:\/\/127\.0\.0\.1:\d+\/_\/avatars\//.test(address);
  page.on('request', (request) => { if (!expected(request.url())) page.foreign.push(request.url()); });
  await page.goto(`${url}${path}`);
  await page.getByTestId('employee').first().waitFor({ state: 'attached' });
  return page;
}

async function pick(page, name) {
  await page.getByTestId('search').fill(name);
  await page.getByTestId('employee').filter({ hasText: name }).first().click();
  await page.getByTestId('verified').waitFor();
}

const lastAnswer = (page, text) => page.getByTestId('answer').filter({ hasText: text }).waitFor();

test('picking an employee ends in a verified config', async () => {
  const page = await open();
  await pick(page, '张三');
  assert.equal(await page.getByTestId('employee-name').textContent(), '张三');
  assert.equal(await page.getByTestId('department-path').textContent(), '重庆分公司 › 技术中心 › 单点登录小队');
  assert.match(await page.getByTestId('verified').textContent(), /签名已由模拟钉钉验证 · SHA1/);
  assert.match(await page.getByTestId('token').textContent(), /"userid": "manager01"/);
  assert.match(await page.getByTestId('countdown').textContent(), /(60:00|59:5\d)/);
  assert.deepEqual([page.complaints, page.foreign], [[], []]);
  await page.context().close();
});

test('each step shows its request and its answer', async () => {
  const page = await open();
  await pick(page, '张三');
  for (const [step, request, answer] of [
    ['step-code', /"corpId": "dingdemo0001"/, /"code": /],
    ['step-login', /"authCode": /, /"userId": "manager01"/],
    ['step-config', /"signature": /, /"ok": true/],
  ]) {
    await page.getByTestId(step).locator('summary').click();
    assert.match(await page.getByTestId(step).getByTestId('step-request').innerText(), request);
    assert.match(await page.getByTestId(step).getByTestId('step-answer').innerText(), answer);
  }
  await page.context().close();
});

test('a refreshed session answers, and a closed one does not', async () => {
  const page = await open();
  await pick(page, '张三');
  await page.getByTestId('refresh').click();
  await lastAnswer(page, 'refreshToken');
  await page.getByTestId('me').click();
  await lastAnswer(page, '"userId": "manager01"');
  await page.getByTestId('logout').click();
  await lastAnswer(page, '204');
  await page.getByTestId('me').click();
  await lastAnswer(page, '1114');
  await page.context().close();
});

test('a code that is used again is refused, with the request_id for the log', async () => {
  const page = await open();
  await pick(page, '张三');
  await page.getByTestId('replay').click();
  await lastAnswer(page, '1103');
  const { request_id: id } = JSON.parse(await page.getByTestId('answer').textContent());
  assert.match(await page.getByTestId('error').innerText(), new RegExp(`auth_code_rejected[^]*授权码只能用一次[^]*${id}`));
  await page.context().close();
});

test('employees are found by name, position and department', async () => {
  const page = await open();
  const shown = () => page.getByTestId('employee').allInnerTexts();
  await page.getByTestId('department').selectOption({ label: (await page.locator('#department option', { hasText: '前端组' }).textContent()) });
  const group = await shown();
  assert.ok(group.length > 1 && group.every((text) => text.includes('前端组')), group.join());
  await page.getByTestId('search').fill('工程师');
  assert.ok((await shown()).length < group.length);
  await page.getByTestId('search').fill('nobody of this name');
  assert.deepEqual(await shown(), []);
  assert.equal(await page.locator('#count').textContent(), '没有符合条件的员工');
  await page.context().close();
});

test('another employee is another sign-in, and an address leads to one', async () => {
  const page = await open({ path: '/#user00001' });
  await page.getByTestId('verified').waitFor();
  assert.equal(await page.getByTestId('employee-name').textContent(), '赵静');
  await page.getByTestId('again').click();
  await pick(page, '张三');
  assert.equal(await page.getByTestId('employee-name').textContent(), '张三');
  await page.context().close();
});

test('an unknown employee is told, and nobody is signed in', async () => {
  const page = await open({ path: '/#nobody' });
  await page.getByTestId('error').filter({ hasText: 'no_auth_code' }).waitFor();
  assert.equal(await page.locator('#card').isVisible(), false);
  await page.context().close();
});

test('the language is the browser’s at first, and then the one that was chosen', async () => {
  const page = await open({ locale: 'en-US' });
  assert.equal(await page.locator('html').getAttribute('lang'), 'en');
  await page.getByRole('button', { name: '中文' }).click();
  assert.equal(await page.locator('h1').textContent(), '打开即登录');
  await page.reload();
  assert.equal(await page.locator('h1').textContent(), '打开即登录');
  assert.equal(await page.getByRole('button', { name: '中文' }).getAttribute('aria-pressed'), 'true');
  await page.context().close();
});

test('both languages say the same things', async () => {
  const page = await open();
  const names = await page.evaluate(() => {
    const flat = (words) => Object.entries(words).flatMap(([key, word]) => (
      typeof word === 'string' ? [`${key} ${(word.match(/\{\w+\}|`[^`]+`/g) || []).sort()}`] : flat(word).map((rest) => `${key}.${rest}`)));
    return [flat(window.demoWords.zh), flat(window.demoWords.en)];
  });
  assert.deepEqual(names[0], names[1]);
  await page.context().close();
});

// Relative luminance and contrast as in WCAG 2.2, section 1.4.3.
const poorContrast = () => {
  const channels = (colour) => colour.match(/[\d.]+/g).map(Number);
  const luminance = (colour) => channels(colour).slice(0, 3)
    .map((value) => (value / 255 <= 0.04045 ? value / 255 / 12.92 : ((value / 255 + 0.055) / 1.055) ** 2.4))
    .reduce((sum, value, index) => sum + value * [0.2126, 0.7152, 0.0722][index], 0);
  const ground = (element) => {
    for (let at = element; at; at = at.parentElement) {
      const colour = getComputedStyle(at).backgroundColor;
      if (channels(colour)[3] !== 0) return colour;
    }
    return 'rgb(255, 255, 255)';
  };
  return [...document.querySelectorAll('main *, footer *')]
    .filter((element) => element.offsetParent && [...element.childNodes].some((node) => node.nodeType === 3 && node.data.trim()))
    .map((element) => {
      const [light, dark] = [luminance(getComputedStyle(element).color), luminance(ground(element))].sort((a, b) => b - a);
      return { text: element.textContent.slice(0, 20), contrast: (light + 0.05) / (dark + 0.05) };
    })
    .filter(({ contrast }) => contrast < 4.5);
};

for (const colorScheme of ['light', 'dark']) {
  test(`in ${colorScheme} everything can be read, named and reached by keyboard, and nothing is cut off`, async () => {
    const page = await open({ colorScheme, reducedMotion: 'reduce' });
    assert.deepEqual(await page.evaluate(poorContrast), []);
    await pick(page, '张三');
    await page.getByTestId('replay').click();
    await lastAnswer(page, '1103');
    for (const summary of await page.locator('summary').all()) await summary.click();
    assert.deepEqual(await page.evaluate(poorContrast), []);
    const unnamed = await page.evaluate(() => [...document.querySelectorAll('button, input, select, a, summary')]
      .filter((element) => !(element.textContent.trim() || element.labels?.length || element.getAttribute('aria-label'))).length);
    assert.equal(unnamed, 0);
    for (const width of [320, 390, 1280]) {
      await page.setViewportSize({ width, height: 844 });
      const wide = await page.evaluate(() => document.documentElement.scrollWidth);
      assert.ok(wide <= width, `${wide} at ${width}`);
    }
    await page.context().close();
  });
}

test('by keyboard alone an employee can be picked', async () => {
  const page = await open();
  await page.getByTestId('search').focus();
  await page.keyboard.type('manager01');
  await page.keyboard.press('Tab');
  await page.keyboard.press('Tab');
  await page.keyboard.press('Enter');
  await page.getByTestId('verified').waitFor();
  assert.equal(await page.evaluate(() => document.activeElement.id), 'name');
  await page.context().close();
});
