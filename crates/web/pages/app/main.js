// The buyers' pages: which address shows what, and the head of each.

import { address, byId, fill, h } from './dom.js';
import * as session from './session.js';
import { chooseLanguage, language, t } from './text.js';
import { problem } from './problem.js';
import { concerts } from './views/concerts.js';

/**
 * A page: shows itself in `main` and goes on until `signal` says that it has been left.
 * @typedef {(main: HTMLElement, parts: string[], signal: AbortSignal) => Promise<void>} View
 */

/**
 * What each address shows. The front page comes with the first requests, the others when they are
 * looked at, or when there is nothing else to do.
 * @type {Record<string, { load: () => Promise<View>, needsUser: boolean }>}
 */
const views = {
  '': { load: async () => concerts, needsUser: false },
  sign: { load: async () => (await import('./views/sign.js')).sign, needsUser: false },
  line: { load: async () => (await import('./views/line.js')).line, needsUser: true },
  dates: { load: async () => (await import('./views/dates.js')).dates, needsUser: true },
  seats: { load: async () => (await import('./views/seats.js')).seats, needsUser: true },
  hold: { load: async () => (await import('./views/hold.js')).hold, needsUser: true },
  mine: { load: async () => (await import('./views/mine.js')).mine, needsUser: true },
  account: { load: async () => (await import('./views/account.js')).account, needsUser: true },
  reset: { load: async () => (await import('./views/account.js')).reset, needsUser: false },
};

let left = new AbortController();

function head() {
  document.documentElement.lang = language();
  byId('skip').textContent = t('skip');
  const access = session.access();
  const other = language() === 'ko' ? 'en' : 'ko';
  const signOut = h('button', { class: 'plain', type: 'button', onclick: () => {
    session.endAndSignOut();
    location.hash = '#/';
    show();
  } }, t('nav.signOut'));
  fill(byId('top'),
    h('a', { class: 'brand', href: '#/' }, 'Stagedoor'),
    h('nav', {},
      h('a', { href: '#/' }, t('nav.concerts')),
      h('a', { href: '#/mine' }, t('nav.mine')),
      access ? h('a', { href: '#/account' }, t('nav.account')) : null,
      access ? signOut : h('a', { href: `#/sign` }, t('nav.sign')),
      h('button', { class: 'plain', type: 'button', lang: other, onclick: () => {
        chooseLanguage(other);
        location.reload();
      } }, t('nav.language'))));
}

async function show() {
  left.abort();
  left = new AbortController();
  const { signal } = left;
  head();
  const main = byId('main');
  const [name = '', ...parts] = address();
  const { load, needsUser } = views[name] ?? { load: async () => concerts, needsUser: false };
  if (needsUser && !session.access()) {
    location.replace(`#/sign/${encodeURIComponent(location.hash.slice(1))}`);
    return;
  }
  fill(main, h('p', { class: 'quiet' }, t('loading')));
  try {
    const view = await load();
    if (signal.aborted) return;
    await view(main, parts, signal);
  } catch (error) {
    if (signal.aborted) return;
    fill(main, problem(error, show));
  }
  if (!signal.aborted) document.title = `${main.querySelector('h1')?.textContent ?? ''} · Stagedoor`;
}

addEventListener('hashchange', () => {
  show();
  byId('main').focus({ preventScroll: true });
  scrollTo(0, 0);
});
show().then(() => setTimeout(() => Object.values(views).forEach(({ load }) => load().catch(() => null)), 1000));
