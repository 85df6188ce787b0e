// The operator's pages: concerts and shows, waiting rooms, open payments.

import { Refused, all, ask, sleep } from '../app/api.js';
import { address, byId, fill, form, h, labelled, say } from '../app/dom.js';
import { problem } from '../app/problem.js';
import * as session from '../app/session.js';
import { chooseLanguage, dateTime, language, money, number, shortTime, t } from '../app/text.js';
import { signIn } from '../app/views/sign.js';
import { roomChart } from './chart.js';
import { planEditor } from './plan_editor.js';
import { toUtc } from './zone.js';

/** @typedef {import('../app/api.js').Concert} Concert */
/**
 * @typedef {{ room_id: string, concert_id: string | null, show_id: string | null, capacity: number,
 *   admissions_per_minute: number | null, active_ttl_seconds: number, idle_ttl_seconds: number,
 *   paused: boolean, opens_at: string | null, sold_out: boolean, waiting_count: number,
 *   active_count: number, admitted_last_minute: number }} Room
 * @typedef {{ show_id: string, starts_at: string, date: string, total_seat_count: number,
 *   available_seat_count: number, held_seat_count: number, sold_seat_count: number,
 *   income: number }} ShowSales
 * @typedef {{ payment_id: string, status: string, amount: number, currency: string,
 *   paid_at: string, overdue: boolean }} OpenPayment
 * @typedef {{ top_up_id: string, status: string, amount: number, currency: string,
 *   created_at: string, overdue: boolean }} OpenTopUp
 */

const LOOK_EVERY = 2000;
let left = new AbortController();

const token = () => session.access()?.token ?? null;

