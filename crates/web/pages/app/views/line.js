import { Refused, ask, follow, work } from '../api.js';
import { concertOf } from '../concert.js';
import { fill, h, say } from '../dom.js';
import { problem } from '../problem.js';
import * as session from '../session.js';
import { dateTime, number, roughly, t } from '../text.js';
import { onOffer } from './on_offer.js';

/** @typedef {import('../api.js').Ticket} Ticket */

/**
 * Takes a place for a concert, or for one of its shows, or gets the one that the user has.
 * @param {string} concertId
 * @param {string} showId
 * @param {() => void} working that work has to be done first
 * @returns {Promise<session.Place>}
 */
async function join(concertId, showId, working) {
  const access = session.access();
  const token = access?.token;
  /** @type {Record<string, any>} */
  let body = showId ? { concert_id: concertId, show_id: showId } : { concert_id: concertId };
  for (;;) {
    try {
      const ticket = await ask('POST', '/api/queue_tokens', { token, body });
      const place = {
        token: ticket.token, concertId, showId, userId: access?.userId ?? '', firstPosition: ticket.position,
      };
      session.keepPlace(place);
      return place;
    } catch (error) {
      if (!(error instanceof Refused) || error.code !== 'work_required' || body.work) throw error;
      // Browsers hash only for pages that came over HTTPS, or from this very machine.
      if (!crypto.subtle) throw error;
      working();
      body = { ...body, work: await work(error.problem.challenge, error.problem.bits) };
    }
  }
}

/** The waiting room of a concert, or of one of its shows. @type {import('../main.js').View} */
export async function line(main, [concertId = '', showId = ''], signal) {
  const id = showId || concertId;
  const concert = await concertOf(concertId);
  fill(main, h('h1', {}, concert.title), h('p', { class: 'quiet', role: 'status' }, t('line.joining')));
  let place = session.place(id);
  if (!place || !await isLive(place)) {
    place = await join(concertId, showId, () => fill(main, h('h1', {}, concert.title), h('p', {}, t('line.working'))));
  }
  const { token } = place;
  let firstPosition = place.firstPosition;
  let connected = true;
  /** @type {Ticket | null} */
  let last = null;

  const position = h('p', { class: 'big', id: 'position' });
  const ahead = h('p', { 'aria-live': 'polite' });
  const eta = h('p', { class: 'quiet' });
  const bar = h('progress', { max: 100, value: 0, 'aria-label': t('line.progress') });
  const left = h('p', {});
  const link = h('p', { class: 'quiet', role: 'status' });
  fill(main,
    h('h1', {}, concert.title),
    h('div', { class: 'center' }, h('p', { class: 'quiet' }, t('line.position')), position, ahead, eta, bar, left),
    h('p', { class: 'quiet' }, t('line.keep')), link, onOffer(concertId, signal),
    h('p', {}, h('button', { class: 'second', type: 'button', onclick: async () => {
      await ask('DELETE', '/api/queue_tokens/current', { token }).catch(() => null);
      session.forgetPlace(id);
      say(t('line.left'));
      location.hash = '#/';
    } }, t('line.leave'))));

  const show = () => {
    link.textContent = connected ? t('line.connected') : t('line.lost');
    link.className = connected ? 'quiet' : 'bad';
    if (!last) return;
    const { position: now, eta_seconds: seconds, seats_left: seats, number: own } = last;
    position.textContent = now === null ? '—' : number(now);
    if (own === null || now === null) {
      ahead.textContent = t('line.lobby');
      showOpening(last.room_id);
    } else {
      ahead.textContent = now > 1 ? t('line.ahead', { n: number(now - 1) }) : t('line.next');
      eta.textContent = seconds === null ? t('line.etaUnknown') : t('line.eta', { time: roughly(seconds) });
      if (firstPosition === null) {
        firstPosition = now;
        session.keepPlace({ ...place, firstPosition });
      }
      bar.value = firstPosition > 1 ? Math.round(100 * (1 - (now - 1) / firstPosition)) : 100;
    }
    left.textContent = seats === null ? '' : seats === 0 ? t('line.soldOut') : t('line.seatsLeft', { n: number(seats) });
  };

  let opening = '';
  /** Says when a room with a lobby opens; asked once. @param {string} roomId */
  async function showOpening(roomId) {
    if (!opening) {
      opening = ' ';
      const draw = await ask('GET', `/api/rooms/${roomId}/draw`).catch(() => null);
      if (draw?.opens_at) opening = t('line.opensAt', { time: dateTime(draw.opens_at, concert.time_zone) });
    }
    eta.textContent = opening;
  }

  await follow(token, (ticket) => {
    last = ticket;
    if (ticket.state === 'active') {
      say(t('line.active'));
      location.hash = showId ? `#/seats/${concertId}/${showId}` : `#/dates/${concertId}`;
    } else if (ticket.state !== 'waiting') {
      session.forgetPlace(id);
      fill(main, h('h1', {}, concert.title), h('div', { class: 'problem', role: 'alert' }, h('p', {}, t('line.expired'))),
        h('button', { type: 'button', onclick: () => line(main, [concertId, showId], signal).catch((error) => fill(main, problem(error))) }, t('concerts.book')));
    } else {
      show();
    }
  }, (is) => {
    connected = is;
    show();
  }, signal);
}

/** @param {session.Place} place */
async function isLive(place) {
  try {
    const ticket = await ask('GET', '/api/queue_tokens/current', { token: place.token });
    return ticket.state === 'waiting' || ticket.state === 'active';
  } catch (error) {
    if (error instanceof Refused && error.status < 429) return false;
    throw error;
  }
}
