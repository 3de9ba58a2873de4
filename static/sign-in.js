/* Signs in inside DingTalk without a click: fetches the auth code by whichever JSAPI the client has, once.
   Written for web views as old as Chrome 69, as dingtalk-sso.js is. */
(function () {
  'use strict';

  var READY_MS = 3000;
  var CODE_MS = 15000;

  var data = document.currentScript.dataset;
  var tried = 0;

  function fail(error) {
    document.getElementById('busy').hidden = true;
    document.getElementById('failed').hidden = false;
    document.getElementById('reason').textContent =
      error.error_description || error.errorMessage || error.message || String(error);
  }

  function redeem(code) {
    /* Beside this page, whatever path leads here. */
    fetch('code', {
      method: 'POST',
      credentials: 'same-origin',
      headers: { 'Content-Type': 'application/json' },
      body: JSON.stringify({ authCode: code, state: data.state })
    }).then(function (response) {
      return response.json().then(function (answer) {
        if (response.ok) location.replace(answer.location); else fail(answer);
      });
    }).catch(fail);
  }

  /* Some clients call back twice, or both ways: the first answer counts. */
  function once(then) {
    var settled = false;
    return function (value) { if (!settled) { settled = true; then(value); } };
  }

  function ask() {
    var dd = window.dd;
    var old = dd && dd.runtime && dd.runtime.permission && dd.runtime.permission.requestAuthCode;
    if (!dd || !(old || dd.requestAuthCode || dd.getAuthCode)) {
      // The script of the platform may still be on its way.
      tried += 1;
      if (tried < 50) setTimeout(ask, 100);
      else fail(new Error('the DingTalk JSAPI is not here'));
      return;
    }
    var settle = once(function (then) { then(); });
    function bad(error) {
      settle(function () { fail(error || new Error('DingTalk gives no auth code')); });
    }
    function good(answer) {
      var code = answer && (answer.code || answer.authCode);
      if (code) settle(function () { redeem(code); }); else bad(answer);
    }
    setTimeout(function () { bad(new Error('no answer from DingTalk within ' + CODE_MS / 1000 + ' s')); }, CODE_MS);
    var wish = { corpId: data.corpId, clientId: data.clientId, success: good, onSuccess: good, fail: bad, onFail: bad };
    var answer = old ? dd.runtime.permission.requestAuthCode(wish) : (dd.requestAuthCode || dd.getAuthCode).call(dd, wish);
    if (answer && answer.then) answer.then(good, bad);
  }

  function begin() {
    var start = once(ask);
    if (!window.dd || !window.dd.ready) { start(); return; }
    window.dd.ready(start);
    // On some clients nothing is ever called ready: the call itself tells.
    setTimeout(start, READY_MS);
  }

  if (document.readyState === 'complete') begin(); else window.addEventListener('load', begin);
})();
