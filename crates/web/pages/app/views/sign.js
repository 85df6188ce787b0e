import { ask } from '../api.js';
import { fill, form, h, labelled } from '../dom.js';
import { problem } from '../problem.js';
import * as session from '../session.js';
import { t } from '../text.js';

/** How long a new password is at least. */
export const PASSWORD_MIN = 10;

/** Signing in, and up. @type {import('../main.js').View} */
export async function sign(main, [backTo, mode]) {
  signIn(main, mode === 'up', () => {
    location.hash = `#${backTo || '/'}`;
  });
}

/**
 * @param {HTMLElement} main
 * @param {boolean} isNew whether to sign up first
 * @param {() => void} done
 */
export function signIn(main, isNew, done) {
  const email = h('input', { type: 'email', autocomplete: 'email', required: true, name: 'email' });
  const password = h('input', {
    type: 'password', required: true, minlength: isNew ? PASSWORD_MIN : 1, name: 'password',
    autocomplete: isNew ? 'new-password' : 'current-password',
  });
  const name = h('input', { type: 'text', autocomplete: 'name', required: true, name: 'name' });
  const said = h('div', {});
  const made = form(async () => {
    fill(said);
    const credentials = { email: email.value.trim(), password: password.value };
    try {
      if (isNew) await ask('POST', '/api/users', { body: { ...credentials, name: name.value.trim() } });
      const got = await ask('POST', '/api/sessions', { body: credentials });
      session.setAccess({
        token: got.access_token, userId: got.user_id, expiresAt: got.expires_at, email: credentials.email,
      });
      done();
    } catch (error) {
      fill(said, problem(error));
    }
  },
  isNew ? labelled(t('sign.name'), name) : null,
  labelled(t('sign.email'), email),
  labelled(t('sign.password'), password, isNew ? t('sign.passwordHint') : undefined),
  said,
  h('button', { type: 'submit' }, t(isNew ? 'sign.up' : 'sign.in')));
  fill(main, h('h1', {}, t(isNew ? 'sign.up' : 'sign.in')), h('p', { class: 'quiet' }, t('sign.why')), made,
    h('p', {}, h('button', { class: 'plain', type: 'button', onclick: () => signIn(main, !isNew, done) },
      t(isNew ? 'sign.toIn' : 'sign.toUp'))));
}
