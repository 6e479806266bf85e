// The parts that pages are made of: marks, panels, tables, states, dialogs.

import { signal } from "@preact/signals";
import htm from "htm";
import { h, render } from "preact";
import { useEffect, useLayoutEffect, useMemo, useRef, useState } from "preact/hooks";
import { agent, changed, go, keys, project, to, useKeys, useQuery, withQuery } from "./nav.js";
import { ago, full, num, short, t } from "./words.js";

/** @type {(strings: TemplateStringsArray, ...values: any[]) => any} */
export const html = htm.bind(h);
export {
  agent,
  changed,
  go,
  keys,
  project,
  render,
  signal,
  t,
  to,
  useEffect,
  useKeys,
  useLayoutEffect,
  useMemo,
  useQuery,
  useRef,
  useState,
  withQuery,
};

export const ICONS = {
  home: "M2.5 7.2 8 2.8l5.5 4.4v6H9.8V9.6H6.2v3.6H2.5z",
  data: "M2.8 4a5.2 1.9 0 1 0 10.4 0a5.2 1.9 0 1 0-10.4 0zM2.8 4v8c0 1 2.3 1.9 5.2 1.9s5.2-.9 5.2-1.9V4M2.8 8c0 1 2.3 1.9 5.2 1.9s5.2-.9 5.2-1.9",
  label:
    "M2.5 5V2.5H5M11 2.5h2.5V5M13.5 11v2.5H11M5 13.5H2.5V11M6 5.2h4a0.8 0.8 0 0 1 0.8 0.8v4a0.8 0.8 0 0 1-0.8 0.8h-4a0.8 0.8 0 0 1-0.8-0.8v-4a0.8 0.8 0 0 1 0.8-0.8z",
  runs: "M2.3 13.5h11.4M2.6 10.6l3-4.2 2.8 2.3 4.8-6.1",
  models: "M8 2.2 13.3 5v6L8 13.8 2.7 11V5zM2.9 5.1 8 7.9l5.1-2.8M8 7.9v5.7",
  serving:
    "M3.4 2.8h9.2a1 1 0 0 1 1 1v2.2a1 1 0 0 1-1 1h-9.2a1 1 0 0 1-1-1v-2.2a1 1 0 0 1 1-1zM3.4 9h9.2a1 1 0 0 1 1 1v2.2a1 1 0 0 1-1 1h-9.2a1 1 0 0 1-1-1v-2.2a1 1 0 0 1 1-1zM4.8 4.9h.01M4.8 11.1h.01M7.6 4.9h3.6M7.6 11.1h3.6",
  monitor: "M1.8 8.4h3l1.6-4.6 2.8 8.6 1.8-4h3.2",
  flows:
    "M2.2 4a1.6 1.6 0 1 0 3.2 0a1.6 1.6 0 1 0-3.2 0zM2.2 12a1.6 1.6 0 1 0 3.2 0a1.6 1.6 0 1 0-3.2 0zM10.6 8a1.6 1.6 0 1 0 3.2 0a1.6 1.6 0 1 0-3.2 0zM5.4 4h1.8c1.6 0 1.4 4 3.4 4M5.4 12h1.8c1.6 0 1.4-4 3.4-4",
  lineage:
    "M2.8 3.8a1.6 1.6 0 1 0 3.2 0a1.6 1.6 0 1 0-3.2 0zM2.8 12.2a1.6 1.6 0 1 0 3.2 0a1.6 1.6 0 1 0-3.2 0zM10 5.4a1.6 1.6 0 1 0 3.2 0a1.6 1.6 0 1 0-3.2 0zM4.4 5.4v5.2M11.6 7c0 2.6-4 2-6.6 3.8",
  settings:
    "M5.9 8a2.1 2.1 0 1 0 4.2 0a2.1 2.1 0 1 0-4.2 0zM8 1.9v1.7M8 12.4v1.7M14.1 8h-1.7M3.6 8H1.9M12.3 3.7l-1.2 1.2M4.9 11.1l-1.2 1.2M12.3 12.3l-1.2-1.2M4.9 4.9 3.7 3.7",
  keys: "M3 4h10a1.2 1.2 0 0 1 1.2 1.2v5.6a1.2 1.2 0 0 1-1.2 1.2h-10a1.2 1.2 0 0 1-1.2-1.2v-5.6a1.2 1.2 0 0 1 1.2-1.2zM4.4 6.8h.01M7 6.8h.01M9.6 6.8h.01M4.6 9.4h6.8",
  find: "M2.8 7a4.2 4.2 0 1 0 8.4 0a4.2 4.2 0 1 0-8.4 0zM10.2 10.2l3.3 3.3",
  moon: "M13.2 9.6A5.6 5.6 0 0 1 6.4 2.8a5.6 5.6 0 1 0 6.8 6.8z",
  right: "m6.3 4.5 3.5 3.5-3.5 3.5",
  left: "M9.7 4.5 6.2 8l3.5 3.5",
  down: "m4.5 6.3 3.5 3.5 3.5-3.5",
  up: "m4.5 9.7 3.5-3.5 3.5 3.5",
  copy: "M6.6 5.4h5.6a1.2 1.2 0 0 1 1.2 1.2v5.6a1.2 1.2 0 0 1-1.2 1.2h-5.6a1.2 1.2 0 0 1-1.2-1.2v-5.6a1.2 1.2 0 0 1 1.2-1.2zM10.6 5.4V3.6c0-.6-.4-1-1-1h-6c-.6 0-1 .4-1 1v6c0 .6.4 1 1 1h1.8",
  link: "M6.8 9.2a2.6 2.6 0 0 0 3.7 0l2-2a2.6 2.6 0 0 0-3.7-3.7l-.9.9M9.2 6.8a2.6 2.6 0 0 0-3.7 0l-2 2a2.6 2.6 0 0 0 3.7 3.7l.9-.9",
  grow: "M9.8 2.6h3.6v3.6M13.2 2.8 9.4 6.6M6.2 13.4H2.6V9.8M2.8 13.2l3.8-3.8",
  plus: "M8 3.2v9.6M3.2 8h9.6",
  close: "m4.4 4.4 7.2 7.2M11.6 4.4l-7.2 7.2",
  check: "m3.4 8.4 3 3 6.2-6.8",
  warn: "M8 2.6 14 13H2zM8 6.6v3M8 11.3h.01",
  info: "M2.2 8a5.8 5.8 0 1 0 11.6 0a5.8 5.8 0 1 0-11.6 0zM8 7.4v3.4M8 5.2h.01",
  clock: "M2.2 8a5.8 5.8 0 1 0 11.6 0a5.8 5.8 0 1 0-11.6 0zM8 4.6V8l2.4 1.6",
  undo: "M5.6 3.2 2.8 6l2.8 2.8M3 6h6a3.6 3.6 0 0 1 0 7.2H6.6",
  flag: "M4 13.8V2.6h7.4l-1.6 2.8 1.6 2.8H4",
  columns:
    "M3.6 3h8.8a1.2 1.2 0 0 1 1.2 1.2v7.6a1.2 1.2 0 0 1-1.2 1.2h-8.8a1.2 1.2 0 0 1-1.2-1.2v-7.6a1.2 1.2 0 0 1 1.2-1.2zM6.2 3v10M9.9 3v10",
  play: "M5.4 3.4v9.2l7.2-4.6z",
  more: "M3.6 8h.01M8 8h.01M12.4 8h.01",
  bolt: "M8.8 1.8 3.6 9h3.6l-.8 5.2L11.8 7H8z",
  file: "M4 2.4h5l3 3v8.200H4zM9 2.4v3h3",
  swap: "M3 5.600h9M9.600 3.200 12 5.600 9.600 8M13 10.400H4M6.400 8 4 10.400l2.400 2.400",
};

