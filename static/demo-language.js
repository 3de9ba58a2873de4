/* The language of the demo page: the browser's at first, then the one that was chosen. */
(function () {
  'use strict';

  var language = remembered() || (/^zh/i.test(navigator.language) ? 'zh' : 'en');
  var values = new WeakMap();

  function make(tag, className, text) {
    var element = document.createElement(tag);
    if (className) element.className = className;
    if (text !== undefined) element.textContent = text;
    return element;
  }

  function fill(element, children) {
    element.textContent = '';
    children.forEach(function (child) { element.appendChild(child); });
    return element;
  }

  function remembered() {
    try {
      var chosen = localStorage.getItem('language');
      return chosen in window.demoWords ? chosen : null;
    } catch (e) {
      return null;
    }
  }

  function word(key, given) {
    var text = key.split('.').reduce(function (at, part) { return at && at[part]; }, window.demoWords[language]);
    return (text || '').replace(/\{(\w+)\}/g, function (whole, name) { return given && name in given ? given[name] : whole; });
  }

  /* Says it in the language of the page, now and after each change of it. */
  function say(element, key, given) {
    element.dataset.text = key;
    values.set(element, given);
    fill(element, word(key, given).split('`').map(function (part, index) {
      return index % 2 ? make('code', '', part) : document.createTextNode(part);
    }));
    return element;
  }

  function speak(next) {
    language = next;
    document.documentElement.lang = next === 'zh' ? 'zh-CN' : 'en';
    document.title = word('title') + ' · dingtalk-sso';
    document.querySelectorAll('[data-text]').forEach(function (element) { say(element, element.dataset.text, values.get(element)); });
    document.querySelectorAll('[data-label]').forEach(function (element) { element.setAttribute('aria-label', word(element.dataset.label)); });
    document.querySelectorAll('[data-language]').forEach(function (button) {
      button.setAttribute('aria-pressed', String(button.dataset.language === next));
    });
    document.querySelectorAll('[data-hint]').forEach(function (element) { element.placeholder = word(element.dataset.hint); });
  }

  document.querySelector('.languages').addEventListener('click', function (event) {
    var chosen = event.target.dataset.language;
    if (!chosen) return;
    try { localStorage.setItem('language', chosen); } catch (e) { /* for this page alone then */ }
    speak(chosen);
  });
  speak(language);

  window.demoLanguage = { make: make, fill: fill, word: word, say: say };
})();
