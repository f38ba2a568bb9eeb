// Keeps a window up to date. The page is whole without it: every link is an address and every act is a form.
'use strict';
(() => {
  const byId = (id) => document.getElementById(id);
  let fresh = false;

  // Makes `from` like `to` and keeps what the person is doing: what is typed, opened, focused, scrolled.
  const morph = (from, to, served) => {
    if (from.nodeType !== 1) {
      if (from.data !== to.data) from.data = to.data;
      return;
    }
    if (from.nodeName === 'NOSCRIPT' || from.id === 'live' || from.id === 'news') return;
    const field = from.matches('input, textarea, select') && from.type !== 'hidden';
    const busy = field && (from === document.activeElement || from.value !== held(from));
    const keeps = (name) => (name === 'open' && !served) || (busy && name === 'value');
    for (const { name, value } of to.attributes) {
      if (!keeps(name) && from.getAttribute(name) !== value) from.setAttribute(name, value);
    }
    for (const { name } of [...from.attributes]) {
      if (!keeps(name) && !to.hasAttribute(name)) from.removeAttribute(name);
    }
    if (busy) return;
    let at = from.firstChild;
    for (const want of [...to.childNodes]) {
      const named = want.id && [...from.children].find((child) => child.id === want.id);
      const same = named || (at && at.nodeName === want.nodeName && !at.id && !want.id ? at : null);
      if (same) {
        if (same !== at) from.insertBefore(same, at);
        morph(same, want, served);
        at = same.nextSibling;
      } else {
        const made = document.importNode(want, true);
        from.insertBefore(made, at);
        if (fresh && made.nodeType === 1) tell(made);
      }
    }
    while (at) {
      const next = at.nextSibling;
      at.remove();
      at = next;
    }
    if (field && from.nodeName !== 'INPUT') from.value = held(from);
  };
  // What a field held when it came.
  const held = (field) => {
    if (field.nodeName !== 'SELECT') return field.type === 'checkbox' ? field.value : field.defaultValue;
    const chosen = [...field.options].find((option) => option.defaultSelected) || field.options[0];
    return chosen ? chosen.value : '';
  };
  const tell = (made) => {
    made.classList.add('fresh');
    const news = made.dataset.news || made.querySelector('[data-news]')?.dataset.news;
    if (news) byId('news').textContent = news;
  };

  const draw = async (response, served) => {
    const page = new DOMParser().parseFromString(await response.text(), 'text/html');
    if (response.ok && page.querySelector('main')) morph(document.body, page.body, served);
  };
  // Counts what a person asks for: an answer to something before the last of it is not drawn any more.
  let asked = 0;
  const go = async (url, push) => {
    const mine = ++asked;
    const response = await fetch(url, { headers: { accept: 'text/html' } });
    if (mine !== asked) return;
    if (push) history.pushState(null, '', url);
    fresh = false;
    await draw(response, true);
    show();
    refresh();
  };
  const show = () => {
    const { at, view } = document.body.dataset;
    const target = at && byId(at);
    if (target) {
      if (target.nodeName === 'DETAILS') target.open = true;
      target.scrollIntoView({ block: 'nearest' });
    }
    if (document.activeElement === document.body || !document.activeElement.checkVisibility()) {
      document.querySelector(`#${view} .title`)?.focus({ preventScroll: true });
    }
  };

  document.addEventListener('click', (event) => {
    const link = event.target.closest('a[href^="/?"]');
    if (!link || event.button || event.metaKey || event.ctrlKey || event.shiftKey) return;
    event.preventDefault();
    go(link.href, true);
  });
  document.addEventListener('submit', async (event) => {
    const { target: form, submitter } = event;
    event.preventDefault();
    const data = new URLSearchParams(new FormData(form, submitter));
    const action = submitter?.getAttribute('formaction') || form.getAttribute('action');
    if (form.method === 'get') return go(`${action}?${data}`, true);
    form.setAttribute('aria-busy', 'true');
    const mine = ++asked;
    try {
      const response = await fetch(action, { method: 'POST', body: data, headers: { accept: 'text/html' } });
      if (!response.ok || !response.redirected || mine !== asked) return;
      history.replaceState(null, '', response.url);
      if (!response.url.includes('notice=') && !submitter?.formNoValidate) form.reset();
      fresh = true;
      await draw(response, false);
      show();
      if ('again' in form.dataset) form.querySelector('textarea').focus();
    } finally {
      form.removeAttribute('aria-busy');
      refresh();
    }
  });
  addEventListener('popstate', () => go(location.href, false));

  let asking = false;
  let again = false;
  const refresh = async () => {
    again = asking;
    if (asking) return;
    asking = true;
    const [mine, where] = [asked, location.href];
    try {
      const response = await fetch(where, { headers: { accept: 'text/html' } });
      fresh = true;
      if (mine === asked && where === location.href) await draw(response, false);
    } catch { /* the stream says that it is gone, and when it is back */ }
    asking = false;
    if (again) refresh();
  };
  const live = byId('live');
  const source = new EventSource('/sandbox/live');
  source.addEventListener('changed', refresh);
  source.addEventListener('open', () => {
    live.hidden = false;
    live.textContent = 'Live';
    live.classList.remove('gone');
    refresh();
  });
  source.addEventListener('error', () => {
    live.hidden = false;
    live.textContent = 'Not live: the sandbox does not answer';
    live.classList.add('gone');
  });
  show();
})();
