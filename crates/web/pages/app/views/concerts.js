import { all } from '../api.js';
import { fill, h } from '../dom.js';
import { dateTime, t } from '../text.js';

/** @typedef {import('../api.js').Concert} Concert */

/** What is on. @type {import('../main.js').View} */
export async function concerts(main, _parts, signal) {
  /** @type {Concert[]} */
  const found = await all('/api/concerts', 'concerts', { signal });
  const cards = found.map((concert) => {
    const now = Date.now();
    const opens = concert.sale_opens_at && Date.parse(concert.sale_opens_at) > now ? concert.sale_opens_at : null;
    const closed = concert.sale_closes_at && Date.parse(concert.sale_closes_at) <= now;
    const note = opens ? t('concerts.opensAt', { time: dateTime(opens, concert.time_zone) })
      : t('concerts.limit', { n: concert.max_seats_per_user });
    return h('li', { class: 'card' },
      h('div', {},
        h('h2', {}, concert.title),
        h('p', {}, concert.venue),
        h('p', { class: 'quiet' }, closed ? t('concerts.closed') : note)),
      closed ? null : h('a', { class: 'button', href: `#/line/${concert.concert_id}`, 'aria-label': `${t('concerts.book')}: ${concert.title}` }, t('concerts.book')));
  });
  fill(main, h('h1', {}, t('concerts.title')),
    cards.length ? h('ul', { class: 'cards' }, ...cards) : h('p', {}, t('concerts.none')));
}