function head() {
  document.documentElement.lang = language();
  byId('skip').textContent = t('skip');
  const other = language() === 'ko' ? 'en' : 'ko';
  fill(byId('top'),
    h('a', { class: 'brand', href: '#/' }, `Stagedoor · ${t('op.title')}`),
    h('nav', {},
      h('a', { href: '#/' }, t('op.concerts')),
      h('a', { href: '#/rooms' }, t('op.rooms')),
      h('a', { href: '#/payments' }, t('op.payments')),
      session.access() ? h('button', { class: 'plain', type: 'button', onclick: () => {
        session.endAndSignOut();
        show();
      } }, t('nav.signOut')) : null,
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
  const [name, id = ''] = address();
  if (!token()) {
    signIn(main, false, show);
    title(main);
    return;
  }
  fill(main, h('p', { class: 'quiet' }, t('loading')));
  try {
    if (name === 'rooms') await rooms(main, signal);
    else if (name === 'payments') await payments(main, signal);
    else if (name === 'concert') await concert(main, id, signal);
    else await concerts(main, signal);
  } catch (error) {
    if (signal.aborted) return;
    const refused = error instanceof Refused && (error.status === 401 || error.status === 403);
    fill(main, h('h1', {}, t('op.title')), problem(error, refused ? undefined : show));
    if (refused) {
      const again = h('div', {});
      main.append(again);
      session.setAccess(null);
      signIn(again, false, show);
    }
  }
  title(main);
}

/** @param {HTMLElement} main */
function title(main) {
  document.title = `${main.querySelector('h1')?.textContent ?? ''} · Stagedoor`;
}

/** @param {HTMLElement} main @param {AbortSignal} signal */
async function concerts(main, signal) {
  await ask('GET', '/api/admin/rooms?limit=1', { token: token(), signal });
  /** @type {Concert[]} */
  const found = await all('/api/concerts', 'concerts', { signal });
  const field = (/** @type {string} */ type, /** @type {Record<string, any>} */ more = {}) => h('input', { type, ...more });
  const [name, venue] = [field('text', { required: true }), field('text', { required: true })];
  const zone = field('text', { required: true, value: Intl.DateTimeFormat().resolvedOptions().timeZone });
  const currency = field('text', { required: true, value: found[0]?.currency ?? 'KRW', maxlength: 3 });
  const most = field('number', { required: true, min: 1, value: 4 });
  const [opens, closes] = [field('datetime-local'), field('datetime-local')];
  const own = field('checkbox');
  const capacity = field('number', { min: 0, value: 1000 });
  const said = h('div', {});
  const enter = form(async () => {
    fill(said);
    try {
      const made = await ask('POST', '/api/admin/concerts', { token: token(), body: {
        title: name.value, venue: venue.value, time_zone: zone.value, currency: currency.value.toUpperCase(),
        sale_opens_at: opens.value ? toUtc(opens.value, zone.value) : null,
        sale_closes_at: closes.value ? toUtc(closes.value, zone.value) : null,
        max_seats_per_user: Number(most.value),
        room: own.checked ? { capacity: Number(capacity.value) } : null,
      } });
      say(t('op.created'));
      location.hash = `#/concert/${made.concert_id}`;
    } catch (error) {
      fill(said, problem(error));
    }
  },
  h('div', { class: 'row' }, labelled(t('op.concertTitle'), name), labelled(t('op.venue'), venue)),
  h('div', { class: 'row' }, labelled(t('op.zone'), zone), labelled(t('op.currency'), currency), labelled(t('op.maxSeats'), most)),
  h('div', { class: 'row' }, labelled(t('op.opensAt'), opens), labelled(t('op.closesAt'), closes)),
  h('div', { class: 'row' }, labelled(t('op.ownRoom'), own), labelled(t('op.capacity'), capacity)),
  said, h('p', {}, h('button', { type: 'submit' }, t('op.create'))));
  fill(main, h('h1', {}, t('op.concerts')),
    h('ul', { class: 'cards' }, ...found.map((one) => h('li', { class: 'card' },
      h('div', {}, h('h2', {}, one.title), h('p', {}, one.venue)),
      h('a', { class: 'button second', href: `#/concert/${one.concert_id}`, 'aria-label': `${t('op.shows')}: ${one.title}` }, t('op.shows'))))),
    h('h2', {}, t('op.newConcert')), enter);
}

/** @param {HTMLElement} main @param {string} id @param {AbortSignal} signal */
async function concert(main, id, signal) {
  /** @type {Concert} */
  const one = await ask('GET', `/api/concerts/${encodeURIComponent(id)}`, { signal });
  const path = `/api/admin/concerts/${encodeURIComponent(id)}/shows`;
  const sales = h('div', {});
  const look = async () => {
    /** @type {{ shows: ShowSales[] }} */
    const { shows } = await ask('GET', path, { token: token(), signal });
    const head = [t('op.shows'), t('op.sold'), t('op.held'), t('op.free'), t('op.income')];
    fill(sales, shows.length === 0 ? h('p', {}, t('op.noShows')) : h('div', { class: 'tablewrap', tabindex: '0', role: 'region', 'aria-label': t('op.shows') }, h('table', {},
      h('thead', {}, h('tr', {}, ...head.map((text, n) => h('th', { scope: 'col', class: n ? 'n' : '' }, text)))),
      h('tbody', {}, ...shows.map((show) => h('tr', {},
        h('th', { scope: 'row' }, dateTime(show.starts_at, one.time_zone)),
        h('td', { class: 'n' }, number(show.sold_seat_count)),
        h('td', { class: 'n' }, number(show.held_seat_count)),
        h('td', { class: 'n' }, number(show.available_seat_count)),
        h('td', { class: 'n' }, money(show.income, one.currency))))))));
  };
  await look();
  const starts = h('input', { type: 'datetime-local', required: true });
  const said = h('div', {});
  const editor = planEditor(one.currency);
  const enter = form(async () => {
    fill(said);
    try {
      const body = { starts_at: toUtc(starts.value, one.time_zone), ...editor.plan() };
      if (JSON.stringify(body).length > 64 * 1024) {
        fill(said, h('div', { class: 'problem', role: 'alert' }, h('p', {}, t('op.csvTooLarge'))));
        return;
      }
      await ask('POST', path, { token: token(), body });
      say(t('op.created'));
      await look();
    } catch (error) {
      fill(said, problem(error));
    }
  }, labelled(`${t('op.startsAt')} · ${one.time_zone}`, starts), h('h3', {}, t('op.plan')), editor.element, said, h('p', {}, h('button', { type: 'submit' }, t('op.create'))));
  fill(main, h('h1', {}, one.title), h('p', { class: 'quiet' }, one.venue), h('h2', {}, t('op.shows')), sales, h('h2', {}, t('op.newShow')), enter);
  every(signal, look);
}

/**
 * Does something over and over until the page is left; what fails is done again.
 * @param {AbortSignal} signal
 * @param {() => Promise<void>} look
 */
async function every(signal, look) {
  while (!signal.aborted) {
    await sleep(LOOK_EVERY, signal);
    if (!signal.aborted && !document.hidden) await look().catch(() => null);
  }
}

/** @param {HTMLElement} main @param {AbortSignal} signal */
async function rooms(main, signal) {
  const listed = () => all('/api/admin/rooms', 'rooms', { token: token(), signal });
  /** @type {[Room[], Concert[]]} */
  const [found, named] = await Promise.all([listed(), all('/api/concerts', 'concerts', { signal })]);
  const nameOf = (/** @type {Room} */ room) => {
    if (room.show_id) return t('op.room.show');
    const of = named.find((one) => one.concert_id === room.concert_id);
    return of ? t('op.room.concert', { title: of.title }) : t('op.room.site');
  };
  const cards = found.map((room) => roomCard(room, nameOf(room)));
  fill(main, h('h1', {}, t('op.rooms')), h('ul', { class: 'cards' }, ...cards.map((card) => card.element)));
  cards.forEach((card, n) => card.show(/** @type {Room} */ (found[n])));
  every(signal, async () => {
    /** @type {Room[]} */
    const now = await listed();
    for (const card of cards) {
      const room = now.find((one) => one.room_id === card.id);
      if (room) card.show(room);
    }
  });
}

/** @param {Room} room @param {string} name */
function roomCard(room, name) {
  const path = `/api/admin/rooms/${room.room_id}`;
  const chart = roomChart();
  const state = h('span', { class: 'state' });
  const counts = h('p', { 'aria-live': 'off' });
  const said = h('div', {});
  const capacity = h('input', { type: 'number', min: 0, required: true, value: room.capacity });
  const rate = h('input', { type: 'number', min: 1, value: room.admissions_per_minute ?? '' });
  const pause = h('button', { class: 'second', type: 'button' });
  let paused = room.paused;
  const change = async (/** @type {Record<string, any>} */ body) => {
    fill(said);
    try {
      show(await ask('PATCH', path, { token: token(), body }));
      say(t('op.saved'));
    } catch (error) {
      fill(said, problem(error));
    }
  };
  pause.addEventListener('click', () => change({ paused: !paused }));
  const save = form(() => change({ capacity: Number(capacity.value), admissions_per_minute: rate.value ? Number(rate.value) : null }),
    h('div', { class: 'row' }, labelled(t('op.capacity'), capacity), labelled(t('op.rate'), rate), h('button', { type: 'submit' }, t('op.save')), pause));
  const element = h('li', { class: 'card' }, h('div', {}, h('h2', {}, name, ' ', state), counts, chart.element, save, said));

  /** @param {Room} now */
  function show(now) {
    paused = now.paused;
    state.textContent = now.paused ? t('op.paused') : now.sold_out ? t('op.soldOut') : t('op.running');
    state.className = now.paused ? 'state bad' : 'state good';
    pause.textContent = t(now.paused ? 'op.resume' : 'op.pause');
    counts.textContent = [
      `${t('op.waiting')} ${number(now.waiting_count)}`, `${t('op.active')} ${number(now.active_count)} / ${number(now.capacity)}`,
      `${t('op.admitted')} ${number(now.admitted_last_minute)}`,
    ].join(' · ');
    chart.add(now);
  }
  return { id: room.room_id, element, show };
}

/** @param {HTMLElement} main @param {AbortSignal} signal */
async function payments(main, signal) {
  /** @type {[OpenPayment[], OpenTopUp[]]} */
  const [ofPayments, ofTopUps] = await Promise.all([
    all('/api/admin/payments', 'payments', { token: token(), signal }),
    all('/api/admin/top_ups', 'top_ups', { token: token(), signal }),
  ]);
  const open = [
    ...ofPayments.map((one) => ({ ...one, path: `/api/admin/payments/${one.payment_id}/undo` })),
    ...ofTopUps.map((one) => ({ ...one, paid_at: one.created_at, path: `/api/admin/top_ups/${one.top_up_id}/undo` })),
  ];
  const said = h('div', {});
  const rows = open.map((payment) => h('li', { class: 'card' },
    h('div', {},
      h('h2', {}, money(payment.amount, payment.currency)),
      h('p', {}, shortTime(payment.paid_at)),
      h('p', {}, h('span', { class: payment.overdue ? 'state bad' : 'state' }, payment.overdue ? t('op.overdue') : t(/** @type {import('../app/text.js').Key} */ (`status.${payment.status}`))))),
    payment.status === 'pending' ? h('button', { class: 'second', type: 'button', onclick: async () => {
      try {
        await ask('POST', payment.path, { token: token() });
        say(t('op.undone'));
        await payments(main, signal);
      } catch (error) {
        fill(said, problem(error));
      }
    } }, t('op.undo')) : null));
  fill(main, h('h1', {}, t('op.payments')), said, rows.length ? h('ul', { class: 'cards' }, ...rows) : h('p', {}, t('op.noPayments')));
}

addEventListener('hashchange', () => {
  show();
  byId('main').focus({ preventScroll: true });
});
show();