/** @typedef {keyof typeof ICONS} IconName */

/** @param {{n: IconName, class?: string}} props */
export const Ico = ({ n, class: extra = "" }) =>
  html`<svg class=${`ico ${extra}`} viewBox="0 0 16 16" aria-hidden="true"><path d=${ICONS[n]} /></svg>`;

/** @typedef {"ok" | "warn" | "bad" | "run" | "wait" | "off"} Sign */

const SIGNS = {
  ok: () =>
    html`
      <circle cx="6" cy="6" r="5" fill="currentColor" />
      <path d="m3.6 6.2 1.7 1.7 3.2-3.6" fill="none" stroke="var(--surface)" stroke-width="1.5" />
    `,
  warn: () =>
    html`
      <path d="M6 .8 11.6 11H.4z" fill="currentColor" />
      <path d="M6 4.4v3M6 9.1h.01" stroke="var(--surface)" stroke-width="1.4" stroke-linecap="round" />
    `,
  bad: () =>
    html`
      <rect x="1" y="1" width="10" height="10" rx="2" fill="currentColor" />
      <path d="m4 4 4 4M8 4 4 8" stroke="var(--surface)" stroke-width="1.4" stroke-linecap="round" />
    `,
  run: () =>
    html`
      <circle cx="6" cy="6" r="4.4" fill="none" stroke="currentColor" stroke-opacity=".3" stroke-width="1.8" />
      <path
        d="M6 1.6A4.4 4.4 0 0 1 10.4 6"
        fill="none"
        stroke="currentColor"
        stroke-width="1.8"
        stroke-linecap="round"
      />
    `,
  wait: () =>
    html`<circle cx="6" cy="6" r="4.4" fill="none" stroke="currentColor" stroke-width="1.6" stroke-dasharray="2.2 2.4" />`,
  off: () => html`<circle cx="6" cy="6" r="4.2" fill="none" stroke="currentColor" stroke-width="1.6" />`,
};

