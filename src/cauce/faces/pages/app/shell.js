// The frame: navigation as the course, the line at the top, keys that work everywhere.

import { useErrorBoundary } from "preact/hooks";
import { locked, unlock, useCall } from "./api.js";
import { place } from "./nav.js";
import {
  Ask,
  Fail,
  Ico,
  Modal,
  Toasts,
  agent,
  copy,
  go,
  html,
  project,
  signal,
  t,
  to,
  toast,
  useEffect,
  useKeys,
  useLayoutEffect,
  useRef,
  useState,
} from "./ui.js";
import { count, person } from "./words.js";

/** @typedef {import("./ui.js").IconName} IconName */

/** The course, with the key that follows `g`. @type {[string, IconName, string][]} */
export const COURSE = [
  ["data", "data", "d"],
  ["label", "label", "l"],
  ["runs", "runs", "r"],
  ["models", "models", "m"],
  ["serving", "serving", "s"],
  ["monitor", "monitor", "w"],
  ["flows", "flows", "f"],
];

/** What is drawn over the page: nothing, the palette, or the list of keys. */
export const over = signal(/** @type {"" | "palette" | "keys"} */ (""));

/** Remember a choice of this browser, where the server can read it before the first line is drawn. @param {string} name @param {string} value */
export function remember(name, value) {
  document.cookie = `cauce-${name}=${value}; path=/; max-age=${value ? 31536000 : 0}; samesite=lax`;
}

/** @param {"" | "light" | "dark"} theme */
export function setTheme(theme) {
  if (theme) document.documentElement.dataset.theme = theme;
  else delete document.documentElement.dataset.theme;
  remember("theme", theme);
  dispatchEvent(new Event("themechange"));
}

const isDark = () =>
  (document.documentElement.dataset.theme ??
    (matchMedia("(prefers-color-scheme: dark)").matches ? "dark" : "light")) === "dark";

const flip = () => setTheme(isDark() ? "light" : "dark");

function fold() {
  const root = document.documentElement;
  const folded = root.dataset.nav === "folded" || (root.dataset.nav !== "open" && innerWidth <= 1100);
  root.dataset.nav = folded ? "open" : "folded";
  remember("nav", root.dataset.nav);
}

/** The state of each stage in one word or number. @returns {Record<string, [any, string] | null>} */
function useTags() {
  const sets = useCall("data.ls", {}, { on: /dataset/ }).value ?? [];
  const queues = useCall("label.ls", {}, { on: /label|annotations/ }).value ?? [];
  const runs = useCall("track.ls", { status: "running", limit: 1 }, { on: /run\./ }).value;
  const models = useCall("models.ls", {}, { on: /model/ }).value ?? [];
  const live = useCall("serve.ls", {}, { on: /deployment/ }).value ?? [];
  const reports =
    useCall(
      live.length ? "watch.reports" : null,
      { name: live[0]?.name, limit: 1 },
      { on: /drift|report|deployment/ },
    ).value ?? [];
  const jobs = useCall("jobs.ls", { limit: 20 }, { on: /job\./ }).value ?? [];
  const waiting = queues.reduce(
    (/** @type {number} */ sum, /** @type {any} */ queue) => sum + queue.counts.waiting,
    0,
  );
  const drifting = (reports[0] && reports[0].deployment === live[0]?.live.id ? reports[0].inputs : []).filter(
    (/** @type {any} */ input) => input.drifted,
  ).length;
  const working = jobs.filter((/** @type {any} */ job) => job.state === "running").length;
  return {
    data: sets.length ? [sets.length === 1 ? sets[0].number : count(sets.length), ""] : null,
    label: waiting ? [count(waiting), "warn"] : null,
    runs: runs?.total ? [t("tag.live", { n: runs.total }), ""] : null,
    models: models.length
      ? [models.length === 1 ? t("v", { v: models[0].latest.number }) : count(models.length), ""]
      : null,
    serving: live.length ? [count(live.length), ""] : null,
    monitor: drifting ? [count(drifting), "warn"] : null,
    flows: working ? [t("tag.live", { n: working }), ""] : null,
  };
}

