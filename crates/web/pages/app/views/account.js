import { ask } from '../api.js';
import { fill, form, h, labelled, say } from '../dom.js';
import { problem } from '../problem.js';
import * as session from '../session.js';
import { t } from '../text.js';
import { PASSWORD_MIN } from './sign.js';

/** @param {string} name @param {'new-password' | 'current-password'} autocomplete */
function passwordField(name, autocomplete) {
  const minlength = autocomplete === 'new-password' ? PASSWORD_MIN : 1;
  return h('input', { type: 'password', required: true, minlength, name, autocomplete });
}

/** Who is signed in: another password, and signing out everywhere. @type {import('../main.js').View} */
export async function account(main, parts, signal) {
  const token = session.access()?.token ?? null;
  const me = await ask('GET', '/api/users/me', { token, signal });
  const [old, fresh] = [passwordField('old', 'current-password'), passwordField('new', 'new-password')];
  const said = h('div', {});
  const change = form(async () => {
    fill(said);
    try {
      const body = { old_password: old.value, password: fresh.value };
      await ask('PUT', '/api/users/me/password', { token, body });
      session.forgetPlaces();
      [old.value, fresh.value] = ['', ''];
      say(t('account.changed'));
      fill(said, h('p', {}, t('account.changed')));
    } catch (error) {
      fill(said, problem(error));
    }
  },
  labelled(t('account.old'), old),
  labelled(t('account.new'), fresh, t('sign.passwordHint')),
  said,
  h('button', { type: 'submit' }, t('account.change')));
  const outSaid = h('div', {});
  const everywhere = h('button', { class: 'second', type: 'button', onclick: async () => {
    if (!confirm(t('account.everywhereAsk'))) return;
    try {
      await ask('DELETE', '/api/sessions', { token });
      session.signOut();
      location.hash = '#/sign';
    } catch (error) {
      fill(outSaid, problem(error));
    }
  } }, t('account.everywhere'));
  fill(main, h('h1', {}, t('account.title')), h('p', { class: 'quiet' }, `${me.name} · ${me.email}`),
    h('h2', {}, t('account.password')), change,
    h('h2', {}, t('account.sessions')), h('p', {}, everywhere), outSaid);
}

/** A new password, by a link that an operator handed out. @type {import('../main.js').View} */
export async function reset(main, [secret = '']) {
  const fresh = passwordField('new', 'new-password');
  const said = h('div', {});
  const made = form(async () => {
    fill(said);
    try {
      await ask('POST', '/api/password-resets', { body: { secret, password: fresh.value } });
      session.signOut();
      say(t('account.changed'));
      location.replace('#/sign');
    } catch (error) {
      fill(said, problem(error));
    }
  },
  labelled(t('account.new'), fresh, t('sign.passwordHint')),
  said,
  h('button', { type: 'submit' }, t('account.change')));
  fill(main, h('h1', {}, t('account.reset')), made);
}
