/* Plays the JSAPI of DingTalk's client for the employee whom the cookie demo_employee names. Every call takes
   callbacks (onSuccess/onFail or success/fail) and answers a promise as well. */
(function () {
  'use strict';

  var source = new URL(document.currentScript.src);
  /* Beside a demo's pages, or at the simulator itself. */
  var base = source.origin + source.pathname.replace(/dd\.js$/, '');
  var errorListeners = [];

  function employee() {
    var found = /(?:^|;\s*)demo_employee=([^;]*)/.exec(document.cookie);
    return found ? decodeURIComponent(found[1]) : 'manager01';
  }

  async function post(path, body) {
    var answer = await fetch(base + path, {
      method: 'POST',
      headers: { 'Content-Type': 'application/json' },
      body: JSON.stringify(body)
    });
    return { ok: answer.ok, body: await answer.json() };
  }

  function answered(asked, work) {
    var done = asked.onSuccess || asked.success;
    var failed = asked.onFail || asked.fail;
    var over = asked.onComplete || asked.complete;
    var promise = work.then(function (result) {
      if (done) done(result);
      if (over) over(result);
      return result;
    }, function (error) {
      if (failed) failed(error);
      if (over) over(error);
      throw error;
    });
    /* Who takes callbacks need not look at the promise. */
    promise.catch(function () {});
    return promise;
  }

  async function code(asked) {
    var answer;
    try {
      answer = await post('auth-codes', { userid: employee(), corpId: asked.corpId, clientId: asked.clientId });
    } catch (unreachable) {
      throw { errorCode: -1, errorMessage: String(unreachable) };
    }
    if (!answer.ok) {
      throw answer.body.errorCode ? answer.body : { errorCode: 3, errorMessage: answer.body.error };
    }
    return answer.body.code;
  }

  function requestAuthCode(asked) {
    return answered(asked || {}, code(asked || {}).then(function (given) { return { code: given }; }));
  }

  function getAuthCode(asked) {
    var work = code(asked || {}).then(function (given) { return { authCode: given, code: given }; });
    return answered(asked || {}, work);
  }

  async function config(given) {
    var seen = Object.assign({}, given, { url: location.href.split('#')[0] });
    var verdict = (await post('jsapi/verify', seen)).body;
    if (!verdict.ok) {
      var error = { errorCode: verdict.errorCode, message: verdict.errorMessage, errorMessage: verdict.errorMessage };
      errorListeners.forEach(function (listener) { listener(error); });
    }
  }

  window.dd = {
    env: { platform: 'pc', version: '7.6.0', appType: 'WEB' },
    version: '7.6.0',
    ready: function (listener) { setTimeout(listener, 0); },
    error: function (listener) { errorListeners.push(listener); },
    config: config,
    requestAuthCode: requestAuthCode,
    getAuthCode: getAuthCode,
    runtime: { permission: { requestAuthCode: requestAuthCode } }
  };
})();