/** @param {{section: string}} props */
function Nav({ section }) {
  const tags = useTags();
  const link = (
    /** @type {string} */ name,
    /** @type {IconName} */ icon,
    /** @type {string} */ address,
    /** @type {any} */ tag = null,
  ) => html`<a href=${address} aria-current=${section === name ? "page" : null} title=${t(/** @type {any} */ (`nav.${name}`))}>
    <${Ico} n=${icon} />
    <span>${t(/** @type {any} */ (`nav.${name}`))}</span>
    ${tag ? html`<span class=${`tag ${tag[1]}`}>${tag[0]}</span>` : null}
  </a>`;
  return html`<nav class="nav" aria-label=${t("nav.project")}>
    <a class="brand" href=${to()}>
      <svg
        width="20"
        height="20"
        viewBox="0 0 20 20"
        fill="none"
        stroke="currentColor"
        stroke-linecap="round"
        aria-hidden="true"
      >
        <path d="M2.5 5.2c5.2 0 5.2 3.2 7.5 4.8s2.3 4.8 7.5 4.8" stroke-width="2.6" />
        <path
          d="M9.6 3.4c3 .5 3.6 2 4.6 3.3.8 1 1.7 1.6 3.3 1.8M2.5 11.5c1.6.2 2.5.8 3.3 1.8 1 1.3 1.6 2.8 4.6 3.3"
          stroke-width="1.3"
          opacity=".45"
        />
      </svg>
      <span>Cauce</span>
    </a>
    <div class="switch">
      <span class="face s" aria-hidden="true">${project.slice(0, 2).toUpperCase()}</span>
      <span class="clip">${project}</span>
    </div>
    ${link("overview", "home", to())}
    <div class="course">${COURSE.map(([name, icon]) => link(name, icon, to(name), tags[name]))}</div>
    <div class="foot">${link("lineage", "lineage", to("lineage"))}${link("settings", "settings", "/settings")}</div>
  </nav>`;
}

/** @param {{crumbs: [string, string | null][]}} props */
function Top({ crumbs }) {
  return html`<header class="top">
    <nav class="crumbs" aria-label=${t("crumbs")}>
      ${crumbs.map(([label, address], at) =>
        at === crumbs.length - 1
          ? html`<b aria-current="page">${label}</b>`
          : html`
        <a href=${address}>${label}</a>
        <${Ico} n="right" />
      `,
      )}
    </nav>
    <button type="button" class="find" onClick=${() => (over.value = "palette")}>
      <${Ico} n="find" />
      <span>${t("find")}</span>
      <span class="right"><kbd>Ctrl</kbd> <kbd>K</kbd></span>
    </button>
    <button
      type="button"
      class="btn bare icon"
      aria-label=${t("keys.title")}
      title=${t("keys.title")}
      onClick=${() => (over.value = "keys")}
    >
      <${Ico} n="keys" />
    </button>
    <button
      type="button"
      class="btn bare icon"
      aria-label=${t("theme.switch")}
      title=${t("theme.switch")}
      onClick=${flip}
    >
      <${Ico} n="moon" />
    </button>
    <span class="face" title=${agent}>
      <span aria-hidden="true">${person(agent).slice(0, 2).toUpperCase()}</span>
      <span class="vh">${t("you.are", { agent: person(agent) })}</span>
    </span>
  </header>`;
}

/** The palette and the list of keys come only when they are asked for. */
function Over() {
  const [parts, set] = useState(/** @type {any} */ (null));
  useEffect(() => {
    if (over.value && !parts) import("./palette.js").then(set, () => toast(t("error.module")));
  }, [over.value]);
  const close = () => void (over.value = "");
  if (!parts || !over.value) return null;
  return over.value === "palette"
    ? html`<${parts.Palette} close=${close} />`
    : html`<${parts.Keys} close=${close} />`;
}

