import { Refused, ask, sleep } from '../api.js';
import { fill, form, h, labelled, say } from '../dom.js';
import { problem } from '../problem.js';
import * as session from '../session.js';
import { cashOrigin, dateTime, money, t } from '../text.js';
import { countDown } from './stay.js';

/** @typedef {import('../api.js').Reservation} Reservation */
/** @typedef {import('../api.js').Payment} Payment */
/** @typedef {import('../api.js').TopUp} TopUp */

/** A hold, to be paid for. @type {import('../main.js').View} */
export async function hold(main, [concertId = '', reservationId = ''], signal) {
  const token = session.access()?.token ?? null;
  const [found, cash, newest] = await Promise.all([
    ask('GET', `/api/reservations/${encodeURIComponent(reservationId)}`, { token, signal }),
    ask('GET', '/api/users/balance', { token, signal }),
    ask('GET', '/api/payments', { token, signal }),
  ]);
  /** @type {Payment | undefined} */
  const open = newest.payments.find((/** @type {Payment} */ one) => one.reservation_id === reservationId && one.status === 'pending');
  /** @type {Reservation} */
  const held = found;
  const place = session.place(held.show_id) ?? session.place(concertId);
  const queueToken = place?.token ?? null;
  const again = h('p', {}, h('a', { class: 'button second', href: `#/seats/${concertId}/${held.show_id}` }, t('hold.again')));
  if (held.status === 'confirmed') return paid();
  if (held.status !== 'held') {
    fill(main, h('h1', {}, held.title), h('div', { class: 'problem', role: 'alert' }, h('p', {}, t('hold.over'))), again);
    return;
  }
  let balance = Number(cash.balance);
  const timer = h('p', { class: 'timer', role: 'timer' });
  const said = h('div', {});
  const shownBalance = h('td', { class: 'n' });
  const short = h('p', { class: 'bad' });
  const origin = h('p', { class: 'quiet' }, cashOrigin(cash.charges));
  const pay = h('button', { type: 'button' }, t('hold.pay', { amount: money(held.total_amount, held.currency) }));
  const amount = h('input', { type: 'number', min: 1, step: 1, required: true, inputmode: 'numeric' });
  const charge = form(async () => {
    fill(said);
    try {
      const body = { amount: Number(amount.value) };
      let charged = await ask('POST', '/api/users/balance', { token, body, key: session.newKey() });
      if (charged.status === 'pending') charged = await toppedUp(charged);
      if (charged === null) return;
      balance = charged.balance;
      say(t('hold.charged', { amount: money(balance, charged.currency) }));
      showBalance();
    } catch (error) {
      fill(said, problem(error));
    }
  }, h('div', { class: 'row' }, labelled(t('hold.chargeAmount'), amount), h('button', { class: 'second', type: 'submit' }, t('hold.charge'))));

  /**
   * Waits for cash that the payment provider is asked for; of nothing, there is nothing to tell.
   * @param {TopUp} topUp
   * @returns {Promise<{ balance: number, currency: string } | null>}
   */
  async function toppedUp(topUp) {
    fill(said, h('p', { role: 'status' }, t('hold.toppingUp')));
    let now = topUp;
    while (!signal.aborted && now.status === 'pending') {
      await sleep(1500, signal);
      if (signal.aborted) return null;
      try {
        now = await ask('GET', `/api/users/balance/top_ups/${topUp.top_up_id}`, { token, signal });
      } catch (error) {
        if (error instanceof Refused && error.status < 429) throw error;
      }
    }
    fill(said);
    if (now.status === 'succeeded' && now.balance_after !== null) return { balance: now.balance_after, currency: now.currency };
    fill(said, h('p', { role: 'alert' }, t('hold.topUpFailed')));
    return null;
  }

  function showBalance() {
    const missing = held.total_amount - balance;
    shownBalance.textContent = money(balance, held.currency);
    short.textContent = missing > 0 ? t('hold.short', { amount: money(missing, held.currency) }) : '';
    charge.hidden = missing <= 0 || cash.charges === 'operators';
    pay.disabled = missing > 0;
    if (missing > 0) amount.value = String(missing);
  }

  function paid() {
    session.forgetPlace(place?.showId || concertId);
    fill(main, h('h1', {}, t('hold.paid')),
      h('p', {}, `${held.title} · ${dateTime(held.starts_at, held.time_zone)} · ${held.venue}`),
      h('p', {}, held.seats.map((seat) => seat.seat_number).join(', ')),
      h('p', {}, h('a', { class: 'button', href: '#/mine' }, t('hold.toTickets'))));
  }

  /** Waits for a payment that is pending. @param {Payment} payment */
  async function settled(payment) {
    fill(said, h('p', { role: 'status' }, t('hold.pending')));
    let now = payment;
    while (!signal.aborted && now.status === 'pending') {
      await sleep(1500, signal);
      if (signal.aborted) return now;
      try {
        now = await ask('GET', `/api/payments/${payment.payment_id}`, { token, signal });
      } catch (error) {
        if (error instanceof Refused && error.status < 429) throw error;
      }
    }
    return now;
  }

  // One key a reservation, kept over reloads: however often it is pressed, it is paid once.
  const asking = () => ask('POST', '/api/payments', { token: queueToken, body: { reservation_id: reservationId }, key: session.keyOf(reservationId) });

  /** @param {() => Promise<Payment>} begin */
  async function finish(begin) {
    pay.disabled = true;
    release.disabled = true;
    fill(said);
    try {
      let payment = await begin();
      if (payment.status === 'pending') payment = await settled(payment);
      // Asked again, it is told why it failed; who has no place any more sees only that it did.
      if (payment.status === 'failed' && queueToken) payment = await asking();
      if (payment.status === 'succeeded') paid();
      else if (payment.status === 'failed') fill(said, h('p', { role: 'alert' }, t('status.failed')), again);
    } catch (error) {
      if (signal.aborted) return;
      if (error instanceof Refused && error.code === 'already_paid') return void paid();
      fill(said, problem(error));
      if (error instanceof Refused && ['payment_failed', 'hold_expired'].includes(error.code)) said.append(again);
      pay.disabled = false;
      release.disabled = false;
    }
  }
  pay.addEventListener('click', () => {
    if (!pay.disabled) finish(asking);
  });

  const release = h('button', { class: 'second', type: 'button', onclick: async () => {
    try {
      await ask('DELETE', `/api/reservations/${encodeURIComponent(reservationId)}`, { token });
      say(t('hold.released'));
      location.hash = `#/seats/${concertId}/${held.show_id}`;
    } catch (error) {
      fill(said, problem(error));
    }
  } }, t('hold.release'));

  const rows = held.seats.map((seat) => h('tr', {}, h('th', { scope: 'row' }, seat.seat_number), h('td', {}, seat.grade), h('td', { class: 'n' }, money(seat.price, held.currency))));
  fill(main, h('h1', {}, held.title), h('p', {}, `${dateTime(held.starts_at, held.time_zone)} · ${held.venue}`), timer,
    h('div', { class: 'tablewrap' }, h('table', {}, h('tbody', {}, ...rows,
      h('tr', {}, h('th', { scope: 'row' }, t('hold.total')), h('td', {}), h('td', { class: 'n' }, money(held.total_amount, held.currency))),
      h('tr', {}, h('th', { scope: 'row' }, t('hold.balance')), h('td', {}), shownBalance)))),
    short, origin, charge, said, h('p', { class: 'row' }, pay, release));
  showBalance();
  if (open) {
    // It was asked for before a reload; the seats are pinned, whatever the hold's end.
    charge.hidden = true;
    short.textContent = '';
    finish(async () => open);
    return;
  }
  countDown(timer, held.held_until, (time) => t('hold.left', { time }), () => {
    if (said.querySelector('[role=status]')) return;
    timer.textContent = t('hold.over');
    fill(said, again);
    pay.disabled = true;
    charge.hidden = true;
    release.hidden = true;
  }, signal);
}