/** A status: a shape, and the word that it stands for. @param {{s: Sign, children?: any}} props */
export const Mark = ({ s, children }) =>
  html`<span class=${`st ${s}`}><svg viewBox="0 0 12 12" aria-hidden="true">${SIGNS[s]()}</svg>${children}</span>`;

/** @type {Record<string, Sign>} */
const STATES = {
  finished: "ok",
  done: "ok",
  running: "run",
  failed: "bad",
  killed: "bad",
  queued: "wait",
  cancelled: "off",
  leased: "run",
  waiting: "wait",
  skipped: "off",
};

/** The state of a run, job or task. @param {{of: string}} props */
export const State = ({ of }) => html`<${Mark} s=${STATES[of] ?? "off"}>${t(/** @type {any} */ (`state.${of}`))}<//>`;

/** @type {Record<string, Sign>} */
const OUTCOMES = {
  better: "ok",
  cheaper: "ok",
  same: "off",
  worse: "warn",
  drifted: "warn",
  steady: "ok",
  "too-few": "wait",
  passed: "ok",
  kept: "off",
  done: "ok",
  promoted: "ok",
  failed: "bad",
};

/** The one word that a run ended with. @param {{of: string}} props */
export const Outcome = ({ of }) =>
  of ? html`<${Mark} s=${OUTCOMES[of] ?? "off"}>${t(/** @type {any} */ (`outcome.${of}`))}<//>` : null;

/** A moment: relative, with the full time on hover. @param {{at: number | null | undefined}} props */
export function When({ at }) {
  const [, tick] = useState(0);
  useEffect(() => {
    const timer = setInterval(() => tick((n) => n + 1), 30000);
    return () => clearInterval(timer);
  }, []);
  return at ? html`<time datetime=${new Date(at * 1000).toISOString()} title=${full(at)}>${ago(at)}</time>` : "–";
}

/** A number with its full value on hover. @param {{x: number | null | undefined, digits?: number}} props */
export const Num = ({ x, digits }) => html`<span title=${x ?? ""}>${num(x, digits)}</span>`;

/** A parameter as it was given. @param {any} value */
export const plain = (value) =>
  value === undefined || value === null
    ? html`<span class="faint">–</span>`
    : String(typeof value === "number" ? Number(value.toPrecision(12)) : value);

/** A digest or id, short, whole on hover. @param {{of: string}} props */
export const Id = ({ of }) => html`<span class="mono" title=${of}>${short(of)}</span>`;

/** @param {{title: any, note?: any, actions?: any, children?: any, foot?: any, class?: string}} props */
export const Panel = ({
  title,
  note,
  actions,
  children,
  foot,
  class: extra = "",
}) => html`<section class=${`panel ${extra}`}>
  <header>
    <h2>${title}</h2>
    ${note ? html`<span class="faint small">${note}</span>` : null}
    ${actions ? html`<span class="right">${actions}</span>` : null}
  </header>
  ${children}
  ${foot ? html`<footer>${foot}</footer>` : null}
</section>`;

