/* Signs a DingTalk H5 micro-app in: one script tag, then `await DingTalkSSO.login()`.
   Written for web views as old as Chrome 69: nothing newer in syntax or library is used. */
(function () {
  'use strict';

  // Loaded twice, the first one stays: two would ask for two codes and call dd.config twice.
  if (window.DingTalkSSO) return;

  var READY_MS = 3000;
  var CODE_MS = 15000;
  var CALL_MS = 30000;
  var LONGEST_RETRY_AFTER_S = 5;
  var REFRESH_BEFORE_S = 60;

  var script = document.currentScript;
  var data = (script && script.dataset) || {};
  var base = script && script.src ? new URL(script.src).origin : location.origin;
  var app = data.app || 'default';
  // Read at once: a single-page app may drop it from the address later.
  var corpId = data.corpId || corpIdOf(location.href);
  var key = ['dingtalk-sso', base, app, corpId].join(' ');
  var session = restore();
  var chosen = {};
  var entered = false;
  var configured = false;
  var bridged = false;
  var running = { login: null, refresh: null };

  class DingTalkSSOError extends Error {
    constructor(error, message, more) {
      super(message);
      this.name = 'DingTalkSSOError';
      this.error = error;
      this.code = 0;
      this.status = 0;
      this.requestId = null;
      Object.assign(this, more);
    }
  }

  /* DingTalk puts the company's id in the place of $CORPID$ in the app's home page; some apps have it behind the #. */
  function corpIdOf(address) {
    var found = /[?&]corpid=([\w-]+)/i.exec(address);
    return found ? found[1] : '';
  }

  function now() { return Date.now() / 1000; }

  function pageUrl() { return location.href.split('#')[0]; }

  function pause(milliseconds) {
    return new Promise(function (resolve) { setTimeout(resolve, milliseconds); });
  }

  function restore() {
    try { return JSON.parse(sessionStorage.getItem(key)); } catch (e) { return null; }
  }

  function keep(next) {
    session = next;
    if (!next) entered = false;
    try {
      if (next) sessionStorage.setItem(key, JSON.stringify(next)); else sessionStorage.removeItem(key);
    } catch (e) { /* storage is closed in some web views: memory serves */ }
    return next;
  }

  /* When a token ends by the clock of this device, which may be hours off: only how long it lives is the same. */
  function withEnd(pair) {
    var claims = JSON.parse(atob(pair.token.split('.')[1].replace(/-/g, '+').replace(/_/g, '/')));
    var life = claims.exp - claims.iat;
    return Object.assign({}, pair, {
      localOverAt: now() + life,
      localRefreshAt: now() + life - Math.min(REFRESH_BEFORE_S, life / 4)
    });
  }

  /* One call to the service. Every failure is a DingTalkSSOError; `status` 0 means that no answer came. */
  async function call(method, path, body, token) {
    var headers = {};
    if (body) headers['Content-Type'] = 'application/json';
    if (token) headers.Authorization = 'Bearer ' + token;
    var abort = window.AbortController ? new AbortController() : null;
    var timer = setTimeout(function () { if (abort) abort.abort(); }, CALL_MS);
    var answer = null;
    try {
      var response = await fetch(base + path, {
        method: method, headers: headers, body: body && JSON.stringify(body), signal: abort ? abort.signal : undefined
      });
      if (response.status === 204) return null;
      try { answer = await response.json(); } catch (e) { /* a proxy's page */ }
    } catch (e) {
      throw new DingTalkSSOError('unreachable', 'the sign-in service cannot be reached');
    } finally {
      clearTimeout(timer);
    }
    if (response.ok && answer) return answer;
    var told = answer || {};
    throw new DingTalkSSOError(told.error || 'unreachable', told.error_description || 'the sign-in service is away', {
      code: told.code || 0,
      status: response.ok ? 0 : response.status,
      requestId: told.request_id || null,
      retryAfter: Number(response.headers.get('Retry-After')) || 1
    });
  }

  /* The JSAPI of the page: given, or loaded by a script that may stand below this one. */
  async function jsapi(given) {
    if (!given && !window.dd && document.readyState !== 'complete') {
      await new Promise(function (resolve) { window.addEventListener('load', resolve); });
    }
    var dd = given || window.dd;
    if (!dd) throw new DingTalkSSOError('no_jsapi', 'the DingTalk JSAPI is not on this page: load dingtalk.open.js or dingtalk-jsapi');
    if (dd.env && dd.env.platform === 'notInDingTalk') {
      throw new DingTalkSSOError('not_in_dingtalk', 'this page has to be opened in DingTalk');
    }
    return dd;
  }

  /* Calls made before the bridge is there are lost on old clients. After a failed dd.config nothing is ever called
     ready, so the wait is bounded: the call itself tells. */
  function bridge(dd) {
    if (bridged || typeof dd.ready !== 'function') return Promise.resolve();
    return Promise.race([
      pause(READY_MS),
      new Promise(function (resolve) { dd.ready(function () { bridged = true; resolve(); }); })
    ]);
  }

  /* The ways to a code, best first: the new one needs a client id and a client of 7.0.45 or later. */
  function ways(dd, clientId) {
    var permission = dd.runtime && dd.runtime.permission;
    var found = [];
    if (clientId && dd.requestAuthCode) found.push([dd, 'requestAuthCode']);
    if (permission && permission.requestAuthCode) found.push([permission, 'requestAuthCode']);
    else if (dd.getAuthCode) found.push([dd, 'getAuthCode']);
    return found;
  }

  function ask(way, params) {
    return new Promise(function (resolve, reject) {
      function good(answer) {
        var code = answer && (answer.code || answer.authCode);
        if (code) resolve(code); else reject(answer);
      }
      // Every generation calls back, answers a promise, or both, and some call back twice: a promise settles once.
      var asked = Object.assign({ success: good, onSuccess: good, fail: reject, onFail: reject }, params);
      setTimeout(function () { reject({ errorMessage: 'no answer within ' + CODE_MS / 1000 + ' s' }); }, CODE_MS);
      var answer = way[0][way[1]](asked);
      if (answer && answer.then) answer.then(good, reject);
    });
  }

  async function authCode(dd, options) {
    var params = { corpId: options.corpId || corpId };
    var clientId = options.clientId || data.clientId;
    if (!params.corpId) {
      throw new DingTalkSSOError('no_corp_id', 'the CorpId is missing: give data-corp-id, or let the home page end in ?corpId=$CORPID$');
    }
    if (clientId) params.clientId = clientId;
    await bridge(dd);
    var refusal = { errorMessage: 'this JSAPI has no call for it' };
    var list = ways(dd, clientId);
    for (var index = 0; index < list.length; index++) {
      try { return await ask(list[index], params); } catch (e) { refusal = e || {}; }
    }
    throw new DingTalkSSOError('no_auth_code', 'DingTalk gives no auth code: ' + words(refusal), { jsapi: refusal });
  }

  function words(refusal) {
    var text = refusal.errorMessage || refusal.message || String(refusal);
    return refusal.errorCode === undefined ? text : text + ' (errorCode ' + refusal.errorCode + ')';
  }

  /* Each round posts a code of its own. So a doubtful end of the first (it may be spent) never costs the second. */
  async function enter(options) {
    var dd = await jsapi(options.dd);
    for (var first = true; ; first = false) {
      var code = await authCode(dd, options);
      try {
        keep(withEnd(await call('POST', '/v1/login', { authCode: code, url: pageUrl(), app: app })));
        break;
      } catch (error) {
        if (error.status === 403) keep(null);
        var passing = error.code === 1103 || error.status === 503 || error.status === 0;
        if (!first || !passing || error.retryAfter > LONGEST_RETRY_AFTER_S) throw error;
        if (error.code !== 1103) await pause((error.retryAfter || 1) * 1000);
      }
    }
    entered = true;
    configure(dd, options);
    return session;
  }

  /* DingTalk takes one dd.config a page load, whoever signs in afterwards. */
  function configure(dd, options) {
    if (configured || typeof dd.config !== 'function') return;
    configured = true;
    var signed = session.config;
    if (typeof dd.error === 'function') {
      dd.error(function (refusal) {
        var error = new DingTalkSSOError('config_rejected', 'DingTalk refuses dd.config: ' + words(refusal || {}), {
          jsapi: refusal, config: signed
        });
        if (options.onConfigError) options.onConfigError(error); else console.error(error);
      });
    }
    dd.config({
      agentId: signed.agentId, corpId: signed.corpId, timeStamp: signed.timeStamp, nonceStr: signed.nonceStr,
      signature: signed.signature, type: 0,
      jsApiList: options.jsApiList || (data.jsApiList ? data.jsApiList.split(',') : [])
    });
  }

  /* Calls at once share one promise, later ones the session: a page load signs in once. Who it is, DingTalk is asked at
     each page load, and not the storage of the web view, where somebody else may have been before. */
  function login(options) {
    if (options) chosen = options;
    if (entered) return token().then(function () { return session; });
    if (!running.login) {
      running.login = enter(chosen);
      var over = function () { running.login = null; };
      running.login.then(over, over);
    }
    return running.login;
  }

  function refresh() {
    if (!session) return Promise.reject(new DingTalkSSOError('no_session', 'nobody is signed in'));
    if (!running.refresh) {
      var old = session;
      running.refresh = call('POST', '/v1/token/refresh', { refreshToken: old.refreshToken }).then(function (pair) {
        var next = Object.assign({}, old, withEnd(pair));
        // Signed out or in anew meanwhile: that stands.
        return session === old ? keep(next) : next;
      });
      var over = function () { running.refresh = null; };
      running.refresh.then(over, over);
    }
    return running.refresh;
  }

  /* A token that is good for a while. A refresh token that is used up (another tab had it too) means a new login. */
  async function token() {
    var old = session;
    if (!old) {
      await login();
    } else if (now() >= old.localRefreshAt) {
      try { await refresh(); } catch (error) {
        var refused = error.status === 401 || error.status === 403;
        if (refused && session === old) keep(null);
        if (error.status === 401) await login();
        else if (refused || now() >= old.localOverAt) throw error;
      }
    }
    if (!session) throw new DingTalkSSOError('no_session', 'signed out meanwhile');
    return session.token;
  }

  /* As window.fetch, with the token; once more with a new one where the first is refused. */
  async function fetchWithToken(input, init) {
    var request = input instanceof Request;
    for (var first = true; ; first = false) {
      var bearer = await token();
      var headers = new Headers((init && init.headers) || (request ? input.headers : {}));
      headers.set('Authorization', 'Bearer ' + bearer);
      var response = await fetch(request ? input.clone() : input, Object.assign({}, init, { headers: headers }));
      if (response.status !== 401 || !first) return response;
      if (session && session.token === bearer) session.localRefreshAt = session.localOverAt = 0;
    }
  }

  async function logout() {
    var last = session;
    if (!last) return;
    // By a token that is over nothing can be ended, while the session behind it may live on for weeks.
    var renewed = now() >= last.localRefreshAt ? refresh() : null;
    keep(null);
    if (renewed) last = await renewed.catch(function () { return last; });
    try { await call('POST', '/v1/logout', null, last.token); } catch (error) {
      // It was over already.
      if (error.status !== 401) throw error;
    }
  }

  window.DingTalkSSO = {
    login: login,
    logout: logout,
    refresh: refresh,
    token: token,
    fetch: fetchWithToken,
    session: function () { return session; },
    me: async function () { return call('GET', '/v1/me', null, await token()); },
    sign: function (url) { return call('POST', '/v1/jsapi/config', { url: url || pageUrl(), app: app }); },
    DingTalkSSOError: DingTalkSSOError
  };
})();
