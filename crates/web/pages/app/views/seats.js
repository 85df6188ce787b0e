import { Refused, ask, call, sleep } from '../api.js';
import { concertOf, tokenFor } from '../concert.js';
import { fill, h, labelled, say } from '../dom.js';
import { problem } from '../problem.js';
import { seatMap } from '../seat_map.js';
import { sideBySide } from '../seat_layout.js';
import * as session from '../session.js';
import { day, explain, money, t } from '../text.js';
import { stay } from './stay.js';

/** @typedef {import('../api.js').Seat} Seat */
/** @typedef {import('../api.js').SeatMap} SeatMap */

/** How often the map is looked at anew; a look at an unchanged one costs nothing. */
const LOOK_EVERY = 2000;

/** The seats of a show. @type {import('../main.js').View} */
export async function seats(main, [concertId = '', showId = ''], signal) {
  const token = tokenFor(concertId, showId);
  if (!token) return;
  const path = `/api/shows/${encodeURIComponent(showId)}/seats`;
  const [concert, first] = await Promise.all([concertOf(concertId), call('GET', path, { token, signal })]);
  let etag = first.headers.get('ETag');
  /** @type {SeatMap} */
  const found = await first.json();
  /** @type {Seat[]} */
  let picked = [];

  const said = h('div', {});
  const chips = h('ul', { class: 'chips', 'aria-label': t('seats.picked') });
  const total = h('p', { 'aria-live': 'polite' });
  const holdButton = h('button', { type: 'button', disabled: true }, t('seats.holdNone'));
  const map = seatMap(found.seats, {
    currency: concert.currency,
    most: concert.max_seats_per_user,
    changed: (now) => {
      picked = now;
      fill(chips, ...now.map((seat) => h('li', {}, h('button', {
        class: 'second', type: 'button', 'aria-label': t('seats.unpick', { seat: seat.seat_number }), onclick: () => map.unpick(seat.seat_id),
      }, `${seat.seat_number} ✕`))));
      const sum = now.reduce((all, seat) => all + seat.price, 0);
      total.textContent = now.length ? money(sum, concert.currency) : t('seats.nonePicked');
      holdButton.textContent = now.length ? t('seats.hold', { n: now.length }) : t('seats.holdNone');
      holdButton.disabled = now.length === 0;
    },
    refused: say,
  });

  const renew = async () => {
    const answer = await call('GET', path, { token, etag, signal });
    if (answer.status === 304) return;
    etag = answer.headers.get('ETag');
    /** @type {SeatMap} */
    const now = await answer.json();
    const lost = map.renew(now.seats);
    if (lost.length) say(t('seats.takenNow', { seats: lost.map((seat) => seat.seat_number).join(', ') }));
  };

  holdButton.addEventListener('click', async () => {
    if (holdButton.disabled) return;
    holdButton.disabled = true;
    fill(said);
    try {
      const body = { show_id: showId, seat_ids: picked.map((seat) => seat.seat_id) };
      const held = await ask('POST', '/api/reservations', { token, body, key: session.newKey() });
      location.hash = `#/hold/${concertId}/${held.reservation_id}`;
    } catch (error) {
      if (error instanceof Refused && error.code === 'seat_already_reserved') {
        say(explain(error));
        await renew().catch(() => null);
      } else {
        fill(said, problem(error));
      }
      holdButton.disabled = picked.length === 0;
    }
  });

  const count = h('select', {}, ...Array.from({ length: concert.max_seats_per_user }, (_, n) => h('option', { value: String(n + 1) }, String(n + 1))));
  const grade = h('select', {}, h('option', { value: '' }, t('seats.anyGrade')), ...map.plan().grades.map((name) => h('option', { value: name }, name)));
  count.value = String(Math.min(2, concert.max_seats_per_user));
  const pick = h('button', { class: 'second', type: 'button', onclick: () => {
    const run = sideBySide(map.plan(), Number(count.value), grade.value || null);
    if (run.length) map.pick(run);
    else say(t('seats.noneAdjacent'));
  } }, t('seats.pickForMe'));

  fill(main,
    h('h1', {}, concert.title), h('p', {}, day(found.date)), stay(token, signal),
    h('h2', {}, t('seats.title')), map.legend, map.help, map.element,
    h('div', { class: 'row' }, labelled(t('seats.howMany'), count), labelled(t('seats.grade'), grade), pick),
    h('div', { class: 'bar' }, chips, total, said, holdButton));
  total.textContent = t('seats.nonePicked');

  while (!signal.aborted) {
    await sleep(LOOK_EVERY, signal);
    if (signal.aborted || document.hidden) continue;
    try {
      await renew();
    } catch (error) {
      if (signal.aborted) return;
      if (error instanceof Refused && error.status < 429) {
        fill(said, problem(error));
        return;
      }
    }
  }
}
