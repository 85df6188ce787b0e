// The buyers' pages: which address shows what, and the head of each.

import { byId, fill, h } from './dom.js';
import * as session from './session.js';
import { chooseLanguage, language, t } from './text.js';
import { problem } from './problem.js';
import { concerts } from './views/concerts.js';
import { sign } from './views/sign.js';
import { line } from './views/line.js';
import { dates } from './views/dates.js';
import { seats } from './views/seats.js';
import { hold } from './views/hold.js';
import { mine } from './views/mine.js';

/**
 * A page: shows itself in `main` and goes on until `signal` says that it has been left.
 * @typedef {(main: HTMLElement, parts: string[], signal: AbortSignal) => Promise<void>} View
 */

/** @type {Record<string, { view: View, needsUser: boolean }>} */
const views = {
  '': { view: concerts, needsUser: false },
  sign: { view: sign, needsUser: false },
  line: { view: line, needsUser: true },
  dates: { view: dates, needsUser: true },
  seats: { view: seats, needsUser: true },
  hold: { view: hold, needsUser: true },
  mine: { view: mine, needsUser: true },
};

let left = new AbortController();

function head() {
  document.documentElement.lang = language();
  byId('skip').textContent = t('skip');
  const access = session.access();
  const other = language() === 'ko' ? 'en' : 'ko';
  const signOut = h('button', { class: 'plain', type: 'button', onclick: () => {
    session.signOut();
    location.hash = '#/';
    show();
  } }, t('nav.signOut'));
  fill(byId('top'),
    h('a', { class: 'brand', href: '#/' }, 'Stagedoor'),
    h('nav', {},
      h('a', { href: '#/' }, t('nav.concerts')),
      h('a', { href: '#/mine' }, t('nav.mine')),
      access ? signOut : h('a', { href: `#/sign` }, t('nav.sign')),
      h('button', { class: 'plain', type: 'button', lang: other, onclick: () => {
        chooseLanguage(other);
        show();
      } }, t('nav.language'))));
}

async function show() {
  left.abort();
  left = new AbortController();
  const { signal } = left;
  head();
  const main = byId('main');
  const [name = '', ...parts] = location.hash.replace(/^#\/?/, '').split('/').map(decodeURIComponent);
  const { view, needsUser } = views[name] ?? { view: concerts, needsUser: false };
  if (needsUser && !session.access()) {
    location.replace(`#/sign/${encodeURIComponent(location.hash.slice(1))}`);
    return;
  }
  fill(main, h('p', { class: 'quiet' }, t('loading')));
  try {
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
show();
