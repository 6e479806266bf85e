// The server: calls of operations, what they gave, and the stream of events that renews it.

import { signal } from "@preact/signals";
import { useEffect } from "preact/hooks";
import { t } from "./words.js";

/** What went wrong with a call, as the server said it. */
export class Failure extends Error {
  /** @param {{type?: string, message?: string, hint?: string, path?: string, request?: string}} error @param {number} status */
  constructor(error, status) {
    super(error.message || t("error.unknown", { status }));
    this.kind = error.type ?? "";
    this.hint = error.hint ?? "";
    this.path = error.path ?? "";
    this.request = error.request ?? "";
    this.status = status;
  }
}

/** Whether the last call or the stream failed to reach the server. */
export const offline = signal(false);

/** Whether the server asked for a token. */
export const locked = signal(false);

/** Number of the last event seen. */
export const seen = signal(0);

/** Address of an object's bytes. @param {string} digest */
export const objectUrl = (digest) => `/objects/${digest}`;

/**
 * Call an operation and give its result; raises `Failure`.
 * @param {string} name
 * @param {object} [args]
 * @returns {Promise<any>}
 */
export async function call(name, args = {}) {
  return JSON.parse(await text(name, args));
}

/** @param {string} name @param {object} args */
async function text(name, args) {
  let reply;
  try {
    reply = await fetch(`/api/v1/${name}`, {
      method: "POST",
      headers: { "content-type": "application/json" },
      body: JSON.stringify(args),
    });
  } catch {
    offline.value = true;
    throw new Failure({ type: "Offline", message: t("error.offline"), hint: t("error.offline.hint") }, 0);
  }
  offline.value = false;
  const body = await reply.text();
  if (reply.ok) return body;
  let error = {};
  try {
    error = JSON.parse(body).error ?? {};
  } catch {
    // not our server's words: the status must do
  }
  if (reply.status === 401) locked.value = true;
  throw new Failure(error, reply.status);
}

/** Show the server a token; it answers with a cookie. @param {string} token */
export async function unlock(token) {
  const reply = await fetch("/api/v1/session", { method: "POST", headers: { authorization: `Bearer ${token}` } });
  if (!reply.ok) throw new Failure((await reply.json().catch(() => ({}))).error ?? {}, reply.status);
  location.reload();
}

/**
 * Call an operation that changes something, then renew what is shown.
 * @param {string} name
 * @param {object} args
 */
export async function change(name, args) {
  const result = await call(name, args);
  renew(() => true);
  return result;
}

/**
 * @typedef {object} Held What is known of one call.
 * @property {any} value Its last result, undefined before the first.
 * @property {Failure | null} error Why the last try failed.
 * @property {boolean} busy Whether it has given neither yet.
 * @property {number} at When it last answered, ms.
 * @property {() => void} again Try again.
 */

/** @typedef {{name: string, args: object, raw: string, state: import("@preact/signals").Signal<Held>, users: number, on: RegExp | null, flight: boolean, stale: boolean}} Slot */

/** @type {Map<string, Slot>} */
const slots = new Map();

/** @param {string} name @param {object} args @returns {Slot} */
function slot(name, args) {
  const key = name + JSON.stringify(args);
  let found = slots.get(key);
  if (!found) {
    const made = (found = /** @type {Slot} */ ({
      name,
      args,
      raw: "",
      users: 0,
      on: null,
      flight: false,
      stale: false,
    }));
    found.state = signal({ value: undefined, error: null, busy: true, at: 0, again: () => load(made) });
    slots.set(key, found);
    if (slots.size > 200) for (const [old, item] of slots) if (!item.users && item !== made) slots.delete(old);
  }
  return found;
}

/** @param {Slot} item */
async function load(item) {
  if (item.flight) return void (item.stale = true);
  item.flight = true;
  do {
    item.stale = false;
    try {
      const raw = await text(item.name, item.args);
      if (raw !== item.raw || item.state.peek().error) {
        item.raw = raw;
        item.state.value = { ...item.state.peek(), value: JSON.parse(raw), error: null, busy: false, at: Date.now() };
      }
    } catch (error) {
      item.state.value = { ...item.state.peek(), error: /** @type {Failure} */ (error), busy: false };
    }
  } while (item.stale);
  item.flight = false;
}

const NEVER = signal(
  /** @type {Held} */ ({ value: undefined, error: null, busy: false, at: 0, again: () => undefined }),
);

/**
 * Show what an operation gives: at once what was known, soon what is true, again after events.
 * @param {string | null} name null: ask nothing yet.
 * @param {object} [args]
 * @param {{on?: RegExp | null, every?: number}} [options] on: kinds of events ("kind subject") that
 *   may change it, null for none; every: seconds after which to ask again anyway, 0 for never.
 * @returns {Held}
 */
export function useCall(name, args = {}, { on = /./, every = 0 } = {}) {
  const key = name === null ? "" : name + JSON.stringify(args);
  useEffect(() => {
    if (name === null) return undefined;
    const item = slot(name, args);
    item.users += 1;
    item.on = on;
    load(item);
    const timer = every ? setInterval(() => document.hidden || load(item), 1000 * every) : 0;
    return () => {
      item.users -= 1;
      clearInterval(timer);
    };
  }, [key, every]);
  return name === null ? NEVER.value : slot(name, args).state.value;
}

/**
 * The same for several calls of one operation, such as one for each row of a list.
 * @param {string} name
 * @param {object[]} list
 * @param {{on?: RegExp | null}} [options]
 * @returns {Held[]}
 */
export function useAll(name, list, { on = /./ } = {}) {
  useEffect(() => {
    const items = list.map((args) => slot(name, args));
    for (const item of items) {
      item.users += 1;
      item.on = on;
      load(item);
    }
    return () => items.forEach((item) => void (item.users -= 1));
  }, [name + JSON.stringify(list)]);
  return list.map((args) => slot(name, args).state.value);
}

/** @param {(item: Slot) => boolean} matches */
function renew(matches) {
  for (const item of slots.values()) if (item.users && matches(item)) load(item);
}

/** @type {Set<string>} */
const heard = new Set();
let timer = 0;

/** @param {{seq: number, kind: string, subject: string}} event */
function hear(event) {
  seen.value = event.seq;
  heard.add(`${event.kind} ${event.subject}`);
  timer ||= window.setTimeout(() => {
    const words = [...heard];
    heard.clear();
    timer = 0;
    renew((item) => item.on !== null && words.some((word) => item.on?.test(word)));
  }, 300);
}

/** @type {EventSource | null} */
let source = null;

/** Listen to events while the page is looked at; a hidden tab holds no connection. */
function listen() {
  if (document.hidden) {
    source?.close();
    source = null;
  } else if (!source) {
    source = new EventSource(`/api/v1/stream${seen.peek() ? `?after=${seen.peek()}` : ""}`);
    source.onmessage = (message) => hear(JSON.parse(message.data));
    source.onopen = () => {
      if (offline.peek()) renew(() => true);
      offline.value = false;
    };
    source.onerror = () => {
      offline.value = true;
      if (source?.readyState === EventSource.CLOSED) {
        source = null;
        setTimeout(listen, 3000);
      }
    };
  }
}

/** Follow the stream from now on. */
export function follow() {
  let retry = 0;
  offline.subscribe((away) => {
    clearInterval(retry);
    if (away) retry = window.setInterval(() => document.hidden || renew(() => true), 3000);
  });
  document.addEventListener("visibilitychange", () => {
    if (!document.hidden) renew(() => true);
    listen();
  });
  listen();
}
