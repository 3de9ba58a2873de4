/* Signs a DingTalk H5 micro-app in: one script tag, then `await DingTalkSSO.login()`. */
(function () {
  'use strict';

  var script = document.currentScript;
  var base = script ? new URL(script.src).origin : location.origin;
  var data = (script && script.dataset) || {};
  var app = data.app || 'default';
  var key = 'dingtalk-sso ' + base + ' ' + app;
  var session = restore();
  var running = { login: null, refresh: null };
  var configured = false;

  class DingTalkSSOError extends Error {
    constructor(status, body) {
      super(body.error_description || 'the sign-in service cannot be reached');
      this.name = 'DingTalkSSOError';
      this.status = status;
      this.code = body.code || 0;
      this.error = body.error || 'unreachable';
      this.requestId = body.request_id || null;
    }
  }

  function now() { return Date.now() / 1000; }

  function restore() {
    try { return JSON.parse(sessionStorage.getItem(key)); } catch (e) { return null; }
  }

  function keep(next) {
    session = next;
    try {
      if (next) sessionStorage.setItem(key, JSON.stringify(next)); else sessionStorage.removeItem(key);
    } catch (e) { /* storage is closed in some web views: memory serves */ }
    return next;
  }

  function pageUrl() { return location.href.split('#')[0]; }

  function corpId() {
    var query = new URLSearchParams(location.search);
    return data.corpId || query.get('corpId') || query.get('corpid') || '';
  }

  async function call(method, path, body, token) {
    var headers = {};
    if (body) headers['Content-Type'] = 'application/json';
    if (token) headers.Authorization = 'Bearer ' + token;
    var response, answer = {};
    try {
      response = await fetch(base + path, { method: method, headers: headers, body: body && JSON.stringify(body) });
    } catch (e) {
      throw new DingTalkSSOError(0, {});
    }
    if (response.status === 204) return null;
    try { answer = await response.json(); } catch (e) { /* a proxy's page */ }
    if (!response.ok) throw new DingTalkSSOError(response.status, answer);
    return answer;
  }

  /* Every generation of the JSAPI calls back, answers a promise, or both, and some call back twice: a promise
     settles once. */
  function authCode(dd) {
    return new Promise(function (resolve, reject) {
      function good(answer) { resolve(answer.code || answer.authCode); }
      var ask = { corpId: corpId(), clientId: data.clientId, success: good, onSuccess: good, fail: reject, onFail: reject };
      var old = dd.runtime && dd.runtime.permission && dd.runtime.permission.requestAuthCode;
      var way = data.clientId && dd.requestAuthCode ? dd.requestAuthCode : old || dd.requestAuthCode || dd.getAuthCode;
      if (!way) { reject(new DingTalkSSOError(0, { error: 'no_jsapi', error_description: 'open this page in DingTalk' })); return; }
      var owner = way === old ? dd.runtime.permission : dd;
      var answer = way.call(owner, ask);
      if (answer && answer.then) answer.then(good, reject);
    });
  }

  async function enter(options) {
    var dd = options.dd || window.dd;
    if (!dd) throw new DingTalkSSOError(0, { error: 'no_jsapi', error_description: 'the DingTalk JSAPI is not on this page' });
    for (var attempt = 1; ; attempt++) {
      var code = await authCode(dd);
      try {
        keep(await call('POST', '/v1/login', { authCode: code, url: pageUrl(), app: app }));
        break;
      } catch (error) {
        if (attempt === 2 || error.code !== 1103) throw error;
      }
    }
    if (dd.config && !configured) {
      configured = true;
      var list = options.jsApiList || (data.jsApiList ? data.jsApiList.split(',') : []);
      dd.config(Object.assign({}, session.config, { type: 0, jsApiList: list }));
    }
    return session;
  }

  /* Concurrent calls share one promise: no code is ever posted twice. */
  function login(options) {
    if (!running.login) {
      running.login = enter(options || {});
      var over = function () { running.login = null; };
      running.login.then(over, over);
    }
    return running.login;
  }

  function refresh() {
    if (!running.refresh) {
      running.refresh = call('POST', '/v1/token/refresh', { refreshToken: session && session.refreshToken })
        .then(function (pair) { return keep(Object.assign({}, session, pair)); });
      var over = function () { running.refresh = null; };
      running.refresh.then(over, over);
    }
    return running.refresh;
  }

  async function token() {
    if (!session) await login();
    else if (session.tokenOverAt - now() < 60) {
      try { await refresh(); } catch (error) {
        if (error.status !== 401) throw error;
        keep(null);
        await login();
      }
    }
    return session.token;
  }

  async function withToken(input, init) {
    for (var attempt = 1; ; attempt++) {
      var bearer = await token();
      var headers = new Headers((init && init.headers) || {});
      headers.set('Authorization', 'Bearer ' + bearer);
      var response = await fetch(input, Object.assign({}, init, { headers: headers }));
      if (response.status !== 401 || attempt === 2) return response;
      if (session && session.token === bearer) session.tokenOverAt = 0;
    }
  }

  window.DingTalkSSO = {
    login: login,
    refresh: refresh,
    token: token,
    fetch: withToken,
    session: function () { return session; },
    me: async function () { return call('GET', '/v1/me', null, await token()); },
    sign: function (url) { return call('POST', '/v1/jsapi/config', { url: url || pageUrl(), app: app }); },
    logout: async function () {
      var last = session;
      keep(null);
      configured = false;
      if (last) await call('POST', '/v1/logout', null, last.token);
    },
    DingTalkSSOError: DingTalkSSOError
  };
})();
