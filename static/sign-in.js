/* Signs in inside DingTalk without a click: fetches the auth code by whichever JSAPI the client has, once. */
(function () {
  'use strict';

  var data = document.currentScript.dataset;
  var tried = 0;

  function fail(error) {
    document.getElementById('busy').hidden = true;
    document.getElementById('failed').hidden = false;
    document.getElementById('reason').textContent =
      error.error_description || error.errorMessage || error.message || String(error);
  }

  function redeem(code) {
    fetch('/login/code', {
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

  /* Some clients call back twice: the first answer counts. */
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
    var good = once(function (answer) { redeem(answer.code || answer.authCode); });
    var bad = once(fail);
    var wish = { corpId: data.corpId, clientId: data.clientId, success: good, onSuccess: good, fail: bad, onFail: bad };
    var answer = old ? dd.runtime.permission.requestAuthCode(wish) : (dd.requestAuthCode || dd.getAuthCode).call(dd, wish);
    if (answer && answer.then) answer.then(good, bad);
  }

  function begin() {
    if (window.dd && window.dd.ready) window.dd.ready(once(ask)); else ask();
  }

  if (document.readyState === 'complete') begin(); else window.addEventListener('load', begin);
})();
