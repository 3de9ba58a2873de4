/* The demo micro-app: plays DingTalk's client for the picked employee, and shows each step of the login as it happens. */
(function () {
  'use strict';

  var SHOWN_AT_ONCE = 60;

  var make = window.demoLanguage.make;
  var fill = window.demoLanguage.fill;
  var word = window.demoLanguage.word;
  var say = window.demoLanguage.say;
  var company = null;
  var people = [];
  var started = false;
  var lastCode = null;
  var lastToken = null;

  function by(id) { return document.getElementById(id); }
  function find(name) { return document.querySelector('[data-testid="' + name + '"]'); }

  // --- Requests and answers, as they went over the wire ---

  var requests = [];
  var plainFetch = window.fetch;
  window.fetch = async function (input, init) {
    var begun = performance.now();
    var response = await plainFetch.call(window, input, init);
    var text = await response.clone().text();
    requests.push({
      method: (init && init.method) || 'GET',
      path: new URL(input, location.href).pathname,
      body: init && init.body ? JSON.parse(init.body) : null,
      status: response.status,
      answer: text ? read(text) : word('noContent'),
      ms: Math.round(performance.now() - begun)
    });
    return response;
  };

  function last() { return requests[requests.length - 1]; }

  function read(text) {
    try { return JSON.parse(text); } catch (e) { return text; }
  }

  /* Long secrets in part only: they are for reading, not for copying. */
  function json(value) {
    if (typeof value === 'string') return value;
    return JSON.stringify(value, function (key, item) {
      return /token$|code$/i.test(key) && typeof item === 'string' && item.length > 48 ? item.slice(0, 24) + '…' + item.slice(-8) : item;
    }, 2);
  }

  function exchange(element, head, request, answer, status) {
    var line = make('p', 'call', head);
    if (status) line.appendChild(make('span', status >= 400 ? 'status bad' : 'status', String(status)));
    var prefix = element.id === 'last' ? '' : 'step-';
    var sides = [side('answer', answer, prefix)];
    if (request) sides.unshift(side('request', request, prefix));
    fill(element, [line].concat(sides));
  }

  function side(key, value, prefix) {
    var content = make('pre', '', json(value));
    content.dataset.testid = prefix + key;
    content.tabIndex = 0;
    return fill(make('div'), [say(make('h4'), key), content]);
  }

  function step(name, ms, head, request, answer, status) {
    var element = find(name);
    element.classList.add('done');
    say(element.querySelector('.took'), 'took', { ms: ms });
    exchange(element.querySelector('.exchange'), head, request, answer, status);
    element.querySelector('details').open = matchMedia('(min-width: 920px)').matches;
  }

  /* Shows it above the place where it happened. */
  function failed(error, place) {
    var box = find('error');
    place.parentNode.insertBefore(box, place);
    var children = [make('strong', '', error.code ? word('failed', error) : error.error), make('span', '', error.message)];
    if (error.code && word('hints.' + error.code)) children.push(say(make('span'), 'hints.' + error.code));
    if (error.requestId) children.push(say(make('small'), 'requestId', error));
    fill(box, children).hidden = false;
  }

  // --- The employees ---

  function face(person) {
    var name = person.name || person.userid;
    var sum = 0;
    for (var i = 0; i < name.length; i++) sum += name.charCodeAt(i);
    var circle = make('span', 'face tint' + sum % 5, name.slice(-2));
    circle.setAttribute('aria-hidden', 'true');
    if (person.avatar) {
      var picture = make('img');
      picture.alt = '';
      picture.addEventListener('load', function () { fill(circle, [picture]); });
      picture.src = person.avatar;
    }
    return circle;
  }

  function entry(person) {
    var text = make('span', 'about', person.name);
    text.appendChild(make('small', '', [person.title].concat(person.departments).filter(Boolean).join(' · ')));
    var button = make('button');
    button.type = 'button';
    button.dataset.testid = 'employee';
    if (location.hash.slice(1) === person.userid) button.setAttribute('aria-current', 'true');
    fill(button, [face(person), text]);
    button.addEventListener('click', function () { pick(person.userid); });
    var item = make('li');
    item.appendChild(button);
    return item;
  }

  function list() {
    var query = by('search').value.trim().toLowerCase();
    var department = by('department').value;
    var found = people.filter(function (person) {
      var words = [person.name, person.userid, person.title || ''].join(' ').toLowerCase();
      return words.indexOf(query) >= 0 && (!department || person.departments.indexOf(department) >= 0);
    });
    fill(by('employees'), found.slice(0, SHOWN_AT_ONCE).map(entry));
    if (found.length) say(by('count'), 'count', { shown: Math.min(found.length, SHOWN_AT_ONCE), people: people.length });
    else say(by('count'), 'nobody');
  }

  function departments() {
    var counts = new Map();
    people.forEach(function (person) {
      person.departments.forEach(function (name) { counts.set(name, (counts.get(name) || 0) + 1); });
    });
    var names = Array.from(counts.keys()).sort(function (a, b) { return a.localeCompare(b, 'zh'); });
    var every = say(make('option'), 'allDepartments');
    every.value = '';
    fill(by('department'), [every].concat(names.map(function (name) {
      var option = say(make('option'), 'oneDepartment', { name: name, people: counts.get(name) });
      option.value = name;
      return option;
    })));
  }

  // --- The login ---

  async function post(path, body) {
    var response = await fetch(path, { method: 'POST', headers: { 'Content-Type': 'application/json' }, body: JSON.stringify(body) });
    return { ok: response.ok, body: await response.json() };
  }

  /* What a DingTalk web view offers, played by the simulated company. */
  function client(userid) {
    return {
      runtime: { permission: { requestAuthCode: async function (asked) {
        var given = await post('/demo/auth-codes', { userid: userid, corpId: asked.corpId });
        if (!given.ok) {
          asked.onFail({ errorMessage: given.body.errorMessage || given.body.error });
          return;
        }
        lastCode = given.body.code;
        step('step-code', last().ms, 'dd.runtime.permission.requestAuthCode', { corpId: asked.corpId }, { code: lastCode });
        asked.onSuccess(given.body);
      } } },
      config: async function (config) {
        var verdict = (await post('/demo/jsapi/verify', Object.assign({}, config, { url: location.href.split('#')[0] }))).body;
        step('step-config', last().ms, 'dd.config', config, verdict);
        if (verdict.ok) say(find('verified'), 'verified', { digest: verdict.digest.toUpperCase() }).hidden = false;
        else failed({ error: 'dd.error', message: verdict.errorMessage }, by('card'));
      }
    };
  }

  /* One employee a page load, as in a web view: dd.config may be called only once in it. */
  function pick(userid) {
    location.hash = userid;
    if (started) location.reload(); else open(userid);
  }

  async function open(userid) {
    started = true;
    document.body.dataset.state = 'picked';
    window.scrollTo(0, 0);
    try {
      await DingTalkSSO.logout().catch(function () { /* the session of before was over */ });
      var session = await DingTalkSSO.login({ dd: client(userid), corpId: company.corpId });
      var sent = requests.filter(function (request) { return request.path === '/v1/login'; }).pop();
      step('step-login', sent.ms, 'POST /v1/login', sent.body, sent.answer, sent.status);
      introduce(session);
      showToken();
      by('token-panel').hidden = by('try-panel').hidden = false;
      by('name').focus({ preventScroll: true });
    } catch (error) {
      failed(error, by('card'));
    }
  }

  function introduce(session) {
    var main = session.departments.filter(function (one) { return one.id === session.departId; })[0];
    var path = main ? main.path.map(function (one) { return one.name; }).concat(main.name) : [];
    by('name').textContent = session.name;
    by('position').textContent = [session.company, session.position].filter(Boolean).join(' · ');
    find('department-path').textContent = path.join(' › ');
    fill(by('face'), [face({ name: session.name, userid: session.userId, avatar: session.avatar })]);
    by('card').hidden = false;
  }

  // --- The token ---

  function claimsOf(token) {
    var binary = atob(token.split('.')[1].replace(/-/g, '+').replace(/_/g, '/'));
    var bytes = Uint8Array.from(binary, function (letter) { return letter.charCodeAt(0); });
    return JSON.parse(new TextDecoder().decode(bytes));
  }

  function showToken() {
    lastToken = DingTalkSSO.session().token;
    var claims = claimsOf(lastToken);
    var rows = [];
    Object.keys(window.demoWords.zh.claims).forEach(function (name) {
      var value = claims[name];
      if (value === undefined || value === null || (Array.isArray(value) && !value.length)) return;
      var shown = name === 'exp' ? new Date(value * 1000).toLocaleString(document.documentElement.lang) : Array.isArray(value) ? value.join(', ') : String(value);
      var term = make('dt', '', name);
      term.appendChild(say(make('small'), 'claims.' + name));
      rows.push(term, make('dd', '', shown));
    });
    fill(by('claims'), rows);
    by('raw-claims').textContent = json(claims);
    fill(by('raw-token'), lastToken.split('.').map(function (part, index) { return make('span', 'part' + index, index ? '.' + part : part); }));
    tick();
  }

  function tick() {
    var session = DingTalkSSO.session();
    if (!lastToken) return;
    if (!session) {
      say(by('countdown'), 'ended');
      by('life').value = 0;
      return;
    }
    var claims = claimsOf(session.token);
    var left = Math.max(0, Math.round(session.localOverAt - Date.now() / 1000));
    var seconds = left % 60;
    if (left) say(by('countdown'), 'countdown', { left: Math.floor(left / 60) + ':' + (seconds < 10 ? '0' : '') + seconds });
    else say(by('countdown'), 'expired');
    by('life').value = left / (claims.exp - claims.iat);
  }

  // --- What may be tried afterwards ---

  function act(id, path, what) {
    by(id).addEventListener('click', async function () {
      var before = requests.length;
      find('error').hidden = true;
      try { await what(); } catch (error) { failed(error, by('last')); }
      if (requests.length > before) exchange(by('last'), last().method + ' ' + path, last().body, last().answer, last().status);
      by('last').scrollIntoView({ block: 'nearest' });
    });
  }

  async function call(path, init) {
    var response = await fetch(path, init);
    var body = await response.json();
    if (!response.ok) throw { code: body.code, error: body.error, message: body.error_description, requestId: body.request_id };
  }

  // With the token that was last seen, also after the end of its session: what then is answered is worth seeing.
  act('me', '/v1/me', function () { return call('/v1/me', { headers: { Authorization: 'Bearer ' + lastToken } }); });
  act('refresh', '/v1/token/refresh', function () { return DingTalkSSO.refresh().then(showToken); });
  act('replay', '/v1/login', function () {
    var body = JSON.stringify({ authCode: lastCode, url: location.href.split('#')[0] });
    return call('/v1/login', { method: 'POST', headers: { 'Content-Type': 'application/json' }, body: body });
  });
  act('logout', '/v1/logout', function () { return DingTalkSSO.logout().then(tick); });

  by('again').addEventListener('click', function () {
    location.hash = '';
    location.reload();
  });
  by('search').addEventListener('input', list);
  by('department').addEventListener('change', list);
  setInterval(tick, 1000);

  Promise.all(['/demo/company', '/demo/employees'].map(function (path) {
    return fetch(path).then(function (response) { return response.json(); });
  })).then(function (answers) {
    company = answers[0];
    people = answers[1];
    say(by('facts'), 'facts', company);
    departments();
    list();
    if (location.hash.length > 1) open(decodeURIComponent(location.hash.slice(1)));
  });
})();
