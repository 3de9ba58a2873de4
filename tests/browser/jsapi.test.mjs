// The drop-in script with the real dingtalk-jsapi package, on each of its platforms.
import assert from 'node:assert/strict';
import { after, before, test } from 'node:test';
import { build, stop } from 'esbuild-wasm';
import { device, openIn, platforms } from './device.mjs';
import { corpId, launch, microApp, url } from './support.mjs';

let browser;
let jsapi;

before(async () => {
  const bundle = await build({
    entryPoints: ['dingtalk-jsapi'], absWorkingDir: import.meta.dirname,
    bundle: true, format: 'iife', globalName: 'dd', target: 'chrome69', write: false,
  });
  jsapi = bundle.outputFiles[0].text;
  await stop();
  browser = await launch();
});
after(() => browser.close());

async function open(platform, client, { query = `?corpId=${corpId}`, attributes = '' } = {}) {
  const context = await browser.newContext({ userAgent: platform.userAgent });
  await context.route(`${url}/jsapi.js`, (route) => route.fulfill({ contentType: 'text/javascript', body: jsapi }));
  await microApp(context, { head: '<meta charset="utf-8"><script src="/jsapi.js"></script>', attributes });
  return openIn(context, platform, client, `${url}/app${query}`);
}

// Signs in, and waits for the client's verdict on dd.config.
function logIn(frame) {
  return frame.evaluate(async () => {
    const told = (error) => ({ error: error.error, message: error.message });
    let refused;
    const verdict = new Promise((resolve) => { refused = (error) => resolve(told(error)); });
    try {
      const session = await window.DingTalkSSO.login({ onConfigError: refused });
      const accepted = new Promise((resolve) => { window.dd.ready(() => resolve('accepted')); });
      return { userId: session.userId, config: await Promise.race([accepted, verdict]) };
    } catch (error) {
      return { failed: told(error) };
    }
  });
}

for (const [name, platform] of Object.entries(platforms)) {
  test(`on ${name} the package's own calls sign in, and its dd.config is accepted`, async () => {
    const client = device();
    const query = `?corpId=${corpId}&from=%E5%B7%A5%E4%BD%9C%E5%8F%B0&next=a+b#/home`;
    const frame = await open(platform, client, { query, attributes: 'data-js-api-list="biz.contact.choose,biz.util.scan"' });
    assert.equal(await frame.evaluate(() => window.dd.env.platform), name);
    assert.deepEqual(await logIn(frame), { userId: 'manager01', config: 'accepted' });
    assert.equal(client.named('runtime.permission.requestAuthCode').length, 1);
    assert.equal(client.named(platform.config).length, 1);
    const [{ params }] = client.named(platform.config);
    assert.deepEqual(params.jsApiList, ['biz.contact.choose', 'biz.util.scan']);
    assert.equal(params.agentId, '77001');
    await frame.page().context().close();
  });

  test(`on ${name} a client id asks the new way, and an old client is asked the old way after that`, async () => {
    for (const lacks of [[], ['runtime.permission.requestAuthCodeV2']]) {
      const client = device({ lacks });
      const frame = await open(platform, client, { attributes: 'data-client-id="dingdemoappkey"' });
      assert.deepEqual(await logIn(frame), { userId: 'manager01', config: 'accepted' });
      assert.equal(client.named('runtime.permission.requestAuthCodeV2')[0].params.clientId, 'dingdemoappkey');
      assert.equal(client.named('runtime.permission.requestAuthCode').length, lacks.length);
      await frame.page().context().close();
    }
  });

  test(`on ${name} a refused dd.config is told in DingTalk's words`, async () => {
    const frame = await open(platform, device({ refuseConfig: true }));
    const { userId, config } = await logIn(frame);
    assert.equal(userId, 'manager01');
    assert.equal(config.error, 'config_rejected');
    assert.match(config.message, /52013.*签名校验失败/);
    await frame.page().context().close();
  });
}

test('a foreign company is told in the words of DingTalk, and nothing is posted', async () => {
  const frame = await open(platforms.android, device(), { query: '?corpId=dingforeign' });
  const posted = [];
  frame.page().on('request', (request) => posted.push(request.url()));
  const { failed } = await logIn(frame);
  assert.equal(failed.error, 'no_auth_code');
  assert.match(failed.message, /1002,corpId不合法/);
  assert.deepEqual(posted, []);
  await frame.page().context().close();
});

test('outside of DingTalk the script says so at once', async () => {
  const frame = await open({ bridge: '', userAgent: undefined }, device());
  const { failed } = await logIn(frame);
  assert.equal(failed.error, 'not_in_dingtalk');
  await frame.page().context().close();
});
