// What the browser tests share: the browser, and a micro-app's page with the drop-in script in it.
import { chromium } from 'playwright-core';

export const url = process.env.SSO_URL;
export const corpId = 'dingdemo0001';

const flags = ['--no-sandbox', '--disable-gpu', '--no-first-run', '--disable-background-networking',
  '--disable-component-update', '--disable-sync'];

export function launch() {
  return chromium.launch({ executablePath: process.env.CHROMIUM, args: flags });
}

export async function post(path, body) {
  const response = await fetch(`${url}${path}`, {
    method: 'POST', headers: { 'content-type': 'application/json' }, body: JSON.stringify(body),
  });
  return response.json();
}

// A micro-app of somebody's on an allowed origin, at /app: the page that this answers stands for theirs.
export function microApp(context, { head = '', attributes = '' } = {}) {
  return context.route(`${url}/app*`, (route) => route.fulfill({
    contentType: 'text/html; charset=utf-8',
    body: `<!doctype html><title>micro-app</title>${head}<script src="/static/dingtalk-sso.js" ${attributes}></script>`,
  }));
}