function useGlobalKeys() {
  const jumps = [["overview", "home", "o"], ...COURSE].map(([name, , key]) => ({
    key: `g ${key}`,
    label: t(/** @type {any} */ (`nav.${name}`)),
    run: () => go(to(name === "overview" ? null : name)),
  }));
  useKeys(t("keys.everywhere"), [
    { key: "?", label: t("keys.title"), run: () => void (over.value = "keys") },
    {
      key: "/",
      label: t("keys.filter"),
      run: () =>
        document.querySelector("[data-filter]") instanceof HTMLElement
          ? /** @type {HTMLElement} */ (document.querySelector("[data-filter]")).focus()
          : (over.value = "palette"),
    },
    ...jumps,
    { key: "g i", label: t("nav.lineage"), run: () => go(to("lineage")) },
    { key: "[", label: t("keys.fold"), run: fold },
    { key: "Shift+L", label: t("keys.link"), run: () => void copy(location.href) },
    { key: "Shift+D", label: t("theme.switch"), run: flip },
  ]);
  useEffect(() => {
    const press = (/** @type {KeyboardEvent} */ event) => {
      if ((event.ctrlKey || event.metaKey) && event.key.toLowerCase() === "k") {
        event.preventDefault();
        over.value = over.peek() === "palette" ? "" : "palette";
      }
    };
    addEventListener("keydown", press);
    return () => removeEventListener("keydown", press);
  }, []);
}

/** @param {{section: string, crumbs: [string, string | null][], full: boolean, offline: boolean, children?: any}} props */
export function Shell({ section, crumbs, full, offline, children }) {
  useGlobalKeys();
  const main = useRef(/** @type {HTMLElement | null} */ (null));
  const address = place.value.path;
  const first = useRef(true);
  useLayoutEffect(() => {
    if (!first.current) main.current?.focus({ preventScroll: true });
    first.current = false;
  }, [address]);
  return html`
    <a
      class="skip"
      href="#main"
      onClick=${(/** @type {Event} */ event) => (event.preventDefault(), main.current?.focus())}
    >
      ${t("skip")}
    </a>
    <div class=${`app ${full ? "full" : ""}`}>
      <${Nav} section=${section} />
      <div class="main">
        <${Top} crumbs=${crumbs} />
        ${offline ? html`<div class="offline" role="status"><${Ico} n="warn" />${t("offline")}</div>` : null}
        <main id="main" tabindex="-1" ref=${main}><${Catch} key=${place.value.path}>${children}<//></main>
      </div>
    </div>
    <${Over} />
    <${Ask} />
    <${SignIn} />
    <${Toasts} />
  `;
}

/** A server with tokens wants to see one. */
function SignIn() {
  const [error, fail] = useState(/** @type {any} */ (null));
  const [token, type] = useState("");
  if (!locked.value) return null;
  const send = (/** @type {Event} */ event) => (event.preventDefault(), unlock(token.trim()).catch(fail));
  return html`<${Modal} title=${t("signin.title")} close=${() => (locked.value = false)}>
    <form class="in" onSubmit=${send}>
      <p>${t("signin.text")}</p>
      <label class="field">
        <span>${t("signin.token")}</span>
        <input
          class="input mono"
          type="password"
          autocomplete="current-password"
          value=${token}
          onInput=${(/** @type {any} */ event) => type(event.target.value)}
        />
      </label>
      ${error ? html`<${Fail} error=${error} again=${() => fail(null)} />` : null}
      <button type="submit" class="btn main-act" disabled=${!token.trim()}>${t("signin")}</button>
    </form>
  <//>`;
}

/** A page that fails to draw does not take the frame with it. @param {{children?: any}} props */
function Catch({ children }) {
  const [error, again] = useErrorBoundary((found) => console.error(found));
  return error
    ? html`<div class="page">
      <h1 class="vh">${t("error.title")}</h1>
      <${Fail} error=${{ message: t("error.page"), hint: String(error) }} again=${again} />
    </div>`
    : children;
}