/** @param {{title: any, sub?: any, children?: any}} props */
export const Head = ({ title, sub, children }) =>
  html`<div class="head">
    <div><h1>${title}</h1>${sub ? html`<p>${sub}</p>` : null}</div>
    ${children ? html`<div class="act">${children}</div>` : null}
  </div>`;

/** One figure of a row of them. @param {{name: any, value: any, unit?: any, note?: any, trend?: any}} props */
export const Figure = ({ name, value, unit, note, trend }) => html`<div>
  <div class="small mute">${name}</div>
  <div class="fig">${value} ${unit ? html`<small>${unit}</small>` : null}</div>
  ${trend ?? html`<span></span>`}
  <div class="small faint">${note ?? "\u00a0"}</div>
</div>`;

/** Exclusive choice. @param {{name: string, options: [string, any][], value: string, pick: (value: string) => void}} props */
export const Seg = ({ name, options, value, pick }) => html`<div class="seg" role="group" aria-label=${name}>
  ${options.map(([key, label]) => html`<button type="button" key=${key} aria-pressed=${String(key === value)} onClick=${() => pick(key)}>${label}</button>`)}
</div>`;

/** @param {{text: string, label?: string}} props */
export const Copy = ({ text, label }) =>
  html`<button
    type="button"
    class=${`btn bare s ${label ? "" : "icon"}`}
    aria-label=${label ? null : t("copy")}
    onClick=${() => copy(text)}
  >
    <${Ico} n="copy" />
    ${label}
  </button>`;

/** @param {string} text */
export async function copy(text) {
  await navigator.clipboard?.writeText(text);
  toast(t("copied"));
}

/** A command line that can be copied. @param {{line: string}} props */
export const Cmd = ({ line }) => html`<div class="cmd"><code>${line}</code><${Copy} text=${line} /></div>`;

/** What stands where nothing is yet: what belongs here, and the command that fills it. @param {{title: any, text: any, line?: string, children?: any}} props */
export const Empty = ({ title, text, line, children }) =>
  html`<div class="empty"><b>${title}</b><p>${text}</p>${line ? html`<${Cmd} line=${line} />` : null}${children}</div>`;

/** What failed, what to do, and the request's id. @param {{error: import("./api.js").Failure, again: () => void}} props */
export const Fail = ({ error, again }) => html`<div class="fail" role="alert">
  <${Mark} s="bad"><b class="strong">${error.message}</b><//>
  ${error.hint ? html`<p class="mute">${error.hint}</p>` : null}
  <div class="row">
    <button type="button" class="btn s" onClick=${again}>${t("again")}</button>
    ${error.request ? html`<span class="faint small">${t("error.request")} <code>${error.request}</code></span>` : null}
  </div>
</div>`;

/** Grey rows, but only after 150 ms. @param {{rows?: number, block?: boolean}} props */
export function Loading({ rows = 4, block = false }) {
  const [late, set] = useState(false);
  useEffect(() => {
    const timer = setTimeout(() => set(true), 150);
    return () => clearTimeout(timer);
  }, []);
  return html`<div class="wait" aria-busy="true">
    <span class="vh" role="status">${late ? t("loading") : ""}</span>
    ${
      late
        ? html`<div class=${`load ${block ? "block" : ""}`} aria-hidden="true">
      ${Array.from({ length: rows }, () => html`<i></i>`)}
    </div>`
        : null
    }
  </div>`;
}

/**
 * What a call gave, or why it did not, or that it is on its way.
 * @param {{of: import("./api.js").Held, rows?: number, block?: boolean, children: (value: any) => any}} props
 */
export function Loaded({ of, rows, block, children }) {
  if (of.value !== undefined)
    return html`${of.error ? html`<${Fail} error=${of.error} again=${of.again} />` : null}${children(of.value)}`;
  return of.error
    ? html`<${Fail} error=${of.error} again=${of.again} />`
    : html`<${Loading} rows=${rows} block=${block} />`;
}

/** @type {import("@preact/signals").Signal<{id: number, text: any, undo?: () => void}[]>} */
const notes = signal([]);
let made = 0;

/** Say that something was done; with `undo` it can be taken back for eight seconds. @param {any} text @param {() => void} [undo] */
export function toast(text, undo) {
  const note = { id: (made += 1), text, undo };
  notes.value = [...notes.value.slice(-2), note];
  setTimeout(() => (notes.value = notes.value.filter((other) => other !== note)), undo ? 8000 : 4000);
}

