// What is shown when something was refused or failed: what it means, and the way on.

import { Refused } from './api.js';
import { h } from './dom.js';
import * as session from './session.js';
import { explain, t } from './text.js';

/**
 * @param {unknown} error
 * @param {() => void} [again]
 */
export function problem(error, again) {
  if (!(error instanceof Error)) throw error;
  const code = error instanceof Refused ? error.code : 'offline';
  if (code === 'invalid_token' || code === 'invalid_user') session.setAccess(null);
  const [href, label] = wayOn(code);
  return h('div', { class: 'problem', role: 'alert', 'data-code': code },
    h('p', {}, explain(error)),
    h('p', { class: 'row' },
      again ? h('button', { class: 'second', type: 'button', onclick: again }, t('retry')) : null,
      href ? h('a', { class: 'button second', href }, label) : null));
}

/** @param {string} code */
function wayOn(code) {
  const back = encodeURIComponent(location.hash.slice(1));
  switch (code) {
    case 'invalid_token':
    case 'invalid_user':
      return [`#/sign/${back}`, t('nav.sign')];
    case 'already_paid':
      return ['#/mine', t('nav.mine')];
    case 'wrong_room':
    case 'not_admitted':
    case 'token_expired': {
      const [, page, concert, show = ''] = location.hash.split('/');
      // Some shows have a room of their own.
      if (page === 'seats' && (code === 'wrong_room' || session.place(show))) {
        return [`#/line/${concert}/${show}`, t('line.title')];
      }
      return concert ? [`#/line/${concert}`, t('line.title')] : ['#/', t('nav.concerts')];
    }
    case 'invalid_concert':
    case 'invalid_show':
    case 'not_on_sale':
      return ['#/', t('nav.concerts')];
    default:
      return [null, ''];
  }
}
