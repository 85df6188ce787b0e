import { ask } from '../api.js';
import { concertOf, tokenFor } from '../concert.js';
import { fill, h } from '../dom.js';
import { dateTime, number, t } from '../text.js';
import { stay } from './stay.js';

/** @typedef {import('../api.js').AvailableDate} AvailableDate */

/** Which show. @type {import('../main.js').View} */
export async function dates(main, [concertId = ''], signal) {
  const token = tokenFor(concertId);
  if (!token) return;
  const [concert, found] = await Promise.all([
    concertOf(concertId),
    ask('GET', `/api/concerts/${encodeURIComponent(concertId)}/available_dates`, { token, signal }),
  ]);
  /** @type {AvailableDate[]} */
  const shows = found.available_dates;
  const cards = shows.map((show) => h('li', { class: 'card' },
    h('div', {},
      h('h2', {}, dateTime(show.starts_at, concert.time_zone)),
      h('p', {}, t('dates.left', { n: number(show.available_seat_count) }))),
    h('a', { class: 'button', href: `#/seats/${concertId}/${show.show_id}`, 'aria-label': `${t('seats.title')}: ${dateTime(show.starts_at, concert.time_zone)}` }, t('seats.title'))));
  fill(main, h('h1', {}, concert.title), stay(token, signal), h('h2', {}, t('dates.title')),
    cards.length ? h('ul', { class: 'cards' }, ...cards) : h('p', {}, t('dates.none')));
}
