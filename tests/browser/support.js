// A server in a folder of its own, and a browser to look at it with.

import { spawn, spawnSync } from 'node:child_process';
import { existsSync, mkdirSync, mkdtempSync, readFileSync, rmSync } from 'node:fs';
import { createRequire } from 'node:module';
import { tmpdir } from 'node:os';
import path from 'node:path';
import { fileURLToPath } from 'node:url';

import { chromium } from 'playwright-core';

/** @typedef {import('playwright-core').Page} Page */

const here = path.dirname(fileURLToPath(import.meta.url));
const binary = process.env.STAGEDOOR_BINARY ?? path.join(here, '../../target/debug/stagedoor');
const axe = readFileSync(createRequire(import.meta.url).resolve('axe-core/axe.min.js'), 'utf8');
/** Where pictures of the pages go, if they are wanted. */
const images = process.env.STAGEDOOR_PICTURES ? path.join(here, '../../docs/images') : null;

/** A server and its store, gone when it is closed. */
export class Theatre {
  /** @param {Record<string, string | number>} [settings] as `HOLD_SECONDS` */
  constructor(settings = {}) {
    this.folder = mkdtempSync(path.join(tmpdir(), 'stagedoor-'));
    this.settings = settings;
    this.port = 0;
    this.address = '';
    /** @type {import('node:child_process').ChildProcess | null} */
    this.process = null;
  }

  environment() {
    const settings = Object.entries({
      DATABASE_URL: `sqlite:${path.join(this.folder, 'stagedoor.db')}`,
      LISTEN: `127.0.0.1:${this.port}`, SECRET: 'the same secret before and after a restart',
      RETURN_SECONDS: 0, CHARGES: 'open', ...this.settings,
    });
    return Object.fromEntries(settings.map(([name, value]) => [`STAGEDOOR_${name}`, String(value)]));
  }

  /** @param {string[]} args @param {string} [input] */
  run(args, input = '') {
    const done = spawnSync(binary, args, { env: this.environment(), cwd: this.folder, input, encoding: 'utf8' });
    if (done.status !== 0) throw new Error(`${args.join(' ')}: ${done.stdout}${done.stderr}`);
    return done.stdout;
  }

  /** Makes an operator, and starts. @param {string[]} [args] */
  async open(args = []) {
    this.run(['user', 'create', '--email', 'op@example.com', '--name', '운영자', '--role', 'admin'], 'operator password\n');
    await this.start(args);
    return this;
  }

  /** @param {string[]} [args] */
  async start(args = []) {
    const server = spawn(binary, ['serve', ...args], { env: this.environment(), cwd: this.folder, stdio: ['ignore', 'pipe', 'ignore'] });
    this.process = server;
    let said = '';
    await new Promise((resolve, reject) => {
      server.stdout.on('data', (chunk) => {
        said += chunk;
        const found = /listening on (http:\/\/[^:]+:(\d+))/.exec(said);
        if (!found) return;
        this.address = String(found[1]);
        this.port = Number(found[2]);
        resolve(null);
      });
      server.on('exit', () => reject(new Error(`the server ended: ${said}`)));
    });
    this.said = said;
  }

  async stop() {
    const { process: server } = this;
    this.process = null;
    if (!server || server.exitCode !== null) return;
    await new Promise((resolve) => {
      server.removeAllListeners('exit');
      server.on('exit', resolve);
      server.kill('SIGKILL');
    });
  }

  async close() {
    await this.stop();
    rmSync(this.folder, { recursive: true, force: true });
  }

  /**
   * Calls the API.
   * @param {string} method
   * @param {string} where
   * @param {{ token?: string, body?: any }} [options]
   * @returns {Promise<any>}
   */
  async ask(method, where, { token, body } = {}) {
    /** @type {Record<string, string>} */
    const headers = token ? { Authorization: `Bearer ${token}` } : {};
    const answer = await fetch(`${this.address}${where}`, { method, headers, body: body && JSON.stringify(body) });
    if (!answer.ok) throw new Error(`${method} ${where}: ${answer.status} ${await answer.text()}`);
    return answer.status === 204 ? null : answer.json();
  }

  async operator() {
    const body = { email: 'op@example.com', password: 'operator password' };
    return (await this.ask('POST', '/api/sessions', { body })).access_token;
  }

