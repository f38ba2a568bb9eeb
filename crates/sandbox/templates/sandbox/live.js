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
    if (push) history.pushState(null, '', response.url);
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
    // What was just made is shown once, and not again by each look at the page.
    const here = new URL(location.href);
    if (here.searchParams.has('at') || here.searchParams.has('notice')) {
      here.searchParams.delete('at');
      here.searchParams.delete('notice');
      history.replaceState(null, '', `${here.pathname}${here.search}`);
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
  // What is under way of each form: the same once more, as of a double click, is asked for once.
  const sending = new Map();
  document.addEventListener('submit', async (event) => {
    const { target: form, submitter } = event;
    event.preventDefault();
    const filled = new FormData(form, submitter);
    const data = form.enctype === 'multipart/form-data' ? filled : new URLSearchParams(filled);
    const action = submitter?.getAttribute('formaction') || form.getAttribute('action');
    if (form.method === 'get') return go(`${action}?${data}`, true);
    const same = JSON.stringify([action, submitter?.name, submitter?.value, typed(form)]);
    if (sending.get(form) === same) return;
    sending.set(form, same);
    form.setAttribute('aria-busy', 'true');
    const [mine, sent] = [++asked, typed(form)];
    try {
      const response = await fetch(action, { method: 'POST', body: data, headers: { accept: 'text/html' } });
      if (!response.ok) return warn(await response.text());
      if (!response.redirected || mine !== asked) return;
      history.replaceState(null, '', response.url);
      if (!response.url.includes('notice=') && !submitter?.formNoValidate && typed(form) === sent) form.reset();
      fresh = true;
      await draw(response, false);
      show();
      // Whoever is elsewhere by now stays there.
      const here = document.activeElement === document.body || form.contains(document.activeElement);
      if ('again' in form.dataset && here) form.querySelector('textarea').focus();
    } catch {
      warn('The sandbox does not answer, so nothing was done.');
    } finally {
      if (sending.get(form) === same) sending.delete(form);
      form.removeAttribute('aria-busy');
      refresh();
    }
  });
  const typed = (form) => JSON.stringify([...new FormData(form)].map(([name, value]) => [name, value.name ?? value]));
  const warn = (words) => {
    const notice = byId('notice') || document.createElement('p');
    Object.assign(notice, { id: 'notice', className: 'alert', role: 'alert', textContent: words });
    byId('bar').after(notice);
  };
  addEventListener('popstate', () => go(location.href, false));

  // Draws the parts anew in which something changed, all of them at once.
  const due = new Set();
  let asking = false;
  const refresh = async (parts = 'bar,desk,bridge,slack') => {
    for (const part of parts.split(',')) due.add(part);
    if (asking || document.hidden) return;
    asking = true;
    while (due.size && !document.hidden) {
      const names = [...due].join(',');
      const [mine, where] = [asked, location.search];
      due.clear();
      try {
        const response = await fetch(`/sandbox/parts/${names}${where}`, { headers: { accept: 'text/html' } });
        const html = await response.text();
        if (response.ok && mine === asked && where === location.search) patch(html);
      } catch { /* the stream says that it is gone, and when it is back */ }
    }
    asking = false;
  };
  const patch = (html) => {
    fresh = true;
    for (const part of new DOMParser().parseFromString(html, 'text/html').body.children) {
      const old = part.id && byId(part.id);
      if (old) morph(old, part, false);
    }
  };

  // A browser has few connections to one place for all its windows together. So one window that is seen listens and
  // tells the others; one that is hidden lets go, and looks again when it is seen.
  const live = byId('live');
  const others = new BroadcastChannel('sidethread');
  let state = '';
  let let_go = null;
  let source = null;
  const stands = (now) => {
    state = now;
    live.hidden = false;
    live.textContent = now === 'open' ? 'Live' : 'Not live: the sandbox does not answer';
    live.classList.toggle('gone', now !== 'open');
  };
  const hear = ({ now, parts }) => {
    if (now) stands(now);
    if (parts) refresh(parts);
  };
  const say = (what) => {
    hear(what);
    others.postMessage(what);
  };
  const listen = () => {
    source = new EventSource('/sandbox/live');
    source.addEventListener('changed', (event) => say({ parts: event.data }));
    source.addEventListener('open', () => say({ now: 'open', parts: 'bar,desk,bridge,slack' }));
    source.addEventListener('error', () => say({ now: 'gone' }));
  };
  others.addEventListener('message', ({ data }) => {
    if (!data.asks) hear(data);
    else if (source && state) others.postMessage({ now: state });
  });
  const seen = () => {
    if (let_go) return;
    const stop = new AbortController();
    const ends = new Promise((end) => {
      let_go = () => {
        let_go = null;
        stop.abort();
        source?.close();
        source = null;
        end();
      };
    });
    if (navigator.locks) {
      const turn = () => {
        listen();
        return ends;
      };
      navigator.locks.request('sidethread-live', { signal: stop.signal }, turn).catch(() => {});
      others.postMessage({ asks: true });
    } else {
      listen();
    }
    refresh();
  };
  document.addEventListener('visibilitychange', () => (document.hidden ? let_go?.() : seen()));
  addEventListener('pagehide', () => let_go?.());
  addEventListener('pageshow', (event) => event.persisted && seen());
  if (!document.hidden) seen();
  show();
})();
