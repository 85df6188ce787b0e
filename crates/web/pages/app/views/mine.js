import { all, ask } from '../api.js';
import { fill, h, say } from '../dom.js';
import { problem } from '../problem.js';
import * as session from '../session.js';
import { cashOrigin, dateTime, money, shortTime, t } from '../text.js';

/** @typedef {import('../api.js').Reservation} Reservation */
/** @typedef {import('../api.js').Payment} Payment */

/** What one has: tickets, payments, cash. @type {import('../main.js').View} */
export async function mine(main, parts, signal) {
  const token = session.access()?.token ?? null;
  /** @type {[Reservation[], Payment[], { balance: number, currency: string, charges: string }]} */
  const [reservations, payments, cash] = await Promise.all([
    all('/api/reservations', 'reservations', { token, signal }),
    all('/api/payments', 'payments', { token, signal }),
    ask('GET', '/api/users/balance', { token, signal }),
  ]);
  const said = h('div', {});
  const refund = (/** @type {Payment} */ payment) => h('button', { class: 'second', type: 'button', onclick: async () => {
    if (!confirm(t('mine.refundAsk', { amount: money(payment.amount, payment.currency) }))) return;
    try {
      await ask('POST', `/api/payments/${payment.payment_id}/refund`, { token, key: session.keyOf(`refund.${payment.payment_id}`) });
      say(t('mine.refunded'));
      await mine(main, parts, signal);
    } catch (error) {
      fill(said, problem(error));
    }
  } }, t('mine.refund'));
  const cards = reservations.map((reservation) => {
    const payment = payments.find((one) => one.reservation_id === reservation.reservation_id && one.status === 'succeeded');
    return h('li', { class: 'card' },
      h('div', {},
        h('h2', {}, reservation.title),
        h('p', {}, dateTime(reservation.starts_at, reservation.time_zone)),
        h('p', {}, reservation.venue),
        h('p', {}, reservation.seats.map((seat) => seat.seat_number).join(', ')),
        h('p', {}, h('span', { class: 'state' }, t(/** @type {import('../text.js').Key} */ (`status.${reservation.status}`))), ` ${money(reservation.total_amount, reservation.currency)}`)),
      reservation.status === 'held' ? h('a', { class: 'button', href: `#/hold/${reservation.concert_id}/${reservation.reservation_id}` }, t('mine.continue')) : null,
      payment ? refund(payment) : null);
  });
  const rows = payments.map((payment) => h('tr', {},
    h('td', {}, shortTime(payment.paid_at)),
    h('td', {}, `${payment.title} · ${dateTime(payment.starts_at, payment.time_zone)}`),
    h('td', {}, payment.seats.map((seat) => seat.seat_number).join(', ')),
    h('td', {}, t(/** @type {import('../text.js').Key} */ (`status.${payment.status}`))),
    h('td', { class: 'n' }, money(payment.amount, payment.currency))));
  fill(main, h('h1', {}, t('mine.title')), said,
    cards.length ? h('ul', { class: 'cards' }, ...cards) : h('p', {}, t('mine.none')),
    h('h2', {}, t('mine.cash')), h('p', {}, money(cash.balance, cash.currency)), h('p', { class: 'quiet' }, cashOrigin(cash.charges)),
    h('h2', {}, t('mine.payments')),
    rows.length ? h('div', { class: 'tablewrap', tabindex: '0', role: 'region', 'aria-label': t('mine.payments') }, h('table', {}, h('tbody', {}, ...rows))) : h('p', {}, t('mine.none')));
}
