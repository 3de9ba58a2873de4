// DingTalk's client around a web view, below the JSAPI package: its native bridge, one flavour a platform.
import { corpId, post } from './support.mjs';

const NOT_THERE = { errorCode: '1', errorMessage: 'not implemented' };

// What the client does with a call, whatever bridge it came over. `lacks` are calls that an old client does not know.
export function device({ userid = 'manager01', lacks = [], refuseConfig = false } = {}) {
  const calls = [];
  const codes = new Set(['runtime.permission.requestAuthCode', 'runtime.permission.requestAuthCodeV2']);
  const configs = new Set(['runtime.permission.requestJsApis', 'config']);
  async function answer(name, params, address) {
    calls.push({ name, params });
    if (lacks.includes(name)) return { error: NOT_THERE };
    if (codes.has(name)) {
      if (params.corpId !== corpId) return { error: { errorCode: '3', errorMessage: '1002,corpId不合法' } };
      return { body: await post('/demo/auth-codes', { userid }) };
    }
    if (configs.has(name)) {
      const shown = refuseConfig ? 'https://elsewhere.example/' : address;
      const verdict = await post('/demo/jsapi/verify', { ...params, url: shown });
      return verdict.ok ? { body: {} } : { error: { errorCode: '3', errorMessage: verdict.errorMessage } };
    }
    return { error: NOT_THERE };
  }
  return { calls, answer, named: (name) => calls.filter((call) => call.name === name) };
}

// The bridges appear a while after the page's scripts have begun, as on a slow phone.
const inPage = (appear) => `(() => {
  const native = (name, params) => window.native(name, JSON.parse(JSON.stringify(params)), location.href.split('#')[0]);
  const announce = (event) => document.dispatchEvent(new Event(event));
  setTimeout(() => { ${appear} }, 300);
})()`;

const ios = inPage(`
  window.WebViewJavascriptBridge = {
    init() {},
    registerHandler() {},
    callHandler(name, params, respond) {
      native(name, params).then(({ body, error }) => respond(error || { errorCode: '0', result: body }));
    },
  };
  announce('WebViewJavascriptBridgeReady');`);

const android = inPage(`
  window.nuva = {
    isReady: true,
    require: () => (success, fail, plugin, action, params) => {
      native(plugin + '.' + action, params).then(({ body, error }) => (error ? fail(error) : success(body)));
    },
  };
  announce('runtimeready');`);

const harmony = inPage(`
  window.DingTalkJSBridge = {
    init() {},
    call(name, params, respond) {
      native(name, params).then(({ body, error }) => respond({ success: !error, body: error || body }));
    },
  };
  announce('DingTalkJSBridgeReady');`);

// On PC the page stands in a frame of the client's own page, and they talk by messages.
const pcHost = (address) => `<!doctype html><title>client</title><script>
  addEventListener('message', async ({ data, source, origin }) => {
    if (data.type !== 'request') return;
    const { body, error } = await window.native(data.methodName, data.body, ${JSON.stringify(address)}.split('#')[0]);
    source.postMessage({ type: 'response', msgId: data.msgId, success: !error, body: error || body }, origin);
  });
  const frame = document.createElement('iframe');
  frame.name = JSON.stringify({ containerId: 'c1', hostOrigin: location.origin, hostVersion: '7.6.0', language: 'zh_CN' });
  frame.src = ${JSON.stringify(address)};
  addEventListener('DOMContentLoaded', () => document.body.append(frame));
</script><body>`;

const CLIENT = 'http://im.dingtalk.com';

export const platforms = {
  ios: {
    bridge: ios,
    config: 'runtime.permission.requestJsApis',
    userAgent: 'Mozilla/5.0 (iPhone; CPU iPhone OS 17_0 like Mac OS X) AppleWebKit/605.1.15 (KHTML, like Gecko) '
      + 'Mobile/21A329 AliApp(DingTalk/7.6.0) com.laiwang.DingTalk/35172862 Channel/201200 language/zh-Hans-CN',
  },
  android: {
    bridge: android,
    config: 'runtime.permission.requestJsApis',
    userAgent: 'Mozilla/5.0 (Linux; U; Android 9; zh-CN; MI 8) AppleWebKit/537.36 (KHTML, like Gecko) Version/4.0 '
      + 'Chrome/69.0.3497.100 UWS/3.22.2.9999 Mobile Safari/537.36 AliApp(DingTalk/7.6.0) com.alibaba.android.rimet/0',
  },
  harmony: {
    bridge: harmony,
    config: 'runtime.permission.requestJsApis',
    userAgent: 'Mozilla/5.0 (Phone; OpenHarmony 5.0) AppleWebKit/537.36 (KHTML, like Gecko) Chrome/114.0.0.0 '
      + 'Safari/537.36 ArkWeb/4.1.6.1 Mobile AliApp(DingTalk/7.6.0)',
  },
  pc: {
    frame: true,
    config: 'config',
    userAgent: 'Mozilla/5.0 (Windows NT 10.0; WOW64) AppleWebKit/537.36 (KHTML, like Gecko) Chrome/91.0.4472.124 '
      + 'dingtalk-win/1.0.0 nw(0.14.7) DingTalk(7.6.0-Release.1) Mojo/1.0.0 Native AppType(release)',
  },
};

// Opens the address as that platform's client does, and gives the frame that the micro-app runs in.
export async function openIn(context, platform, client, address) {
  const page = await context.newPage();
  await page.exposeFunction('native', client.answer);
  if (!platform.frame) {
    await page.addInitScript(platform.bridge);
    await page.goto(address);
    return page.mainFrame();
  }
  await page.route(`${CLIENT}/**`, (route) => route.fulfill({
    contentType: 'text/html; charset=utf-8', body: pcHost(address),
  }));
  await page.goto(`${CLIENT}/`);
  const frame = page.frames().find((one) => one !== page.mainFrame()) ?? await page.waitForEvent('frameattached');
  await frame.waitForLoadState('load');
  return frame;
}