  /** Somebody who can sign in with `password of mine`. @param {string} name */
  async user(name) {
    const email = `${name}-${Math.random().toString(36).slice(2)}@example.com`;
    const credentials = { email, password: 'password of mine' };
    await this.ask('POST', '/api/users', { body: { ...credentials, name } });
    const { access_token: token } = await this.ask('POST', '/api/sessions', { body: credentials });
    return { email, token };
  }

  /**
   * A concert with one show.
   * @param {Record<string, any>} room
   * @param {Record<string, any>[]} sections
   */
  async concert(room, sections) {
    const token = await this.operator();
    const body = {
      title: '봄의 노래', venue: '예술의전당', time_zone: 'Asia/Seoul', currency: 'KRW', sale_opens_at: null,
      sale_closes_at: null, max_seats_per_user: 4, room,
    };
    const concert = await this.ask('POST', '/api/admin/concerts', { token, body });
    const show = await this.ask('POST', `/api/admin/concerts/${concert.concert_id}/shows`, {
      token, body: { starts_at: '2035-05-01T11:00:00Z', sections },
    });
    return { id: concert.concert_id, show: show.show_id };
  }
}

/** @param {number} rows @param {number} perRow */
export function section(rows, perRow) {
  return { name: 'A', grade: 'R', price: 50000, rows, seats_per_row: perRow };
}

const places = ['/usr/bin/chromium', '/usr/bin/chromium-browser', '/usr/bin/google-chrome'];

export async function browser() {
  const executablePath = process.env.STAGEDOOR_BROWSER ?? places.find((place) => existsSync(place));
  return chromium.launch({ executablePath, args: process.getuid?.() === 0 ? ['--no-sandbox', '--disable-dev-shm-usage'] : [] });
}

export const DESKTOP = { width: 1280, height: 800 };
export const PHONE = { width: 360, height: 740 };

/**
 * A browser window of its own, with nobody signed in. Its console and its requests must stay clean.
 * @param {import('playwright-core').Browser} at
 * @param {{ viewport?: { width: number, height: number }, locale?: string, scheme?: 'light' | 'dark' }} [options]
 */
export async function person(at, { viewport = DESKTOP, locale = 'ko-KR', scheme = 'light' } = {}) {
  const context = await at.newContext({ viewport, locale, colorScheme: scheme, timezoneId: 'Asia/Seoul', hasTouch: viewport === PHONE });
  const page = await context.newPage();
  page.setDefaultTimeout(15000);
  /** @type {string[]} */
  const complaints = [];
  page.on('pageerror', (error) => complaints.push(String(error)));
  page.on('console', (message) => {
    // A refused call is told in the console by the browser itself.
    if (message.type() === 'error' && !/Failed to load resource|ERR_/.test(message.text())) complaints.push(message.text());
  });
  return { page, context, complaints };
}

/** Signs a user of the theatre in, without the form. @param {Page} page @param {Theatre} theatre @param {{ email: string, token: string }} user */
export async function signedIn(page, theatre, user) {
  await page.goto(theatre.address);
  const me = await theatre.ask('GET', '/api/users/me', { token: user.token });
  await page.evaluate(([token, userId, email]) => {
    const expiresAt = new Date(Date.now() + 3600000).toISOString();
    localStorage.setItem('stagedoor.access', JSON.stringify({ token, userId, expiresAt, email }));
  }, [user.token, me.user_id, user.email]);
}

/**
 * Looks for what would shut somebody out, and takes a picture where pictures are wanted.
 * @param {Page} page
 * @param {string} name
 */
export async function inspect(page, name) {
  await page.evaluate(axe);
  const found = await page.evaluate(async () => {
    const { violations } = await /** @type {any} */ (window).axe.run(document, { runOnly: ['wcag2a', 'wcag2aa', 'wcag21a', 'wcag21aa', 'best-practice'] });
    return violations.map((/** @type {any} */ one) => `${one.id}: ${one.nodes.map((/** @type {any} */ node) => node.html).join(' | ')}`);
  });
  if (found.length) throw new Error(`${name}: ${found.join('\n')}`);
  const wide = await page.evaluate(() => document.documentElement.scrollWidth - document.documentElement.clientWidth);
  if (wide > 0) throw new Error(`${name} is ${wide} pixels wider than the window`);
  if (images) {
    mkdirSync(images, { recursive: true });
    await page.evaluate(() => document.getElementById('toast')?.classList.remove('shown'));
    await page.waitForTimeout(300);
    await page.screenshot({ path: path.join(images, `${name}.png`), fullPage: true });
  }
}
