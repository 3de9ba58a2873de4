// What a test of clients needs around the client: registration, a browser without a screen, and an ear for logouts.
import { execFileSync } from 'node:child_process';
import { once } from 'node:events';
import { createServer } from 'node:http';

export const issuer = process.env.SSO_URL;

// Registers an application with the command that an administrator has; answers its id and secret.
export function register(id, options) {
  const words = ['--config', process.env.SSO_CONFIG, 'client', 'add', id, ...options, '--json'];
  // With no environment: what begins with SSO_ there is a setting to the command.
  return JSON.parse(execFileSync(process.env.SSO_BINARY, words, { env: {}, encoding: 'utf8' }));
}

// Follows redirects and keeps cookies; on DingTalk's simulated page it presses the button of `userid`.
export class Browser {
  constructor(userid, headers = {}) {
    this.userid = userid;
    this.headers = headers;
    this.jars = new Map();
    // How often DingTalk's page was seen.
    this.asked = 0;
  }

  // Goes where `address` leads, up to the first address that starts with `end`: the application's own.
  async open(address, end) {
    let next = new URL(address);
    let form;
    for (let steps = 0; steps < 12; steps += 1) {
      if (next.href.startsWith(end)) return next;
      const response = await this.send(next, form);
      form = undefined;
      const text = await response.text();
      const location = response.headers.get('location');
      const picture = /name="id" value="([^"]+)"/.exec(text);
      if (location) {
        next = new URL(location, next);
      } else if (picture) {
        this.asked += 1;
        form = new URLSearchParams({ id: picture[1], ...(this.userid && { userid: this.userid }) });
        next = new URL('/oauth2/confirm', next);
      } else {
        throw new Error(`the way ends at ${next.href}: ${response.status} ${text.slice(0, 300)}`);
      }
    }
    throw new Error('redirected in a circle');
  }

  async send(url, form) {
    // Cookies know hosts, not ports (RFC 6265 section 8.5).
    const jar = this.jars.get(url.hostname) ?? new Map();
    this.jars.set(url.hostname, jar);
    const cookie = [...jar].map(([name, value]) => `${name}=${value}`).join('; ');
    const response = await fetch(url, {
      method: form ? 'POST' : 'GET', body: form, redirect: 'manual', headers: { accept: 'text/html', cookie, ...this.headers },
    });
    for (const line of response.headers.getSetCookie()) {
      const [, name, value] = /^([^=]+)=([^;]*)/.exec(line);
      if (value && !/max-age=0/i.test(line)) jar.set(name, value); else jar.delete(name);
    }
    return response;
  }
}

// A server that logout tokens are posted to (OpenID Connect Back-Channel Logout section 2.5).
export async function logoutReceiver() {
  const waiting = [];
  const arrived = [];
  const server = createServer(async (request, response) => {
    const pieces = [];
    for await (const piece of request) pieces.push(piece);
    const token = new URLSearchParams(Buffer.concat(pieces).toString()).get('logout_token');
    response.end();
    const next = waiting.shift();
    if (next) next(token); else arrived.push(token);
  });
  server.listen(0, '127.0.0.1');
  await once(server, 'listening');
  return {
    uri: `http://127.0.0.1:${server.address().port}/logged-out`,
    // The service looks for deliveries more than once a second; a busy machine is given longer.
    next: () => (arrived.length ? Promise.resolve(arrived.shift()) : new Promise((resolve, reject) => {
      waiting.push(resolve);
      setTimeout(() => reject(new Error('no logout token has come')), 20_000).unref();
    })),
    close: () => { server.closeAllConnections(); server.close(); },
  };
}
