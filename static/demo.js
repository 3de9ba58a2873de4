/* The demo micro-app: a simulated `dd` for the picked employee, and each step as it happens. */
(function () {
  'use strict';

  var company = null;
  var find = function (id) { return document.querySelector('[data-testid="' + id + '"]'); };
  var by = function (id) { return document.getElementById(id); };

  function short(text) { return text && text.length > 60 ? text.slice(0, 28) + '…' + text.slice(-12) : text; }

  function show(value) {
    by('answer').textContent = JSON.stringify(value, function (key, item) {
      return /token$/i.test(key) && typeof item === 'string' ? short(item) : item;
    }, 2);
  }

  function step(name, text) {
    find(name).classList.add('done');
    find(name).querySelector('pre').textContent = text;
  }

  function failed(error) {
    var body = { code: error.code, error: error.error, error_description: error.message, request_id: error.requestId };
    find('error').textContent = JSON.stringify(body);
    find('error').hidden = false;
    show(body);
  }

  async function ask(path, body) {
    var init = body && { method: 'POST', headers: { 'Content-Type': 'application/json' }, body: JSON.stringify(body) };
    return (await fetch(path, init)).json();
  }

  function tint(text) {
    var sum = 0;
    for (var i = 0; i < text.length; i++) sum += text.charCodeAt(i);
    return 'face tint' + sum % 5;
  }

  function claims(token) {
    var part = token.split('.')[1].replace(/-/g, '+').replace(/_/g, '/');
    var bytes = Uint8Array.from(atob(part), function (letter) { return letter.charCodeAt(0); });
    return JSON.parse(new TextDecoder().decode(bytes));
  }

  /* What a DingTalk web view would offer, played by the simulated company. */
  function simulated(userid) {
    return {
      runtime: { permission: { requestAuthCode: async function (asked) {
        var answer = await ask('/demo/auth-codes', { userid: userid });
        step('step-code', short(answer.code) + '   corpId ' + (asked.corpId || company.corpId));
        asked.onSuccess(answer);
      } } },
      config: async function (config) {
        var seen = Object.assign({}, config, { url: location.href.split('#')[0] });
        var verdict = await ask('/demo/jsapi/verify', seen);
        step('step-config', JSON.stringify(config, null, 1));
        if (verdict.ok) {
          find('verified').textContent = '签名已验证 · ' + verdict.digest.toUpperCase();
          find('verified').hidden = false;
        } else {
          failed({ code: verdict.errorCode, error: 'dd.error', message: verdict.errorMessage });
        }
      }
    };
  }

  async function pick(userid) {
    by('picker').hidden = true;
    by('result').hidden = false;
    try {
      await DingTalkSSO.logout().catch(function () { /* that session was over */ });
      var session = await DingTalkSSO.login({ dd: simulated(userid) });
      step('step-login', '200   userId ' + session.userId + '   id ' + session.id);
      var main = session.departments.find(function (one) { return one.id === session.departId; });
      var path = main ? main.path.map(function (one) { return one.name; }).concat(main.name) : [];
      find('employee-name').textContent = session.name;
      by('position').textContent = [session.company, session.position].filter(Boolean).join(' · ');
      find('department-path').textContent = path.join(' › ');
      document.querySelector('.card .face').textContent = session.name.slice(-2);
      document.querySelector('.card').hidden = false;
      by('claims').textContent = JSON.stringify(claims(session.token), null, 2);
      show(session);
    } catch (error) {
      failed(error);
    }
  }

  async function list() {
    var found = await ask('/demo/employees?limit=40&query=' + encodeURIComponent(by('search').value.trim()));
    by('employees').replaceChildren.apply(by('employees'), found.map(function (person) {
      var item = document.createElement('li');
      var button = document.createElement('button');
      var face = document.createElement('span');
      var text = document.createElement('span');
      var line = document.createElement('small');
      face.className = tint(person.userid);
      face.textContent = person.name.slice(-2);
      text.textContent = person.name;
      line.textContent = [person.title].concat(person.departments).filter(Boolean).join(' · ');
      text.append(line);
      button.dataset.testid = 'employee';
      button.append(face, text);
      button.addEventListener('click', function () { pick(person.userid); });
      item.append(button);
      return item;
    }));
  }

  function act(id, what) {
    by(id).addEventListener('click', async function () {
      find('error').hidden = true;
      try { show(await what()); } catch (error) { failed(error); }
    });
  }

  act('me', async function () {
    var response = await fetch('/v1/me', { headers: { Authorization: 'Bearer ' + (DingTalkSSO.session() || {}).token } });
    return response.json();
  });
  act('refresh', async function () { return DingTalkSSO.refresh(); });
  act('logout', async function () { await DingTalkSSO.logout(); return { status: 204 }; });
  by('again').addEventListener('click', function () { location.reload(); });
  by('search').addEventListener('input', list);
  ask('/demo/company').then(function (answer) { company = answer; return list(); });
})();