export const Toasts = () =>
  html`<div class="toasts" role="status" aria-live="polite">
    ${notes.value.map(
      (note) =>
        html`<div class="toast" key=${note.id}>
      <span>${note.text}</span>
      ${
        note.undo
          ? html`<button
        type="button"
        class="btn s"
        onClick=${() => (note.undo?.(), (notes.value = notes.value.filter((other) => other !== note)))}
      >
        ${t("undo")}
      </button>`
          : null
      }
    </div>`,
    )}
  </div>`;

/** @type {import("@preact/signals").Signal<{title: any, body: any, verb: string, run: () => Promise<any>} | null>} */
const asked = signal(null);

/** Ask before something that changes what others see; the body says what will happen. @param {{title: any, body: any, verb: string, run: () => Promise<any>}} question */
export const ask = (question) => void (asked.value = question);

export function Ask() {
  const question = asked.value;
  const [state, set] = useState({ busy: false, error: /** @type {any} */ (null) });
  useEffect(() => set({ busy: false, error: null }), [question]);
  if (!question) return null;
  const close = () => void (asked.value = null);
  const run = async () => {
    set({ busy: true, error: null });
    try {
      await question.run();
      close();
    } catch (error) {
      set({ busy: false, error });
    }
  };
  return html`<${Modal} title=${question.title} close=${close}>
    <div class="in">${question.body}${state.error ? html`<${Fail} error=${state.error} again=${run} />` : null}</div>
    <footer>
      <button type="button" class="btn" onClick=${close}>${t("cancel")}</button>
      <button type="button" class="btn main-act" disabled=${state.busy} onClick=${run}>
        ${state.busy ? t("working") : question.verb}
      </button>
    </footer>
  <//>`;
}

/** @param {{title: any, close: () => void, class?: string, plain?: boolean, children?: any}} props */
export function Modal({ title, close, class: extra = "", plain = false, children }) {
  const box = useRef(/** @type {HTMLDialogElement | null} */ (null));
  useLayoutEffect(() => {
    const back = document.activeElement;
    box.current?.showModal();
    return () => void (back instanceof HTMLElement && back.focus());
  }, []);
  return html`<dialog
    ref=${box}
    class=${extra}
    aria-label=${title}
    onClose=${close}
    onClick=${(/** @type {MouseEvent} */ event) => event.target === box.current && close()}
  >
    ${
      plain
        ? null
        : html`<header>
      <h2>${title}</h2>
      <button type="button" class="btn bare icon s right" aria-label=${t("close")} onClick=${close}>
        <${Ico} n="close" />
      </button>
    </header>`
    }
    ${children}
  </dialog>`;
}

/**
 * Run something that changes the project from a button: it is off while it runs, and says what failed.
 * @param {{run: () => Promise<any>, class?: string, children?: any, disabled?: boolean, title?: string}} props
 */
export function Do({ run, class: extra = "", children, disabled = false, title }) {
  const [busy, set] = useState(false);
  const press = async () => {
    set(true);
    try {
      await run();
    } catch (error) {
      toast(/** @type {Error} */ (error).message);
    }
    set(false);
  };
  return html`<button type="button" class=${`btn ${extra}`} title=${title} disabled=${busy || disabled} onClick=${press}>
    ${children}
  </button>`;
}

/** The width of an element, for charts that are drawn to fit. @returns {[import("preact").RefObject<any>, number]} */
export function useWidth(first = 0) {
  const ref = useRef(/** @type {HTMLElement | null} */ (null));
  const [width, set] = useState(first);
  useLayoutEffect(() => {
    const node = ref.current;
    if (!node) return undefined;
    set(Math.floor(node.clientWidth));
    const watch = new ResizeObserver(() => set(Math.floor(node.clientWidth)));
    watch.observe(node);
    return () => watch.disconnect();
  }, []);
  return [ref, width];
}

/** A small line without axes. @param {{values: (number | null)[], width?: number, height?: number, color?: string, area?: boolean}} props */
export function Spark({ values, width = 64, height = 18, color = "var(--text-3)", area = false }) {
  const found = /** @type {number[]} */ (values.filter((x) => x !== null && Number.isFinite(x)));
  if (found.length < 2) return html`<svg class="chart" width=${width} height=${height} aria-hidden="true"></svg>`;
  const [low, high] = [Math.min(...found), Math.max(...found)];
  const at = found.map((x, i) => [
    1 + ((width - 4) * i) / (found.length - 1),
    high === low ? height / 2 : height - 2 - ((height - 4) * (x - low)) / (high - low),
  ]);
  const line = "M" + at.map(([x, y]) => `${x.toFixed(1)},${y.toFixed(1)}`).join("L");
  const [lastX, lastY] = at[at.length - 1];
  return html`<svg class="chart" width=${width} height=${height} viewBox=${`0 0 ${width} ${height}`} aria-hidden="true">
    ${area ? html`<path d=${`${line}L${lastX},${height}L1,${height}Z`} fill=${color} opacity=".12" />` : null}
    <path class="ln" d=${line} stroke=${color} style="stroke-width:1.4" />
    <circle cx=${lastX} cy=${lastY} r="1.8" fill=${color} />
  </svg>`;
}

/**
 * @typedef {object} Column
 * @property {string} key
 * @property {any} label
 * @property {(row: any) => any} cell What the table shows.
 * @property {(row: any) => any} [by] What it sorts by; without it the column does not sort.
 * @property {boolean} [num] Whether it holds numbers.
 * @property {string} [class]
 */

/**
 * Sort rows by what the address says: `column`, or `-column` for the largest first.
 * @template R @param {R[]} rows @param {Column[]} columns @param {string} sort @returns {R[]}
 */
export function sorted(rows, columns, sort) {
  const down = sort.startsWith("-");
  const column = columns.find((item) => item.key === sort.replace(/^-/, ""));
  if (!column?.by) return rows;
  const by = column.by;
  const missing = (/** @type {any} */ x) => x === null || x === undefined || Number.isNaN(x);
  return [...rows].sort((one, two) => {
    const [a, b] = [by(one), by(two)];
    if (missing(a) || missing(b)) return Number(missing(a)) - Number(missing(b));
    const order =
      typeof a === "string" || typeof b === "string"
        ? String(a).localeCompare(String(b), undefined, { numeric: true })
        : Number(a) - Number(b);
    return down ? -order : order;
  });
}

/** A header that sorts. @param {{column: Column, sort: string, set: (value: string) => void, class?: string}} props */
export function Th({ column, sort, set, class: extra = "" }) {
  const down = sort === `-${column.key}`;
  const up = sort === column.key;
  const next = up ? `-${column.key}` : down ? column.key : column.num ? `-${column.key}` : column.key;
  return html`<th class=${`${column.num ? "num" : ""} ${extra}`} aria-sort=${down ? "descending" : up ? "ascending" : null}>
    ${
      column.by
        ? html`<button type="button" onClick=${() => set(next)}>
      ${down || up ? html`<${Ico} n=${down ? "down" : "up"} />` : null}
      ${column.label}
    </button>`
        : column.label
    }
  </th>`;
}

/**
 * A table whose rows open on a click, with its order in the address.
 * @param {{name: string, columns: Column[], rows: any[], id: (row: any) => string, open?: (row: any) => string | null, sort?: string, query?: string, selected?: string}} props
 */
export function Table({ name, columns, rows, id, open, sort: normal = "", query = "sort", selected }) {
  const [sort, set] = useQuery(query, normal);
  return html`<div class="scroll">
    <table aria-label=${name}>
      <thead>
        <tr>
          ${columns.map((column) => html`<${Th} key=${column.key} column=${column} sort=${sort} set=${set} />`)}
        </tr>
      </thead>
      <tbody>
        ${sorted(rows, columns, sort).map((row) => {
          const address = open?.(row) ?? null;
          return html`<tr
          key=${id(row)}
          class=${address ? "open" : ""}
          aria-selected=${selected === id(row) ? "true" : null}
          onClick=${(/** @type {MouseEvent} */ event) => address && !(/** @type {Element} */ (event.target).closest("a, button, input")) && go(address)}
        >
          ${columns.map((column) => html`<td key=${column.key} class=${`${column.num ? "num" : ""} ${column.class ?? ""}`}>${column.cell(row)}</td>`)}
        </tr>`;
        })}
      </tbody>
    </table>
  </div>`;
}
